//! SQS queues. <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_CreateQueue.html>
//!
//! `CreateQueue` answers success for a queue that has the same attributes already, whether it is ours or not; so the owner is
//! read before a new queue counts as ours. A deleted name is reserved for 60 s.

use std::collections::HashMap;
use std::time::Duration;

use api::QueueDepth;
use aws_sdk_sqs::types::QueueAttributeName as Name;
use pipeline_core::names::Tags;
use pipeline_core::resource::{Field, Fields, MAX_MESSAGE_SIZE, Observed, Queue};
use serde_json::Value;

use super::{Changed, Progress};
use crate::{Aws, AwsError};

/// How often a new queue is asked for that AWS does not show yet. It asks to wait for a second at least.
/// <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_CreateQueue.html>
const SHOWN_POLL: Duration = Duration::from_millis(500);

/// Fields that one call sets, all together.
const SETTINGS: [&str; 6] = [
    "messageRetentionPeriod",
    "visibilityTimeout",
    "maximumMessageSize",
    "redrivePolicy",
    "kmsMasterKeyId",
    "sqsManagedSseEnabled",
];

#[expect(clippy::case_sensitive_file_extension_comparisons, reason = "it is not a file, and AWS wants lower case")]
fn is_fifo(queue: &Queue) -> bool {
    queue.name.ends_with(".fifo")
}

fn attributes(queue: &Queue) -> HashMap<Name, String> {
    // An empty text clears a redrive policy, and a key; without one, SQS's own encryption takes its place.
    let redrive = queue.redrive.as_ref().map(|redrive| redrive.policy().to_string()).unwrap_or_default();
    HashMap::from([
        (Name::MessageRetentionPeriod, queue.retention_seconds.to_string()),
        (Name::VisibilityTimeout, queue.visibility_timeout().to_string()),
        (Name::MaximumMessageSize, MAX_MESSAGE_SIZE.to_string()),
        (Name::RedrivePolicy, redrive),
        (Name::KmsMasterKeyId, queue.kms_key_arn.clone().unwrap_or_default()),
        (Name::SqsManagedSseEnabled, queue.kms_key_arn.is_none().to_string()),
    ])
}

pub(super) async fn create(aws: &Aws, queue: &Queue) -> Result<Progress, AwsError> {
    let mut attributes = attributes(queue);
    // New queues have SQS's own encryption, unless they get a key.
    attributes.retain(|name, value| !value.is_empty() && *name != Name::SqsManagedSseEnabled);
    if is_fifo(queue) {
        attributes.insert(Name::FifoQueue, "true".to_owned());
    }
    let tags = queue.tags.clone().into_iter().collect();
    let request = aws.sqs.create_queue().queue_name(&queue.name).set_attributes(Some(attributes)).set_tags(Some(tags));
    aws.call(request).await?;
    // One that was there shows at once.
    let Some(has) = tags_of(aws, &queue.name).await? else {
        return Ok(Progress::waiting("AWS to show the new queue", SHOWN_POLL));
    };
    // An auto-tagger may have been here already.
    let ours = queue.tags.iter().all(|(key, value)| has.get(key) == Some(value));
    Ok(if ours { Progress::Done } else { Progress::Exists })
}

pub(super) async fn update(aws: &Aws, queue: &Queue, changed: Changed<'_>) -> Result<Progress, AwsError> {
    if changed.any(&SETTINGS) {
        let url = aws.location.queue_url(&queue.name);
        let request = aws.sqs.set_queue_attributes().queue_url(url).set_attributes(Some(attributes(queue)));
        aws.call(request).await?;
    }
    Ok(Progress::Done)
}

pub(super) async fn observe(aws: &Aws, name: &str) -> Result<Option<Observed>, AwsError> {
    let Some(seen) = observe_without_tags(aws, name).await? else { return Ok(None) };
    Ok(tags_of(aws, name).await?.map(|tags| Observed { tags, ..seen }))
}

