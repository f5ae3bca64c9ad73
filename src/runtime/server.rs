//! What the operator answers over HTTP: metrics to Prometheus, and the kubelet's probes.

use std::error::Error;
use std::net::SocketAddr;
use std::sync::Arc;
use std::thread;

use tiny_http::{Header, Response, Server};

use crate::metrics::Metrics;
use crate::runtime::probes::Probes;

/// <https://prometheus.io/docs/specs/om/open_metrics_spec/#text-format>
const OPEN_METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// Nothing can be served.
#[derive(Debug, thiserror::Error)]
#[error("--metrics-address {address} cannot be listened on: {reason}")]
pub struct ServeError {
    address: SocketAddr,
    reason: Box<dyn Error + Send + Sync>,
}

/// Answers for as long as the process lives, from a thread of its own: a busy operator answers all the same.
///
/// # Errors
/// The address cannot be listened on.
pub fn serve(metrics: Arc<Metrics>, probes: Arc<Probes>, address: SocketAddr) -> Result<(), ServeError> {
    let server = Server::http(address).map_err(|reason| ServeError { address, reason })?;
    tracing::info!(address = %server.server_addr(), "serving metrics and probes");
    thread::spawn(move || {
        for request in server.incoming_requests() {
            let Page { status, text, kind } = page(request.url(), &metrics, &probes);
            let kind = kind.and_then(|kind| Header::from_bytes("content-type", kind).ok());
            let answer = Response::from_string(text).with_status_code(status);
            if let Err(error) = request.respond(kind.into_iter().fold(answer, Response::with_header)) {
                tracing::debug!(error = &error as &dyn Error, "the client closed the connection");
            }
        }
    });
    Ok(())
}

/// An answer.
struct Page {
    status: u16,
    text: String,
    kind: Option<&'static str>,
}

fn page(path: &str, metrics: &Metrics, probes: &Probes) -> Page {
    let plain = |status, text: String| Page { status, text: text + "\n", kind: None };
    match path {
        "/metrics" => Page { status: 200, text: metrics.text(), kind: Some(OPEN_METRICS) },
        "/livez" if probes.lives() => plain(200, "ok".to_owned()),
        "/livez" => plain(503, "the operator makes no progress".to_owned()),
        "/readyz" => match probes.waits_for() {
            None => plain(200, "ok".to_owned()),
            Some(what) => plain(503, format!("waits for {what}")),
        },
        _ => plain(404, "there are /metrics, /livez and /readyz".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn readiness_says_what_it_waits_for() {
        let (metrics, probes) = (Metrics::default(), Probes::new("the API server"));
        let answer = |probes: &Probes, path: &str| {
            let Page { status, text, .. } = page(path, &metrics, probes);
            (status, text)
        };
        assert_eq!(answer(&probes, "/livez"), (200, "ok\n".to_owned()));
        assert_eq!(answer(&probes, "/readyz"), (503, "waits for the API server\n".to_owned()));
        probes.is_ready();
        assert_eq!(answer(&probes, "/readyz"), (200, "ok\n".to_owned()));
        assert_eq!(answer(&probes, "/metrics").0, 200);
        assert_eq!(answer(&probes, "/").0, 404);
    }
}
