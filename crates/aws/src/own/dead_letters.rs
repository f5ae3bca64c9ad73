//! The dead-letter queues of a pipeline, on AWS.
//!
//! A message is sent before it is deleted, and what is neither sent nor deleted comes back by itself: whatever happens
//! in between, none is lost.

use std::collections::BTreeSet;

use api::{PipelineStatus, ResourceRow};
use aws_sdk_lambda::primitives::Blob;
use aws_sdk_sqs::error::ProvideErrorMetadata;
use aws_sdk_sqs::types::{Message, MessageSystemAttributeName};
use jiff::Timestamp;
use pipeline_core::dead_letters::{DeadLetter, Origin, Received, firing, revived};
use pipeline_core::error_chain::chain;
use pipeline_core::names::Part;
use pipeline_core::resource::Kind;
use serde_json::Value;

use super::Session;

/// Seconds that a message is hidden while it is read. Whatever becomes of this process, it comes back then.
const HIDDEN_SECONDS: i32 = 60;

/// Seconds that a queue is given to find a message.
const WAIT_SECONDS: i32 = 1;

/// Empty answers after which a queue counts as empty: SQS asks only a part of its servers each time.
const EMPTY_ANSWERS: u32 = 2;

/// Messages that are read in one go.
const MAX_MESSAGES: usize = 1_000;

/// Why dead letters cannot be reached, or one could not be moved.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The pipeline has no such resource yet.
    #[error("the pipeline's status lists no `{0}`: it was never ready")]
    NotMade(Part<'static>),
    /// AWS refused or did not answer.
    #[error("{action} of {name}: {reason}")]
    Aws {
        /// The operation.
        action: &'static str,
        /// What it was about.
        name: String,
        /// What AWS said.
        reason: String,
    },
    /// The sender failed with the event again.
    #[error("the sender failed again: {0}")]
    Sender(String),
    /// There is no event in it.
    #[error("the message contains no event for the sender")]
    NoEvent,
}

fn failed<E: ProvideErrorMetadata + std::error::Error + 'static>(
    action: &'static str,
    name: &str,
) -> impl FnOnce(E) -> Error {
    move |error| {
        let reason = match (error.code(), error.message()) {
            (Some(code), Some(message)) => format!("{code}: {message}"),
            (Some(code), None) => code.to_owned(),
            (None, _) => chain(&error),
        };
        Error::Aws { action, name: name.to_owned(), reason }
    }
}

/// What became of the messages that were asked for.
#[derive(Debug, Default)]
pub struct Report {
    /// They are where they should be.
    pub done: Vec<DeadLetter>,
    /// They stay where they were, and why.
    pub failed: Vec<(DeadLetter, Error)>,
}

/// A pipeline's dead-letter queues, and where their messages came from.
#[derive(Debug)]
pub struct Queues {
    sqs: aws_sdk_sqs::Client,
    lambda: aws_sdk_lambda::Client,
    tasks: String,
    sender: String,
    dead: [(Origin, String); 2],
}