/// A queue's attributes: no list shows them.
pub(super) async fn observe_without_tags(aws: &Aws, name: &str) -> Result<Option<Observed>, AwsError> {
    let request = aws.sqs.get_queue_attributes().queue_url(aws.location.queue_url(name)).attribute_names(Name::All);
    let Some(answer) = aws.find(request).await? else {
        return Ok(None);
    };
    let attributes = answer.attributes.unwrap_or_default();
    let number = |name: &Name| attributes.get(name).and_then(|text| text.parse::<u64>().ok());
    let mut fields = Fields::new();
    for (field, attribute) in [
        ("messageRetentionPeriod", Name::MessageRetentionPeriod),
        ("visibilityTimeout", Name::VisibilityTimeout),
        ("maximumMessageSize", Name::MaximumMessageSize),
    ] {
        if let Some(number) = number(&attribute) {
            fields.insert(field, Field::plain(number));
        }
    }
    if let Some(key) = attributes.get(&Name::KmsMasterKeyId).filter(|text| !text.is_empty()) {
        fields.insert("kmsMasterKeyId", Field::plain(key.as_str()));
    } else if attributes.get(&Name::SqsManagedSseEnabled).is_some_and(|text| text == "false") {
        // Somebody took the encryption away.
        fields.insert("sqsManagedSseEnabled", Field::plain(false));
    }
    if let Some(policy) = attributes.get(&Name::RedrivePolicy).filter(|text| !text.is_empty()) {
        fields.insert("redrivePolicy", Field::Plain(normalise_redrive(policy)));
    }
    let count = |name: &Name| number(name).unwrap_or_default();
    let depth = QueueDepth {
        visible: count(&Name::ApproximateNumberOfMessages) + count(&Name::ApproximateNumberOfMessagesDelayed),
        in_flight: count(&Name::ApproximateNumberOfMessagesNotVisible),
        dead_letters: 0,
    };
    // A queue that was made anew is another one.
    let revision = attributes.get(&Name::CreatedTimestamp).cloned();
    let arn = aws.location.queue_arn(name);
    Ok(Some(Observed { arn, fields, depth: Some(depth), revision, ..Observed::default() }))
}

pub(super) async fn delete(aws: &Aws, name: &str) -> Result<Progress, AwsError> {
    let request = aws.sqs.delete_queue().queue_url(aws.location.queue_url(name));
    aws.call(request).await?;
    Ok(Progress::Done)
}

pub(super) async fn put_tags(aws: &Aws, name: &str, tags: &Tags) -> Result<(), AwsError> {
    let tags = tags.clone().into_iter().collect();
    let request = aws.sqs.tag_queue().queue_url(aws.location.queue_url(name)).set_tags(Some(tags));
    aws.call(request).await?;
    Ok(())
}

pub(super) async fn remove_tags(aws: &Aws, name: &str, keys: Vec<String>) -> Result<(), AwsError> {
    let request = aws.sqs.untag_queue().queue_url(aws.location.queue_url(name)).set_tag_keys(Some(keys));
    aws.call(request).await?;
    Ok(())
}

async fn tags_of(aws: &Aws, name: &str) -> Result<Option<Tags>, AwsError> {
    let request = aws.sqs.list_queue_tags().queue_url(aws.location.queue_url(name));
    let answer = aws.find(request).await?;
    Ok(answer.map(|answer| answer.tags.unwrap_or_default().into_iter().collect()))
}

/// SQS gives the count back as a number or as a text, however it was sent.
fn normalise_redrive(policy: &str) -> Value {
    let Ok(mut policy) = serde_json::from_str::<Value>(policy) else { return Value::from(policy) };
    if let Some(count) = policy.get("maxReceiveCount").and_then(Value::as_str).and_then(|text| text.parse::<u64>().ok())
    {
        policy["maxReceiveCount"] = count.into();
    }
    policy
}

#[cfg(test)]
mod tests {
    use pipeline_core::resource::Redrive;

    use super::*;

    #[test]
    fn a_receive_count_reads_the_same_as_number_and_as_text() {
        let redrive = Redrive {
            dead_letter_queue: "a-tasks-dlq".to_owned(),
            dead_letter_arn: "arn:aws:sqs:eu-west-1:111122223333:a-tasks-dlq".to_owned(),
            max_receive_count: 25,
        };
        let as_text =
            r#"{"maxReceiveCount":"25","deadLetterTargetArn":"arn:aws:sqs:eu-west-1:111122223333:a-tasks-dlq"}"#;
        assert_eq!(normalise_redrive(as_text), redrive.policy());
        assert_eq!(normalise_redrive(&redrive.policy().to_string()), redrive.policy());
    }
}
