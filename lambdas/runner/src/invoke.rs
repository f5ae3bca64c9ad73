//! Lambda functions that tasks call.

use std::time::Duration;

use aws_config::SdkConfig;
use aws_config::retry::RetryConfig;
use aws_config::timeout::TimeoutConfig;
use aws_sdk_lambda::Client;
use aws_sdk_lambda::config::StalledStreamProtectionConfig;
use aws_sdk_lambda::operation::invoke::{InvokeError, InvokeOutput};
use aws_sdk_lambda::primitives::Blob;
use aws_sdk_lambda::types::LogType;
use aws_smithy_http_client::pool::{self, ConnectionPool, DriverSpawner, Partition, PartitionId};
use aws_smithy_http_client::tls::Provider;
use aws_smithy_http_client::tls::rustls_provider::CryptoMode;
use backon::{BackoffBuilder as _, ExponentialBuilder};
use data_encoding::BASE64;
use protocol::Run;
use serde_json::{Value, json};
use tokio::time::{Instant, sleep};

use crate::action::{Ended, MAX_TEXT, Time, begun};
use crate::http::KEEP_ALIVE;
use crate::{Runner, text};

/// How long the opening of a connection may take.
const CONNECT: Duration = Duration::from_secs(2);

/// Number of log lines that are appended to a function's error.
const LOG_LINES: usize = 10;

/// Invokes Lambda functions, and waits for what they return.
#[derive(Debug)]
pub(crate) struct Functions(Client);

impl Functions {
    pub(crate) fn new(config: &SdkConfig) -> Result<Self, NoHttpClient> {
        // An invocation may take as long as its task, and a retry would run the function twice. Every timeout that is not
        // disabled explicitly is inherited from the other clients' configuration.
        let timeouts = TimeoutConfig::builder()
            .connect_timeout(CONNECT)
            .disable_read_timeout()
            .disable_operation_attempt_timeout()
            .disable_operation_timeout()
            .build();
        let config = aws_sdk_lambda::config::Builder::from(config)
            .http_client(http_client()?)
            .timeout_config(timeouts)
            .stalled_stream_protection(StalledStreamProtectionConfig::disabled())
            .retry_config(RetryConfig::disabled())
            .build();
        Ok(Self(Client::from_conf(config)))
    }

    /// Invokes a function, by name or ARN, and waits for what it returns or raises. While Lambda is busy, nothing has begun.
    pub(crate) async fn call(&self, runner: &Runner, name: &str, run: &Run, attempt: u32, time: Time) -> Ended {
        let event = json!({
            "input": run.task.input,
            "scheduledTime": run.scheduled_time,
            "runId": run.run_id,
            "attempt": attempt,
            "pipeline": run.pipeline.name,
            "task": run.task.name,
        });
        let request = self.0.invoke().function_name(name).log_type(LogType::Tail);
        let request = request.payload(Blob::new(event.to_string()));
        let mut waits = ExponentialBuilder::default()
            .with_min_delay(Duration::from_millis(200))
            .with_max_delay(Duration::from_secs(5))
            .with_jitter()
            .without_max_times()
            .build();
        let started = Instant::now();
        loop {
            let sent = Box::pin(request.clone().send());
            let error = match begun(runner, run, attempt, time, sent).await {
                Ok(Ok(answer)) => return ended(answer),
                Ok(Err(error)) => error,
                Err(late) => return late,
            };
            let reason = format!("cannot invoke the function: {}", function::reason(&error));
            let is_busy = error.as_service_error().is_some_and(was_not_begun);
            let passes = is_busy || function::is_denied(&error) && started.elapsed() < function::PROPAGATION;
            let left = time.begin_by.saturating_duration_since(Instant::now());
            match waits.next().filter(|_| !left.is_zero()) {
                Some(wait) if passes => sleep(wait.min(left)).await,
                Some(_) | None if is_busy => return Ended::not_begun(reason),
                Some(_) | None => return Ended::failed(reason),
            }
        }
    }
}

