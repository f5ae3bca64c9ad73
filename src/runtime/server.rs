//! What the operator answers over HTTP: the kubelet's probes, and metrics to Prometheus.
//!
//! Anybody who reaches a port may try to keep others out. Each has a thread and connections of its own, so that nobody
//! reaches the probes by way of the metrics. A connection is for one small request and one answer, which have a time; when
//! all connections are taken, the oldest makes room for the newest.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{HeaderValue, Request, Response, StatusCode};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio::runtime::Builder;
use tokio::task::AbortHandle;
use tokio::time::{sleep, timeout};

use crate::metrics::Metrics;
use crate::runtime::probes::Probes;

/// <https://prometheus.io/docs/specs/om/open_metrics_spec/#text-format>
const OPEN_METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// Bytes of a request with its headers: the least that hyper can be held to, and many times what is sent.
const MAX_REQUEST: usize = 8_192;

/// A pause after a connection that cannot be accepted, such as for want of file descriptors.
const PAUSE: Duration = Duration::from_millis(100);

/// What a port is for.
#[derive(Clone, Copy, Debug)]
struct Port {
    flag: &'static str,
    /// Connections at the same time.
    connections: usize,
    /// From accepting a connection to the last byte of its answer.
    exchange: Duration,
}

const PROBES: Port = Port { flag: "--probes-address", connections: 64, exchange: Duration::from_secs(5) };

/// An answer holds all metrics, some megabytes with thousands of pipelines. Ten seconds is what Prometheus waits.
const METRICS: Port = Port { flag: "--metrics-address", connections: 8, exchange: Duration::from_secs(10) };

type Answer = Response<Full<Bytes>>;

/// Nothing can be served.
#[derive(Debug, thiserror::Error)]
#[error("{flag} {address} cannot be listened on")]
pub struct ServeError {
    flag: &'static str,
    address: SocketAddr,
    source: io::Error,
}

/// Answers the kubelet for as long as the process lives.
///
/// # Errors
/// The address cannot be listened on.
pub fn serve_probes(probes: Arc<Probes>, address: SocketAddr) -> Result<SocketAddr, ServeError> {
    serve(PROBES, address, move |path| probe(path, &probes))
}

/// Answers Prometheus for as long as the process lives.
///
/// # Errors
/// The address cannot be listened on.
pub fn serve_metrics(metrics: Arc<Metrics>, address: SocketAddr) -> Result<SocketAddr, ServeError> {
    serve(METRICS, address, move |path| match path {
        "/metrics" => {
            let mut answer = Response::new(Full::from(metrics.text()));
            answer.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(OPEN_METRICS));
            answer
        }
        _ => plain(StatusCode::NOT_FOUND, "there is /metrics"),
    })
}

fn probe(path: &str, probes: &Probes) -> Answer {
    match path {
        "/livez" if probes.lives() => plain(StatusCode::OK, "ok"),
        "/livez" => plain(StatusCode::SERVICE_UNAVAILABLE, "the operator makes no progress"),
        "/readyz" => match probes.waits_for() {
            None => plain(StatusCode::OK, "ok"),
            Some(what) => plain(StatusCode::SERVICE_UNAVAILABLE, &format!("waits for {what}")),
        },
        _ => plain(StatusCode::NOT_FOUND, "there are /livez and /readyz"),
    }
}

fn plain(status: StatusCode, text: &str) -> Answer {
    let mut answer = Response::new(Full::from(format!("{text}\n")));
    *answer.status_mut() = status;
    answer
}

/// Listens from a thread of its own, so that a busy operator answers all the same; returns where.
fn serve(
    port: Port,
    address: SocketAddr,
    answer: impl Fn(&str) -> Answer + Send + Sync + 'static,
) -> Result<SocketAddr, ServeError> {
    let listen = || {
        let listener = TcpListener::bind(address)?;
        listener.set_nonblocking(true)?;
        let address = listener.local_addr()?;
        let runtime = Builder::new_current_thread().enable_all().build()?;
        let name = port.flag.trim_start_matches('-').to_owned();
        thread::Builder::new().name(name).spawn(move || runtime.block_on(accept(listener, port, Arc::new(answer))))?;
        tracing::info!(%address, "serving {}", port.flag);
        Ok(address)
    };
    listen().map_err(|source| ServeError { flag: port.flag, address, source })
}

async fn accept(listener: TcpListener, port: Port, answer: Arc<impl Fn(&str) -> Answer + Send + Sync + 'static>) {
    let listener = match tokio::net::TcpListener::from_std(listener) {
        Ok(listener) => listener,
        Err(error) => return tracing::error!(%error, "{} cannot be served", port.flag),
    };
    let mut open = VecDeque::<AbortHandle>::with_capacity(port.connections);
    loop {
        let stream = match listener.accept().await {
            Ok((stream, _)) => stream,
            Err(error) => {
                tracing::debug!(%error, "a connection cannot be accepted");
                sleep(PAUSE).await;
                continue;
            }
        };
        open.retain(|connection| !connection.is_finished());
        if open.len() >= port.connections
            && let Some(oldest) = open.pop_front()
        {
            oldest.abort();
        }
        open.push_back(tokio::spawn(timeout(port.exchange, exchange(stream, Arc::clone(&answer)))).abort_handle());
        // Its request, which is often there already, is read before another connection can push it out.
        tokio::task::yield_now().await;
    }
}

/// One request, and its answer.
async fn exchange(stream: TcpStream, answer: Arc<impl Fn(&str) -> Answer>) {
    let service = service_fn(|request: Request<Incoming>| {
        let answer = answer(request.uri().path());
        async { Ok::<_, Infallible>(answer) }
    });
    // Without a timer hyper has no limit of its own to the time that headers take: the exchange has one.
    let served = http1::Builder::new()
        .keep_alive(false)
        .max_buf_size(MAX_REQUEST)
        .serve_connection(TokioIo::new(stream), service)
        .await;
    if let Err(error) = served {
        tracing::debug!(%error, "a request was not answered");
    }
}

#[cfg(test)]
mod tests;
