//! Sends messages to the pipeline's queue.

mod received;

use std::collections::VecDeque;
use std::env;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use aws_config::SdkConfig;
use aws_sdk_sqs::Client;
use aws_sdk_sqs::operation::send_message_batch::SendMessageBatchOutput;
use aws_sdk_sqs::types::{BatchResultErrorEntry, SendMessageBatchRequestEntry};
use backon::{BackoffBuilder, ExponentialBuilder};
use futures::stream::{self, StreamExt as _};
use protocol::sqs::escape_refused;
use protocol::{Delivery, Message, Report};
use tokio::time::{Instant, sleep, timeout_at};

use crate::inbox::Inbox;
use crate::{batch, reason, warm};

/// Variable with the URL of the pipeline's queue.
const QUEUE_URL: &str = "QUEUE_URL";

/// Variable with the URL of its dead-letter queue, which the runner sends to.
const DEAD_LETTER_QUEUE_URL: &str = "DEAD_LETTER_QUEUE_URL";

/// Variable with the seconds for which the pipeline's queue hides a message that was received.
const VISIBILITY_SECONDS: &str = "VISIBILITY_SECONDS";

/// Concurrent sends of batches: each takes up to 1 MiB twice, and the function has 128 MiB of memory.
const MAX_SENDS: usize = 4;

/// The longest delay of SQS for a new message.
const MAX_DELAY: Duration = Duration::from_mins(15);

/// Bytes of unsent messages that are kept: a tenth of the sender's memory.
const MAX_KEPT: usize = 13 << 20;

/// A variable that must hold the URL of a queue is missing or empty.
#[derive(Debug, thiserror::Error)]
#[error("the environment variable `{variable}` is not set: it must hold the URL of {queue}")]
pub struct NoQueue {
    variable: &'static str,
    queue: &'static str,
}

impl NoQueue {
    fn url(variable: &'static str, queue: &'static str) -> Result<String, Self> {
        env::var(variable).ok().filter(|url| !url.is_empty()).ok_or_else(|| {
            let error = Self { variable, queue };
            tracing::error!(%error, "cannot start");
            error
        })
    }
}

/// Unsent messages by the id of the work that they belong to, oldest first.
type Left = VecDeque<(String, Vec<Outgoing>)>;

/// The pipeline's queue.
#[derive(Clone, Debug)]
pub struct Queue {
    client: Client,
    url: String,
    dead_letters: Option<String>,
    visibility: Option<Duration>,
    inbox: Inbox,
    left: Arc<Mutex<Left>>,
}

/// A message on its way to the queue, or to its dead-letter queue.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outgoing {
    destination: Destination,
    id: String,
    group: String,
    body: String,
    delay: Duration,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Destination {
    Queue,
    DeadLetters,
}

impl Outgoing {
    /// Makes a message ready to be sent.
    ///
    /// # Panics
    /// Never: a message has only string keys, so it always becomes JSON.
    pub fn new(message: &Message) -> Self {
        let (id, group) = match message {
            Message::Run(run) => (run.id(), run.group()),
            Message::Deliver(delivery) => (delivery.id(), delivery.group()),
        };
        let json = serde_json::to_string(message).expect("only string keys");
        Self { destination: Destination::Queue, id, group, body: escape_refused(json), delay: Duration::ZERO }
    }

    /// A delivery that was given up, for the dead-letter queue.
    pub fn given_up(delivery: Delivery, reason: String) -> Self {
        let message = Message::Deliver(Delivery { gave_up: Some(reason), ..delivery });
        Self { destination: Destination::DeadLetters, ..Self::new(&message) }
    }

    /// The same under the id of the message that it was received as: on a FIFO queue a delivery that is given up again
    /// within five minutes, as after a redrive, would pass for the one before, and get lost.
    #[must_use]
    pub fn received_as(self, message_id: String) -> Self {
        Self { id: message_id, ..self }
    }

    /// A message that cannot be read, unchanged, for the dead-letter queue.
    pub fn unreadable(id: String, group: Option<String>, body: String) -> Self {
        let group = group.unwrap_or_else(|| id.clone());
        Self { destination: Destination::DeadLetters, id, group, body, delay: Duration::ZERO }
    }

    /// Delays the message, up to 15 minutes; a FIFO queue ignores it.
    #[must_use]
    pub fn after(self, delay: Duration) -> Self {
        Self { delay: delay.min(MAX_DELAY), ..self }
    }

    /// Id of the message, which is also its deduplication id on a FIFO queue.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// Bytes that count towards SQS's limit of 1 MiB.
    pub fn size(&self) -> usize {
        self.body.len()
    }
}