/// The HTTP client that functions are called with cannot be built.
#[derive(Debug, thiserror::Error)]
pub enum NoHttpClient {
    /// Its connection pool is not valid.
    #[error("the connection pool for invocations is not valid")]
    Pool(#[from] pool::BuildError),
    /// It cannot use the pool.
    #[error("the HTTP client for invocations cannot use its connection pool")]
    Client(#[from] pool::ClientBuildError),
}

/// A connection may have died while Lambda had frozen the process. The pool closes those that were idle for longer than
/// [`function::KEPT_IDLE`], and takes another one for a request only where nothing of it was written: what may have reached
/// Lambda fails the attempt, and never runs a function twice.
fn http_client() -> Result<pool::Client, NoHttpClient> {
    let here = Partition::new(PartitionId::from_index(0), DriverSpawner::from_fn(|driver| drop(tokio::spawn(driver))));
    let pool = ConnectionPool::builder()
        .partitions([here])
        .tls_provider(Provider::Rustls(CryptoMode::AwsLc))
        .tcp_keepalive(KEEP_ALIVE)
        .idle_timeout(function::KEPT_IDLE)
        .build_https()?;
    Ok(pool::Client::from_partition(&pool, PartitionId::from_index(0))?)
}

/// Whether Lambda did not start the function, because of throttling or an ongoing change of it: safe to retry.
fn was_not_begun(error: &InvokeError) -> bool {
    error.is_too_many_requests_exception()
        || error.is_resource_not_ready_exception()
        || error.is_resource_conflict_exception()
}

fn ended(answer: InvokeOutput) -> Ended {
    let InvokeOutput { payload, function_error, log_result, .. } = answer;
    let payload = String::from_utf8_lossy(payload.as_ref().map(Blob::as_ref).unwrap_or_default()).into_owned();
    if function_error.is_none() {
        return Ended { text: text::fit_bytes(&returned(payload), MAX_TEXT), ..Ended::default() };
    }
    let log = log_result.and_then(|log| BASE64.decode(log.as_bytes()).ok()).unwrap_or_default();
    let log = last_lines(&String::from_utf8_lossy(&log));
    let raised = text::fit_bytes(&raised(&payload), MAX_TEXT);
    Ended::failed(if log.is_empty() { raised } else { format!("{raised}\n{log}") })
}

/// What a function returned: a JSON string as plain text, `null` as empty text, anything else as its JSON.
/// Only those two are parsed: a parsed answer of megabytes can take more memory than the runner has.
fn returned(payload: String) -> String {
    match payload.trim_start().as_bytes().first() {
        Some(b'"') => serde_json::from_str(&payload).unwrap_or(payload),
        Some(b'n') if payload.trim() == "null" => String::new(),
        Some(_) | None => payload,
    }
}

/// The error that a function raised, as Lambda's runtimes tell it.
/// <https://docs.aws.amazon.com/lambda/latest/dg/python-exceptions.html>
fn raised(payload: &str) -> String {
    let error: Value = serde_json::from_str(payload).unwrap_or_default();
    match (error["errorType"].as_str(), error["errorMessage"].as_str()) {
        (Some(kind), Some(message)) => format!("{kind}: {message}"),
        (Some(text), None) | (None, Some(text)) => text.to_owned(),
        (None, None) if payload.is_empty() => "the function failed, and did not say why".to_owned(),
        (None, None) => payload.to_owned(),
    }
}

/// The last lines of a log that the function itself wrote.
fn last_lines(log: &str) -> String {
    let lambdas_own = ["START RequestId: ", "END RequestId: ", "REPORT RequestId: "];
    let is_own = |line: &&str| !line.trim().is_empty() && !lambdas_own.iter().any(|prefix| line.starts_with(prefix));
    let lines: Vec<&str> = log.lines().map(str::trim_end).filter(is_own).collect();
    lines[lines.len().saturating_sub(LOG_LINES)..].join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_the_result_as_it_is_and_all_else_as_json() {
        for (payload, text) in [
            (r#""Grüße \"you\"""#, r#"Grüße "you""#),
            (r#"{"a": [1]}"#, r#"{"a": [1]}"#),
            ("3", "3"),
            ("null", ""),
            ("", ""),
            ("no JSON", "no JSON"),
        ] {
            assert_eq!(returned(payload.to_owned()), text, "{payload}");
        }
    }

    #[test]
    fn an_error_is_told_by_its_type_and_message() {
        for (payload, text) in [
            (r#"{"errorType": "ValueError", "errorMessage": "no day", "stackTrace": []}"#, "ValueError: no day"),
            (r#"{"errorMessage": "Task timed out after 3.00 seconds"}"#, "Task timed out after 3.00 seconds"),
            (r#"{"other": 1}"#, r#"{"other": 1}"#),
            ("", "the function failed, and did not say why"),
        ] {
            assert_eq!(raised(payload), text, "{payload}");
        }
    }

    #[test]
    fn the_last_lines_are_the_functions_own() {
        let log =
            "START RequestId: 1 Version: $LATEST\nfirst\n\n[ERROR] no\r\nEND RequestId: 1\nREPORT RequestId: 1\t…\n";
        assert_eq!(last_lines(log), "first\n[ERROR] no");
        let many: Vec<String> = (0..30).map(|line| line.to_string()).collect();
        assert_eq!(last_lines(&many.join("\n")), many[20..].join("\n"));
        assert_eq!(last_lines(""), "");
    }
}
