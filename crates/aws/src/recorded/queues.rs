//! Queues: the attributes that SQS shows of one, which are texts all of them.

use pipeline_core::resource::{Kind, Observed, Resource};
use serde_json::{Value, json};

use super::desired::{differences, differing, one, seen, tag_map, with};
use super::wire::{Answer, Replay};
use crate::inbox_queue;
use crate::resource::{self, Progress};

pub(super) const REPLAYED: &[u8] =
    &[114, 115, 116, 117, 118, 119, 120, 136, 137, 138, 139, 141, 142, 143, 144, 145, 146, 225];

const KEY: &str = "arn:aws:kms:eu-central-1:111122223333:key/1";

/// A dead-letter queue, whose settings are those of a queue that was made with nothing.
fn plain() -> Resource {
    one("queue: {deadLetterRetentionSeconds: 345600}", Kind::Queue, "-tasks-dlq")
}

/// The tasks' queue, with settings of its own.
fn tasks(settings: &str, policy: &str) -> Resource {
    let yaml = format!(
        "{{concurrencyPolicy: {policy}, runner: {{timeoutSeconds: 30}}, \
         queue: {{retentionSeconds: 13579, visibilityTimeoutSeconds: 45, maxReceiveCount: 7 {settings}}}}}"
    );
    one(&yaml, Kind::Queue, if policy == "Queue" { "-tasks.fifo" } else { "-tasks" })
}

/// The attributes of a queue that was made with nothing.
fn defaults() -> Value {
    json!({
        "ApproximateNumberOfMessages": "0", "ApproximateNumberOfMessagesDelayed": "0",
        "ApproximateNumberOfMessagesNotVisible": "0", "CreatedTimestamp": "1764072000",
        "LastModifiedTimestamp": "1764072000", "DelaySeconds": "0", "MaximumMessageSize": "1048576",
        "MessageRetentionPeriod": "345600", "QueueArn": "arn:aws:sqs:eu-west-1:111122223333:a",
        "ReceiveMessageWaitTimeSeconds": "0", "SqsManagedSseEnabled": "true", "VisibilityTimeout": "30",
    })
}

/// The attributes of the tasks' queue.
fn of_tasks(queue: &Resource) -> Value {
    let fields = queue.fields();
    let redrive = fields.iter().find(|(name, _)| name.to_string() == "redrivePolicy").expect("it has one").1;
    let settings = json!({
        "MessageRetentionPeriod": "13579", "VisibilityTimeout": "45", "RedrivePolicy": redrive.to_string(),
    });
    with(&defaults(), settings)
}

fn fifo() -> Value {
    json!({
        "FifoQueue": "true", "ContentBasedDeduplication": "false", "DeduplicationScope": "queue",
        "FifoThroughputLimit": "perQueue",
    })
}

fn with_key(key: &str) -> Value {
    json!({"KmsMasterKeyId": key, "KmsDataKeyReusePeriodSeconds": "297", "SqsManagedSseEnabled": "false"})
}

async fn seen_as(queue: &Resource, attributes: &Value) -> Observed {
    let tags = Answer::json(json!({"Tags": tag_map(queue.tags())}));
    seen(queue, [Answer::json(json!({"Attributes": attributes})), tags]).await.expect("it is there")
}

#[tokio::test]
async fn what_sqs_adds_to_a_queue_is_no_drift() {
    let (plain, standard) = (plain(), tasks("", "Allow"));
    let (first_in_first_out, encrypted) = (tasks("", "Queue"), tasks(&format!(", kmsKeyId: '{KEY}'"), "Allow"));
    let waits = json!({"ReceiveMessageWaitTimeSeconds": "10"});
    let takes_all = json!({"RedriveAllowPolicy": r#"{"redrivePermission":"allowAll"}"#});
    let limited = json!({"DeduplicationScope": "messageGroup", "FifoThroughputLimit": "perMessageGroupId"});
    for (queue, attributes) in [
        (&plain, defaults()),
        (&plain, with(&defaults(), waits)),
        (&plain, with(&defaults(), takes_all)),
        (&standard, of_tasks(&standard)),
        (&first_in_first_out, with(&of_tasks(&first_in_first_out), fifo())),
        (&first_in_first_out, with(&with(&of_tasks(&first_in_first_out), fifo()), limited)),
        (&encrypted, with(&of_tasks(&encrypted), with_key(KEY))),
    ] {
        let seen = seen_as(queue, &attributes).await;
        assert_eq!(differing(queue, &seen), [""; 0], "{attributes}");
        assert_eq!(seen.revision.as_deref(), Some("1764072000"));
    }
}

#[tokio::test]
async fn settings_of_others_are_drift() {
    let plain = plain();
    let theirs = json!({"DelaySeconds": "420", "MaximumMessageSize": "2048", "VisibilityTimeout": "69"});
    for (attributes, expected) in [
        (theirs, &["delaySeconds", "maximumMessageSize", "visibilityTimeout"][..]),
        (with_key("testKeyId"), &["kmsMasterKeyId"]),
        (with_key("alias/aws/sqs"), &["kmsMasterKeyId"]),
        (json!({"SqsManagedSseEnabled": "false"}), &["sqsManagedSseEnabled"]),
    ] {
        let seen = seen_as(&plain, &with(&defaults(), attributes)).await;
        assert_eq!(differing(&plain, &seen), expected);
    }
    // What is left when a template takes its settings away again.
    let standard = tasks("", "Allow");
    let left = json!({
        "DelaySeconds": "17", "MaximumMessageSize": "262144", "SqsManagedSseEnabled": "false",
        "MessageRetentionPeriod": "345600", "VisibilityTimeout": "43",
    });
    let seen = seen_as(&standard, &with(&of_tasks(&standard), left)).await;
    let expected =
        ["delaySeconds", "maximumMessageSize", "messageRetentionPeriod", "sqsManagedSseEnabled", "visibilityTimeout"];
    assert_eq!(differing(&standard, &seen), expected);
}

#[tokio::test]
async fn a_key_of_others_is_taken_off_and_sqs_encrypts_again() {
    let plain = plain();
    let observed = seen_as(&plain, &with(&defaults(), with_key("testKeyId"))).await;
    let replay = Replay::of([Answer::empty(200)]);
    let progress = resource::update(&replay.aws(), &plain, &observed, &differences(&plain, &observed), None).await;
    assert_eq!(progress, Ok(Progress::Done));
    let asked = replay.asked();
    // An empty key alone would leave the queue without encryption.
    for attribute in [r#""KmsMasterKeyId":"""#, r#""SqsManagedSseEnabled":"true""#] {
        assert!(asked[0].contains(attribute), "{asked:?}");
    }
}

#[tokio::test]
async fn tags_may_be_those_of_others_alone_or_none() {
    let plain = plain();
    let attributes = || Answer::json(json!({"Attributes": defaults()}));
    for (answer, count) in [
        (json!({"Tags": {"tag1": "value1", "tag2": "value2", "tag3": ""}}), 3),
        (json!({"Tags": {"tag2": "value2"}}), 1),
        (json!({}), 0),
    ] {
        let seen = seen(&plain, [attributes(), Answer::json(answer)]).await.expect("it is there");
        assert_eq!(seen.tags.len(), count);
        assert_eq!(differing(&plain, &seen).len(), plain.tags().len());
    }
}

#[tokio::test]
async fn an_empty_queue_has_no_messages_to_show() {
    let replay = Replay::of([Answer::json(json!({}))]);
    assert_eq!(inbox_queue::receive(&replay.aws(), "a", 1).await, Ok(Vec::new()));
}