/// What could not be sent, each with its reason.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub struct Unsent(Vec<Failure>);

impl fmt::Display for Unsent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} not accepted by the queue: ", self.0.len())?;
        for (at, Failure { message, reason, .. }) in self.0.iter().enumerate() {
            let separator = if at == 0 { "" } else { ", " };
            write!(f, "{separator}`{}` ({reason})", message.id)?;
        }
        Ok(())
    }
}

#[derive(Debug, PartialEq, Eq)]
struct Failure {
    message: Outgoing,
    reason: String,
    /// SQS refused the message itself, so another attempt would fail too.
    is_final: bool,
}

impl Queue {
    /// The queue that `QUEUE_URL` names, and the inbox of `INBOX_URL` beside it.
    ///
    /// # Errors
    /// `QUEUE_URL` is missing or empty.
    pub fn from_env(config: &SdkConfig) -> Result<Self, NoQueue> {
        let url = NoQueue::url(QUEUE_URL, "the pipeline's queue")?;
        Ok(Self { inbox: Inbox::from_env(), ..Self::new(config, url) })
    }

    /// The same, with the dead-letter queue that `DEAD_LETTER_QUEUE_URL` names.
    ///
    /// # Errors
    /// The variable is missing or empty.
    pub fn dead_letters_from_env(self) -> Result<Self, NoQueue> {
        let url = NoQueue::url(DEAD_LETTER_QUEUE_URL, "the dead-letter queue of the pipeline's queue")?;
        Ok(self.with_dead_letters(url))
    }

    /// The same, with the visibility timeout that `VISIBILITY_SECONDS` tells, if it does.
    #[must_use]
    pub fn visibility_from_env(self) -> Self {
        let seconds = env::var(VISIBILITY_SECONDS).ok().and_then(|seconds| seconds.parse().ok());
        Self { visibility: seconds.map(Duration::from_secs), ..self }
    }

    /// A queue by its URL, without a dead-letter queue and without an inbox.
    pub fn new(config: &SdkConfig, url: String) -> Self {
        Self {
            client: Client::new(config),
            url,
            dead_letters: None,
            visibility: None,
            inbox: Inbox::new(None),
            left: Arc::default(),
        }
    }

    /// The same, with a dead-letter queue by its URL.
    #[must_use]
    pub fn with_dead_letters(self, url: String) -> Self {
        Self { dead_letters: Some(url), ..self }
    }

    /// The same, with the time for which it hides a message that was received.
    #[must_use]
    pub fn hiding_for(self, visibility: Duration) -> Self {
        Self { visibility: Some(visibility), ..self }
    }

    /// For how long the queue hides a message that was received, where that is known.
    pub const fn visibility(&self) -> Option<Duration> {
        self.visibility
    }

    /// The same, with an inbox by its URL.
    #[must_use]
    pub fn reporting_to(self, inbox: String) -> Self {
        Self { inbox: Inbox::new(Some(inbox)), ..self }
    }

    /// Sends a report to the operator, within two seconds; never fails.
    pub async fn report(&self, report: &Report) {
        self.inbox.send(&self.client, report).await;
    }

    /// Opens the connection ahead of its use; never fails.
    pub async fn warm(&self) {
        warm(self.client.send_message_batch().queue_url(&self.url).set_entries(Some(Vec::new())).send()).await;
    }

    /// Whether this is a FIFO queue, whose names end in `.fifo`.
    pub fn is_fifo(&self) -> bool {
        self.url.strip_suffix(".fifo").is_some()
    }

    /// Sends messages, and retries those that SQS did not accept, until a time.
    ///
    /// # Errors
    /// Some were refused, or not taken in time.
    pub async fn send(&self, messages: Vec<Outgoing>, until: Instant) -> Result<(), Unsent> {
        let mut waits = ExponentialBuilder::default()
            .with_min_delay(Duration::from_millis(100))
            .with_max_delay(Duration::from_secs(5))
            .with_jitter()
            .without_max_times()
            .build();
        let mut unsent = messages;
        let mut refused = Vec::new();
        loop {
            let (hopeless, failed): (Vec<_>, Vec<_>) =
                self.attempt(unsent, until).await.into_iter().partition(|failure| failure.is_final);
            refused.extend(hopeless);
            let wait = waits.next().filter(|wait| Instant::now() + *wait < until);
            match wait {
                Some(wait) if !failed.is_empty() => {
                    tracing::warn!(messages = failed.len(), reason = failed[0].reason, "trying to send again");
                    sleep(wait).await;
                    unsent = failed.into_iter().map(|failure| failure.message).collect();
                }
                Some(_) | None => {
                    refused.extend(failed);
                    break;
                }
            }
        }
        if refused.is_empty() { Ok(()) } else { Err(Unsent(refused)) }
    }

