//! The runner: processes the messages of the pipeline's queue.
//!
//! A message is a task to run (`run`) or a result to deliver (`deliver`). To wait, the runner hides the message and
//! reports it as failed, so the n-th receive of a message is its n-th attempt, but for those that began nothing
//! (`receive`).

mod action;
mod batch;
mod channel;
mod deliver;
mod events;
mod guard;
mod http;
mod invoke;
mod markdown;
mod receive;
mod run;
mod secrets;
mod text;
pub mod trial;

use std::panic::AssertUnwindSafe;
use std::time::{Duration, SystemTime};

use aws_config::SdkConfig;
use function::{Outgoing, Queue};
use futures::FutureExt;
use futures::future::join;
use lambda_runtime::Diagnostic;
use protocol::Message;
use serde_json::Value;
use tokio::time::{Instant, timeout_at};

pub use batch::Failures;
use batch::{Batch, Record};
pub use guard::Guard;
use http::Http;
use invoke::Functions;
pub use invoke::NoHttpClient;
use receive::{Lease, Receive};
use secrets::Parameters;

/// Time of the invocation that is reserved for its answer, after the work on the last message.
const ANSWERING: Duration = Duration::from_secs(1);

/// Time reserved for a report and for hiding a message, at the end of the message's time.
const HIDING: Duration = Duration::from_secs(3);

/// The event is not a batch of messages.
#[derive(Debug, thiserror::Error)]
#[error("the event is not a batch of SQS messages: {0}")]
pub struct Malformed(serde_json::Error);

impl From<Malformed> for Diagnostic {
    fn from(error: Malformed) -> Self {
        Self { error_type: "MalformedBatch".into(), error_message: error.to_string() }
    }
}

/// The runner cannot be built.
#[derive(Debug, thiserror::Error)]
pub enum NoRunner {
    /// The HTTP client for requests and channels finds no root certificates.
    #[error("the HTTP client cannot be built")]
    Http(#[from] reqwest::Error),
    /// The HTTP client for functions cannot be built.
    #[error(transparent)]
    Functions(#[from] NoHttpClient),
}

/// The clients that all messages share, built before the first one.
#[derive(Debug)]
pub struct Runner {
    queue: Queue,
    parameters: Parameters,
    http: Http,
    telegram: String,
    functions: Functions,
}

/// What is done with a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Outcome {
    /// Delete it.
    Done,
    /// Receive it again after this time.
    Again(Duration),
    /// Receive it again after the queue's own visibility timeout.
    AgainSometime,
}

impl Runner {
    /// Builds the clients.
    ///
    /// # Errors
    /// One of the HTTP clients cannot be built.
    pub fn new(config: &SdkConfig, queue: Queue, guard: Guard) -> Result<Self, NoRunner> {
        let (parameters, http, functions) = (Parameters::new(config), Http::new(guard)?, Functions::new(config)?);
        Ok(Self { queue, parameters, http, functions, telegram: channel::TELEGRAM_API.to_owned() })
    }

    /// Sets the address of another Bot API server of Telegram.
    #[must_use]
    pub fn with_telegram_at(self, telegram: String) -> Self {
        Self { telegram, ..self }
    }

    /// Opens the connections to AWS ahead of their use; never fails.
    pub async fn warm(&self) {
        join(Box::pin(self.queue.warm()), Box::pin(self.parameters.warm())).await;
    }

    async fn process(&self, record: &Record, lease: Option<Lease>, time: Duration) -> Outcome {
        let end = Instant::now() + time;
        let outcome = survive(Box::pin(self.work(record, lease, end - HIDING.min(time)))).await;
        if let Outcome::Again(wait) = outcome {
            self.hide(record, wait, end).await;
        }
        outcome
    }

    /// Hides messages that wait behind others, until a moment to give up.
    async fn hide_behind(&self, records: &[Record], wait: Duration, until: Instant) {
        let handles: Vec<&str> = records.iter().map(|record| record.receipt_handle.as_str()).collect();
        if handles.is_empty() {
            return;
        }
        let hidden = timeout_at(until, self.queue.hide_all(&handles, wait)).await;
        if let Err(error) = hidden.unwrap_or_else(|_| Err("no answer in time".to_owned())) {
            tracing::warn!(messages = handles.len(), error, "messages not hidden, they may come back meanwhile");
        }
    }