impl Queues {
    /// Those that a pipeline's status lists.
    ///
    /// # Errors
    /// One of them was never made, or AWS does not tell its URL.
    pub async fn of(status: &PipelineStatus, session: &Session) -> Result<Self, Error> {
        let sqs = aws_sdk_sqs::Client::new(&session.0);
        let find = |kind: Kind, part: Part<'static>| {
            let is_it = |row: &&ResourceRow| row.kind == kind.to_string() && part.is_end_of(&row.name);
            status.resources.iter().find(is_it).map(|row| row.name.clone()).ok_or(Error::NotMade(part))
        };
        let url = async |part: Part<'static>| {
            let name = find(Kind::Queue, part)?;
            let request = sqs.get_queue_url().queue_name(&name).set_queue_owner_aws_account_id(status.account.clone());
            let answer = request.send().await.map_err(failed("GetQueueUrl", &name))?;
            answer.queue_url.ok_or(Error::NotMade(part))
        };
        let dead =
            [(Origin::Tasks, url(Part::TasksDeadLetters).await?), (Origin::Undelivered, url(Part::Undelivered).await?)];
        let (tasks, sender) = (url(Part::Tasks).await?, find(Kind::Function, Part::Sender)?);
        Ok(Self { lambda: aws_sdk_lambda::Client::new(&session.0), sqs, tasks, sender, dead })
    }

    /// All dead letters, up to 1,000 of each queue; of a FIFO queue up to 10 of each group.
    ///
    /// # Errors
    /// AWS does not show them.
    pub async fn list(&self) -> Result<Vec<DeadLetter>, Error> {
        let mut letters = Vec::new();
        for (origin, url) in &self.dead {
            let mut seen = Vec::new();
            let looked = self.take(url, |_| false, &mut seen).await;
            let messages = seen.iter().map(|message| DeadLetter::of(*origin, message));
            letters.extend(messages);
            self.release(url, &seen).await;
            looked?;
        }
        Ok(letters)
    }

    /// Sends messages on their way again: tasks and deliveries to the queue they came from, firings to the sender.
    ///
    /// # Errors
    /// AWS does not show them; what fails with one is in the report.
    pub async fn redrive(&self, is_wanted: impl Fn(&str) -> bool) -> Result<Report, Error> {
        self.each(is_wanted, async |origin, message| match origin {
            Origin::Tasks => self.send(message).await,
            Origin::Undelivered => self.invoke(message).await,
        })
        .await
    }

    /// Deletes messages for good.
    ///
    /// # Errors
    /// AWS does not show them; what fails with one is in the report.
    pub async fn purge(&self, is_wanted: impl Fn(&str) -> bool) -> Result<Report, Error> {
        self.each(is_wanted, async |_, _| Ok(())).await
    }

    /// Does something with each message that is wanted, and deletes it if that went well. The others are let go of.
    async fn each(
        &self,
        is_wanted: impl Fn(&str) -> bool,
        act: impl AsyncFn(Origin, &Received) -> Result<(), Error>,
    ) -> Result<Report, Error> {
        let mut report = Report::default();
        for (origin, url) in &self.dead {
            let mut kept = Vec::new();
            loop {
                let mut taken = Vec::new();
                let looked = self.take(url, &is_wanted, &mut taken).await;
                let (wanted, others): (Vec<_>, Vec<_>) = taken.into_iter().partition(|message| is_wanted(&message.id));
                kept.extend(others);
                let is_over = wanted.is_empty() || looked.is_err();
                for message in wanted {
                    let letter = DeadLetter::of(*origin, &message);
                    let acted = act(*origin, &message).await;
                    let ended = match acted {
                        Ok(()) => self.delete(url, &message).await,
                        Err(error) => Err(error),
                    };
                    match ended {
                        Ok(()) => report.done.push(letter),
                        Err(error) => {
                            kept.push(message);
                            report.failed.push((letter, error));
                        }
                    }
                }
                if is_over {
                    self.release(url, &kept).await;
                    looked?;
                    break;
                }
            }
        }
        Ok(report)
    }

    /// Receives what there is, one answer at a time, until one is wanted or nothing more comes.
    async fn take(&self, url: &str, is_wanted: impl Fn(&str) -> bool, taken: &mut Vec<Received>) -> Result<(), Error> {
        let mut known = BTreeSet::new();
        let mut empty = 0;
        while empty < EMPTY_ANSWERS && taken.len() < MAX_MESSAGES {
            let answer = self
                .sqs
                .receive_message()
                .queue_url(url)
                .max_number_of_messages(10)
                .visibility_timeout(HIDDEN_SECONDS)
                .wait_time_seconds(WAIT_SECONDS)
                .message_attribute_names("All")
                .message_system_attribute_names(MessageSystemAttributeName::All)
                .send()
                .await
                .map_err(failed("ReceiveMessage", url))?;
            let messages = answer.messages.unwrap_or_default();
            empty = if messages.is_empty() { empty + 1 } else { 0 };
            let new = messages.iter().map(received).filter(|message| known.insert(message.id.clone()));
            let before = taken.len();
            taken.extend(new);
            let is_found = taken[before..].iter().any(|message| is_wanted(&message.id));
            // What comes a second time was hidden before all the others: there is no more.
            let is_around = taken.len() - before < messages.len();
            if is_found || is_around {
                break;
            }
        }
        Ok(())
    }

    /// Sends a message to the queue that it came from, under a name of its own: that of the work may have been used
    /// within the last minutes. Repeated, as after a crash before its deletion, it is the same.
    async fn send(&self, message: &Received) -> Result<(), Error> {
        let request = self.sqs.send_message().queue_url(&self.tasks).message_body(revived(&message.body));
        let is_fifo = self.tasks.strip_suffix(".fifo").is_some();
        let group = message.group.clone().filter(|_| is_fifo);
        let id = is_fifo.then(|| format!("redriven/{}", message.id));
        let request = request.set_message_group_id(group).set_message_deduplication_id(id);
        request.send().await.map(drop).map_err(failed("SendMessage", &self.tasks))
    }

    /// Gives the sender the event again, and waits for what it says. Its run has the same id, however often.
    async fn invoke(&self, message: &Received) -> Result<(), Error> {
        let event = firing(&message.body).ok_or(Error::NoEvent)?;
        let request = self.lambda.invoke().function_name(&self.sender).payload(Blob::new(event));
        let answer = request.send().await.map_err(failed("Invoke", &self.sender))?;
        match answer.function_error {
            None => Ok(()),
            Some(kind) => {
                let payload = answer.payload.map(Blob::into_inner).unwrap_or_default();
                let said: Value = serde_json::from_slice(&payload).unwrap_or_default();
                Err(Error::Sender(said["errorMessage"].as_str().map_or(kind, str::to_owned)))
            }
        }
    }

    async fn delete(&self, url: &str, message: &Received) -> Result<(), Error> {
        let request = self.sqs.delete_message().queue_url(url).receipt_handle(&message.receipt);
        request.send().await.map(drop).map_err(failed("DeleteMessage", url))
    }

    /// Shows messages again at once. Where that fails, they come back a little later.
    async fn release(&self, url: &str, messages: &[Received]) {
        for message in messages {
            let request = self.sqs.change_message_visibility().queue_url(url).receipt_handle(&message.receipt);
            if let Err(error) = request.visibility_timeout(0).send().await {
                tracing::debug!(id = message.id, error = chain(&error), "message stays hidden for a minute");
            }
        }
    }
}

fn received(message: &Message) -> Received {
    let system = |name: MessageSystemAttributeName| message.attributes.as_ref()?.get(&name).cloned();
    let own = |name: &str| message.message_attributes.as_ref()?.get(name)?.string_value.clone();
    let sent = system(MessageSystemAttributeName::SentTimestamp).and_then(|millis| millis.parse::<i64>().ok());
    let code = own("ERROR_CODE");
    Received {
        id: message.message_id.clone().unwrap_or_default(),
        receipt: message.receipt_handle.clone().unwrap_or_default(),
        body: message.body.clone().unwrap_or_default(),
        sent: sent.and_then(|millis| Timestamp::from_millisecond(millis).ok()),
        group: system(MessageSystemAttributeName::MessageGroupId),
        error: code.map(|code| match own("ERROR_MESSAGE") {
            Some(message) => format!("{code}: {message}"),
            None => code,
        }),
    }
}