    /// As [`Queue::send`], and keeps the messages that were not sent in the process, for [`Queue::left_of`] under the id
    /// `work`.
    ///
    /// # Errors
    /// As [`Queue::send`].
    pub async fn send_or_keep(&self, work: &str, messages: Vec<Outgoing>, until: Instant) -> Result<(), Unsent> {
        let result = self.send(messages, until).await;
        if let Err(Unsent(failures)) = &result {
            self.keep(work.to_owned(), failures.iter().map(|failure| failure.message.clone()).collect());
        }
        result
    }

    /// Takes the messages that [`Queue::send_or_keep`] kept under the id `work` in this process; all others of that work
    /// were sent.
    pub fn left_of(&self, work: &str) -> Option<Vec<Outgoing>> {
        let mut left = self.left.lock().unwrap_or_else(PoisonError::into_inner);
        let at = left.iter().position(|(of, _)| of == work)?;
        left.remove(at).map(|(_, messages)| messages)
    }

    fn keep(&self, work: String, messages: Vec<Outgoing>) {
        let mut left = self.left.lock().unwrap_or_else(PoisonError::into_inner);
        left.push_back((work, messages));
        while left.iter().flat_map(|(_, messages)| messages).map(Outgoing::size).sum::<usize>() > MAX_KEPT {
            left.pop_front();
        }
    }

    async fn attempt(&self, messages: Vec<Outgoing>, until: Instant) -> Vec<Failure> {
        let is_for_queue = |message: &Outgoing| message.destination == Destination::Queue;
        let (tasks, dead): (Vec<_>, Vec<_>) = messages.into_iter().partition(is_for_queue);
        let split = |messages, url| batch::split(messages, Outgoing::size).into_iter().map(move |batch| (url, batch));
        let mut batches: Vec<(&str, Vec<Outgoing>)> = split(tasks, self.url.as_str()).collect();
        let mut failures = Vec::new();
        match &self.dead_letters {
            Some(url) => batches.extend(split(dead, url.as_str())),
            None => failures.extend(dead.into_iter().map(|message| {
                let reason = "no dead-letter queue is known".to_owned();
                Failure { message, reason, is_final: true }
            })),
        }
        let sends = batches.into_iter().map(|(url, batch)| self.send_batch(url, batch, until));
        let failed: Vec<_> = stream::iter(sends).buffer_unordered(MAX_SENDS).flat_map(stream::iter).collect().await;
        failures.extend(failed);
        failures
    }

    async fn send_batch(&self, url: &str, batch: Vec<Outgoing>, until: Instant) -> Vec<Failure> {
        let entries = batch.iter().enumerate().map(|(at, message)| self.entry(at, message)).collect();
        let call = self.client.send_message_batch().queue_url(url).set_entries(Some(entries)).send();
        let reason = match timeout_at(until, call).await {
            Ok(Ok(output)) => return failures(batch, &output),
            Ok(Err(error)) => reason(&error),
            Err(_) => "no answer in time".to_owned(),
        };
        batch.into_iter().map(|message| Failure { message, reason: reason.clone(), is_final: false }).collect()
    }

    fn entry(&self, at: usize, message: &Outgoing) -> SendMessageBatchRequestEntry {
        let entry = SendMessageBatchRequestEntry::builder().id(at.to_string()).message_body(&message.body);
        // A dead-letter queue has the same type as its queue.
        let entry = if self.is_fifo() {
            entry.message_group_id(&message.group).message_deduplication_id(&message.id)
        } else {
            let seconds = message.delay.min(MAX_DELAY).as_secs();
            entry.set_delay_seconds(i32::try_from(seconds).ok().filter(|seconds| *seconds > 0))
        };
        entry.build().expect("id and body are set")
    }
}

/// What SQS says of one of a batch.
fn told(failed: &BatchResultErrorEntry) -> String {
    format!("{}: {}", failed.code(), failed.message().unwrap_or("no message"))
}

fn failures(batch: Vec<Outgoing>, output: &SendMessageBatchOutput) -> Vec<Failure> {
    let mut failures = Vec::new();
    for (at, message) in batch.into_iter().enumerate() {
        let id = at.to_string();
        if output.successful().iter().any(|sent| sent.id() == id) {
            continue;
        }
        let failed = output.failed().iter().find(|failed| failed.id() == id);
        let reason = failed.map_or_else(|| "not mentioned in SQS's answer".to_owned(), told);
        failures.push(Failure { message, reason, is_final: failed.is_some_and(BatchResultErrorEntry::sender_fault) });
    }
    failures
}