    /// Deletes a message whose work is done, while others wait: if the runner dies with one of those, Lambda deletes none.
    async fn delete(&self, record: &Record, until: Instant) {
        let deleted = timeout_at(until, self.queue.delete(&record.receipt_handle)).await;
        if let Err(error) = deleted.unwrap_or_else(|_| Err("no answer in time".to_owned())) {
            tracing::warn!(messageId = %record.message_id, error, "message not deleted yet, Lambda does it in the end");
        }
    }

    /// Hides a message for a time, until a moment to give up. Where that fails it stays hidden for as long as it was.
    async fn hide(&self, record: &Record, wait: Duration, until: Instant) {
        let hidden = timeout_at(until, self.queue.hide(&record.receipt_handle, wait)).await;
        if let Err(error) = hidden.unwrap_or_else(|_| Err("no answer in time".to_owned())) {
            tracing::warn!(messageId = %record.message_id, error, "message not hidden, it waits for the queue's own \
                                                                   time");
        }
    }

    async fn work(&self, record: &Record, lease: Option<Lease>, until: Instant) -> Outcome {
        let receive = Receive::of(&record.attributes, lease);
        match serde_json::from_str(&record.body) {
            Ok(Message::Run(run)) => {
                let at_work = async {
                    if let Some(wait) = receive.at_work() {
                        self.hide(record, wait, until).await;
                    }
                };
                Box::pin(run::run(self, run, receive, at_work, until)).await
            }
            Ok(Message::Deliver(delivery)) => deliver::deliver(self, delivery, record, until).await,
            Err(error) => {
                tracing::error!(messageId = %record.message_id, %error, "message can't be read");
                self.discard(record, until).await
            }
        }
    }

    /// Moves a message that cannot be read to the dead-letter queue.
    async fn discard(&self, record: &Record, until: Instant) -> Outcome {
        let group = record.attributes.message_group_id.clone();
        let message = Outgoing::unreadable(record.message_id.to_string(), group, record.body.clone());
        match self.queue.send(vec![message], until).await {
            Ok(()) => Outcome::Done,
            Err(error) => {
                tracing::error!(messageId = %record.message_id, %error, "the dead-letter queue did not take it");
                Outcome::AgainSometime
            }
        }
    }
}

/// Processes a batch, one message after the other. Returns the messages that are to be received again.
///
/// # Errors
/// The event is not a batch of messages; then Lambda takes all of them as failed.
pub async fn handle(runner: &Runner, event: Value, deadline: SystemTime) -> Result<Failures, Malformed> {
    let batch: Batch = serde_json::from_value(event).map_err(Malformed)?;
    let left = deadline.duration_since(SystemTime::now()).unwrap_or_default();
    let lease = Lease::new(runner.queue.visibility(), left);
    let deadline = Instant::now() + left.saturating_sub(ANSWERING);
    let waiting = batch.records.get(1..).unwrap_or_default();
    runner.hide_behind(waiting, receive::behind(runner.queue.visibility(), left), deadline).await;
    let mut failures = Failures::default();
    let mut records = batch.records.into_iter();
    while let Some(record) = records.next() {
        // Each message gets an equal share of the remaining time, so that none uses up the time of those behind it.
        let messages = u32::try_from(records.len() + 1).unwrap_or(u32::MAX);
        let share = deadline.duration_since(Instant::now()) / messages;
        if runner.process(&record, lease, share).await == Outcome::Done {
            if records.len() > 0 {
                runner.delete(&record, deadline).await;
            }
            continue;
        }
        failures.push(record.message_id);
        if runner.queue.is_fifo() {
            break;
        }
    }
    // After a failure on a FIFO queue, later messages must not overtake the failed one.
    records.for_each(|record| failures.push(record.message_id));
    Ok(failures)
}

/// A panic fails its own message alone; the rest of the batch is processed. It is logged where it happens.
async fn survive(work: impl Future<Output = Outcome>) -> Outcome {
    AssertUnwindSafe(work).catch_unwind().await.unwrap_or(Outcome::AgainSometime)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_panic_leaves_the_message_on_the_queue() {
        assert_eq!(survive(async { panic!("a bug") }).await, Outcome::AgainSometime);
        assert_eq!(survive(async { Outcome::Done }).await, Outcome::Done);
    }
}
