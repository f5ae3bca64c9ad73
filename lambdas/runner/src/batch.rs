//! The event of an SQS batch, and the response with its failures.
//! <https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-errorhandling.html>

use std::fmt;
use std::str::FromStr;

use serde::de::Error;
use serde::{Deserialize, Deserializer, Serialize};

/// The event of an event source mapping.
#[derive(Debug, Deserialize)]
pub(crate) struct Batch {
    #[serde(rename = "Records")]
    pub(crate) records: Vec<Record>,
}

/// One message.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Record {
    pub(crate) message_id: MessageId,
    pub(crate) receipt_handle: String,
    pub(crate) body: String,
    pub(crate) attributes: Attributes,
}

/// SQS attributes of a message.
#[derive(Debug, Deserialize)]
pub(crate) struct Attributes {
    #[serde(rename = "ApproximateReceiveCount", deserialize_with = "number")]
    pub(crate) receive_count: u32,
    /// When it was received first, in milliseconds since 1970.
    #[serde(rename = "ApproximateFirstReceiveTimestamp", default, deserialize_with = "number_if_any")]
    pub(crate) first_received: Option<i64>,
    /// On a FIFO queue.
    #[serde(rename = "MessageGroupId")]
    pub(crate) message_group_id: Option<String>,
}

/// Id of a message. Never empty: an empty id in the response makes Lambda treat the whole batch as failed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String")]
pub(crate) struct MessageId(String);

impl TryFrom<String> for MessageId {
    type Error = &'static str;

    fn try_from(id: String) -> Result<Self, Self::Error> {
        if id.is_empty() { Err("`messageId` is empty") } else { Ok(Self(id)) }
    }
}

impl fmt::Display for MessageId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

fn number<'de, D: Deserializer<'de>, N: FromStr<Err: fmt::Display>>(deserializer: D) -> Result<N, D::Error> {
    String::deserialize(deserializer)?.parse().map_err(D::Error::custom)
}

fn number_if_any<'de, D: Deserializer<'de>, N: FromStr<Err: fmt::Display>>(
    deserializer: D,
) -> Result<Option<N>, D::Error> {
    let text = Option::<String>::deserialize(deserializer)?;
    text.map(|text| text.parse().map_err(D::Error::custom)).transpose()
}

/// The answer: which messages stay on the queue.
#[derive(Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Failures {
    batch_item_failures: Vec<Failure>,
}

#[derive(Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
struct Failure {
    item_identifier: MessageId,
}

impl Failures {
    pub(crate) fn push(&mut self, item_identifier: MessageId) {
        self.batch_item_failures.push(Failure { item_identifier });
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn event(id: &Value, receives: &Value) -> Value {
        json!({"Records": [{
            "messageId": id, "receiptHandle": "h", "body": "{}", "eventSource": "aws:sqs",
            "attributes": {"ApproximateReceiveCount": receives, "SentTimestamp": "1"},
        }]})
    }

    #[test]
    fn a_batch_without_ids_or_counts_is_refused() {
        assert!(serde_json::from_value::<Batch>(event(&json!("m"), &json!("3"))).is_ok());
        for (id, receives, expected) in [
            (json!(""), json!("3"), "`messageId` is empty"),
            (Value::Null, json!("3"), "invalid type: null"),
            (json!("m"), json!("often"), "invalid digit"),
        ] {
            let error = serde_json::from_value::<Batch>(event(&id, &receives)).unwrap_err().to_string();
            assert!(error.contains(expected), "{error}");
        }
    }

    #[test]
    fn failures_are_spelt_as_lambda_wants_them() {
        let mut failures = Failures::default();
        assert_eq!(serde_json::to_value(&failures).unwrap(), json!({"batchItemFailures": []}));
        failures.push(MessageId("m".into()));
        assert_eq!(serde_json::to_value(&failures).unwrap(), json!({"batchItemFailures": [{"itemIdentifier": "m"}]}));
    }
}
