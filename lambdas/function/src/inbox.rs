//! Sends reports of runs to the operator's inbox.

use std::env;
use std::time::Duration;

use aws_sdk_sqs::Client;
use protocol::sqs::escape_refused;
use protocol::{MAX_REPORT, Report};

use crate::reason;
use crate::twice::twice;

/// Variable with the URL of the operator's inbox; without it nothing is reported.
const INBOX_URL: &str = "INBOX_URL";

/// Time limit for sending a report.
const PATIENCE: Duration = Duration::from_millis(500);

/// Time limit for sending it again, over a new connection.
const PATIENCE_AGAIN: Duration = Duration::from_millis(1500);

/// The operator's inbox.
#[derive(Clone, Debug)]
pub(crate) struct Inbox {
    url: Option<String>,
}

impl Inbox {
    /// The inbox that `INBOX_URL` names, if any.
    pub(crate) fn from_env() -> Self {
        Self { url: env::var(INBOX_URL).ok().filter(|url| !url.is_empty()) }
    }

    /// The inbox at a URL; `None` reports nothing.
    pub(crate) const fn new(url: Option<String>) -> Self {
        Self { url }
    }

    /// Sends a report, and once more if it is not taken: within two seconds in all. One that gets lost is logged, and is not
    /// a failure; one that arrives twice changes nothing.
    pub(crate) async fn send(&self, client: &Client, report: &Report) {
        let Some(url) = &self.url else { return };
        // Messages of earlier versions do not contain the number of tasks.
        if report.events.is_empty() || report.run.tasks == 0 {
            return;
        }
        let lost = match serde_json::to_string(report).map(escape_refused) {
            Err(error) => error.to_string(),
            Ok(body) if body.len() > MAX_REPORT => format!("{} bytes are more than {MAX_REPORT}", body.len()),
            Ok(body) => {
                let call = async || {
                    let request = client.send_message().queue_url(url).message_body(&body);
                    request.send().await.map_err(|error| reason(&error))
                };
                match twice(call, PATIENCE, PATIENCE_AGAIN).await {
                    Ok(_) => return,
                    Err(error) => error,
                }
            }
        };
        tracing::warn!(runId = report.run.run_id, reason = lost, "a report could not be sent to the operator");
    }
}
