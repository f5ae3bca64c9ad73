//! SQS queues. <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_CreateQueue.html>

use serde_json::{Value, json};

use super::{Field, FieldName, Fields};
use crate::names::Tags;

/// Bytes of the largest message, SQS's maximum. Set, because older regions still default to 256 KiB.
pub const MAX_MESSAGE_SIZE: u32 = 1_048_576;

/// SQS's default visibility timeout.
const DEFAULT_VISIBILITY_TIMEOUT: u32 = 30;

/// A wanted queue.
#[derive(Clone, Debug)]
pub struct Queue {
    /// Name; ends in `.fifo` for a FIFO queue.
    pub name: String,
    /// Seconds that a message is kept.
    pub retention_seconds: u32,
    /// Seconds that a received message is hidden; absent: SQS's 30.
    pub visibility_timeout_seconds: Option<u32>,
    /// Where messages go that are received too often.
    pub redrive: Option<Redrive>,
    /// ARN of the KMS key that encrypts its messages; absent: SQS's own.
    pub kms_key_arn: Option<String>,
    /// Tags.
    pub tags: Tags,
}

/// Where messages go that are received too often.
#[derive(Clone, Debug)]
pub struct Redrive {
    /// Name of the dead-letter queue, which must exist.
    pub dead_letter_queue: String,
    /// Its ARN.
    pub dead_letter_arn: String,
    /// Receives before a message goes there.
    pub max_receive_count: u32,
}

impl Queue {
    /// The managed fields, as AWS would report them.
    pub fn fields(&self) -> Fields {
        let mut fields = Fields::from([
            (FieldName::MessageRetentionPeriod, Field::plain(self.retention_seconds)),
            (FieldName::VisibilityTimeout, Field::plain(self.visibility_timeout())),
            (FieldName::MaximumMessageSize, Field::plain(MAX_MESSAGE_SIZE)),
        ]);
        if let Some(redrive) = &self.redrive {
            fields.insert(FieldName::RedrivePolicy, Field::Plain(redrive.policy()));
        }
        if let Some(key) = &self.kms_key_arn {
            fields.insert(FieldName::KmsMasterKeyId, Field::plain(key.as_str()));
        }
        fields
    }

    /// Seconds that a received message is hidden.
    pub fn visibility_timeout(&self) -> u32 {
        self.visibility_timeout_seconds.unwrap_or(DEFAULT_VISIBILITY_TIMEOUT)
    }
}

impl Redrive {
    /// The policy, as SQS has it.
    pub fn policy(&self) -> Value {
        json!({ "deadLetterTargetArn": self.dead_letter_arn, "maxReceiveCount": self.max_receive_count })
    }
}
