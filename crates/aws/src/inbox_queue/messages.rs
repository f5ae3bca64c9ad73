//! Messages of an inbox: received, and deleted.

use std::future::ready;
use std::time::Duration;

use aws_sdk_sqs::types::{DeleteMessageBatchRequestEntry, Message, MessageSystemAttributeName as Attribute};
use aws_smithy_types::timeout::TimeoutConfig;
use futures::future::try_join_all;
use jiff::Timestamp;

use crate::{Aws, AwsError};

/// How long SQS holds an empty answer back, its maximum: an idle place costs three calls a minute.
const WAIT: Duration = Duration::from_secs(20);

/// What the answer may take beyond that.
const ANSWER: Duration = Duration::from_secs(10);

/// Messages in one answer, the most there are.
const BATCH: usize = 10;

/// A message as SQS hands it over.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Received {
    /// The text.
    pub body: String,
    /// Who sent it: `<role id>:<session>` for a role, without a colon for a user or an account.
    pub sender: String,
    /// When it was sent.
    pub sent: Option<Timestamp>,
    /// How often it was received, this time included.
    pub receives: u32,
    /// What it is deleted by.
    pub receipt: String,
}

/// Waits for messages, and takes more of them while there are, until it has `enough`.
///
/// # Errors
/// AWS refuses, or cannot be reached.
pub async fn receive(aws: &Aws, inbox: &str, enough: usize) -> Result<Vec<Received>, AwsError> {
    let mut messages: Vec<Received> = Vec::new();
    let mut wait = WAIT;
    loop {
        let more = receive_once(aws, inbox, wait).await?;
        let full = more.len() == BATCH;
        messages.extend(more.iter().map(received));
        if !full || messages.len() >= enough {
            return Ok(messages);
        }
        wait = Duration::ZERO;
    }
}

async fn receive_once(aws: &Aws, inbox: &str, wait: Duration) -> Result<Vec<Message>, AwsError> {
    let request = aws
        .sqs
        .receive_message()
        .queue_url(aws.location.queue_url(inbox))
        .max_number_of_messages(i32::try_from(BATCH).unwrap_or(1))
        .wait_time_seconds(i32::try_from(wait.as_secs()).unwrap_or(0))
        .message_system_attribute_names(Attribute::SenderId)
        .message_system_attribute_names(Attribute::ApproximateReceiveCount)
        .message_system_attribute_names(Attribute::SentTimestamp);
    let patience = TimeoutConfig::builder().operation_attempt_timeout(wait + ANSWER).build();
    let patient = || aws_sdk_sqs::config::Builder::new().timeout_config(patience.clone());
    let answer = aws.call_prepared(|| ready(Ok(request.clone().customize().config_override(patient())))).await?;
    Ok(answer.messages.unwrap_or_default())
}

fn received(message: &Message) -> Received {
    let attribute = |name: Attribute| message.attributes()?.get(&name).map(String::as_str);
    let sent = attribute(Attribute::SentTimestamp).and_then(|text| text.parse().ok());
    Received {
        body: message.body().unwrap_or_default().to_owned(),
        sender: attribute(Attribute::SenderId).unwrap_or_default().to_owned(),
        sent: sent.and_then(|milliseconds| Timestamp::from_millisecond(milliseconds).ok()),
        receives: attribute(Attribute::ApproximateReceiveCount).and_then(|text| text.parse().ok()).unwrap_or(1),
        receipt: message.receipt_handle().unwrap_or_default().to_owned(),
    }
}

/// Deletes messages, which nobody will see again.
///
/// # Errors
/// AWS refuses, or cannot be reached.
pub async fn delete(aws: &Aws, inbox: &str, messages: Vec<Received>) -> Result<(), AwsError> {
    let batches = messages.chunks(BATCH).map(async |batch| {
        let entry = |(at, message): (usize, &Received)| {
            // The builder refuses only a missing id or handle.
            DeleteMessageBatchRequestEntry::builder().id(at.to_string()).receipt_handle(&message.receipt).build().ok()
        };
        let entries = batch.iter().enumerate().filter_map(entry).collect();
        let request = aws.sqs.delete_message_batch().queue_url(aws.location.queue_url(inbox));
        let request = request.set_entries(Some(entries));
        aws.call(request).await.map(|_| ())
    });
    try_join_all(batches).await.map(|_| ())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_tells_who_sent_it_when_and_how_often_it_was_received() {
        let message = Message::builder()
            .body("{}")
            .receipt_handle("r")
            .attributes(Attribute::SenderId, "AROA1:a-runner")
            .attributes(Attribute::SentTimestamp, "1500")
            .attributes(Attribute::ApproximateReceiveCount, "3")
            .build();
        let expected = Received {
            body: "{}".to_owned(),
            sender: "AROA1:a-runner".to_owned(),
            sent: Some(Timestamp::from_millisecond(1500).unwrap()),
            receives: 3,
            receipt: "r".to_owned(),
        };
        assert_eq!(received(&message), expected);
        let nothing = Received { receives: 1, ..Received::default() };
        assert_eq!(received(&Message::builder().build()), nothing);
    }
}
