//! What is logged.

use std::io::{self, IsTerminal as _};

use clap::ValueEnum;
use pipeline_core::text::{printable_coloured, printable_json};
use tracing::{Level, Metadata};
use tracing_subscriber::filter::{FilterExt as _, ParseError, filter_fn};
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;
use tracing_subscriber::{EnvFilter, Layer, Registry, fmt, registry};

/// Form of the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    /// One JSON object a line.
    Json,
    /// Lines for people.
    Text,
}

impl LogFormat {
    /// Text where somebody reads along.
    pub fn or_by_terminal(format: Option<Self>) -> Self {
        format.unwrap_or_else(|| if io::stderr().is_terminal() { Self::Text } else { Self::Json })
    }
}

/// Logs what a filter lets through to stderr, from now on.
///
/// # Errors
/// The filter is none.
pub fn to_stderr(filter: &str, form: LogFormat) -> Result<(), ParseError> {
    let filter = EnvFilter::try_new(filter)?.and(filter_fn(holds_no_body));
    let log = fmt::layer().with_writer(move || Safe { form, log: io::stderr() }).with_ansi(io::stderr().is_terminal());
    let log: Box<dyn Layer<Registry> + Send + Sync> = match form {
        LogFormat::Json => log.json().flatten_event(true).with_current_span(true).with_span_list(false).boxed(),
        LogFormat::Text => log.boxed(),
    };
    registry().with(log.with_filter(filter)).init();
    Ok(())
}

/// Writes out what would reorder a line of the log. `fmt` hands it over whole, and escapes what would steer a terminal in
/// texts, but not in JSON; its own colours stay.
struct Safe<W> {
    form: LogFormat,
    log: W,
}

impl<W: io::Write> io::Write for Safe<W> {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        let text = String::from_utf8_lossy(line);
        let safe = match self.form {
            LogFormat::Json => printable_json(&text),
            LogFormat::Text => printable_coloured(&text),
        };
        self.log.write_all(safe.as_bytes())?;
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.log.flush()
    }
}

/// Whether a library says something else there than a request or an answer in full, which hold specs of all namespaces and
/// values of Secrets. Those are not logged, whatever the filter asks for.
fn holds_no_body(metadata: &Metadata<'_>) -> bool {
    match metadata.target() {
        // Answers that cannot be parsed, at three levels. What it says of watches, the operator says as well.
        "kube_client::client" => !metadata.is_event(),
        target if target.starts_with("aws_smithy_runtime::client::orchestrator") => *metadata.level() < Level::TRACE,
        _ => true,
    }
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;
    use std::future::ready;
    use std::sync::{Arc, Mutex};

    use http::{Request, Response, StatusCode};
    use http_body_util::Full;
    use k8s_openapi::api::core::v1::ConfigMap;
    use kube::client::{Body, ClientBuilder};
    use tower::service_fn;
    use tracing::Instrument as _;
    use tracing_subscriber::fmt::MakeWriter;

    use super::*;

    #[derive(Clone, Debug, Default)]
    struct Written(Arc<Mutex<Vec<u8>>>);

    impl io::Write for Written {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    impl MakeWriter<'_> for Written {
        type Writer = Self;

        fn make_writer(&self) -> Self {
            self.clone()
        }
    }

    /// What kube logs at every level of answers that it cannot use, and our own line behind it.
    fn logged(filter: impl Fn(&Metadata<'_>) -> bool + Send + Sync + 'static) -> String {
        let written = Written::default();
        let log = fmt::layer().with_writer(written.clone()).with_filter(EnvFilter::new("trace").and(filter_fn(filter)));
        let asked = async {
            for status in [StatusCode::OK, StatusCode::BAD_GATEWAY] {
                let service = service_fn(move |_: Request<Body>| {
                    let answer = Response::builder().status(status).body(Full::new(r#"{"data": "hunter2"}"#.into()));
                    ready(Ok::<_, Infallible>(answer.unwrap()))
                });
                let client = ClientBuilder::new(service, "team").build();
                let request = Request::get("/").body(Vec::new()).unwrap();
                assert!(client.request::<ConfigMap>(request).await.is_err());
            }
            tracing::info!("our own");
        };
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        tracing::subscriber::with_default(registry().with(log), || {
            runtime.block_on(asked.instrument(tracing::info_span!("reconcile")));
        });
        String::from_utf8(written.0.lock().unwrap().clone()).unwrap()
    }

    #[test]
    fn no_filter_brings_an_answer_of_the_api_server_into_the_log() {
        // As kube does it: if it one day does not, the rule can go.
        assert_eq!(logged(|_| true).matches("hunter2").count(), 2);
        let log = logged(holds_no_body);
        assert!(!log.contains("hunter2") && log.contains("our own"), "{log}");
    }

    #[test]
    fn a_line_of_the_log_is_not_reordered_and_keeps_its_colours() {
        let line = "{\"error\":\"\u{202e}gpj\u{9b}\"}\n";
        for (form, line, expected) in [
            (LogFormat::Json, line, "{\"error\":\"\\u202egpj\\u009b\"}\n"),
            (LogFormat::Text, "\x1b[32m INFO\x1b[0m a\u{202e}b\n", "\x1b[32m INFO\x1b[0m a\\u{202e}b\n"),
        ] {
            let log = Written::default();
            io::Write::write_all(&mut Safe { form, log: log.clone() }, line.as_bytes()).unwrap();
            assert_eq!(String::from_utf8_lossy(&log.0.lock().unwrap()), expected);
        }
    }
}
