//! SQS queues. <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_CreateQueue.html>
//!
//! `CreateQueue` answers success for a queue that has the same attributes already, whether it is ours or not; so the owner is
//! read before a new queue counts as ours. A deleted name is reserved for 60 s.

use std::collections::HashMap;
use std::time::Duration;

use api::QueueDepth;
use aws_sdk_sqs::operation::create_queue::builders::CreateQueueFluentBuilder;
use aws_sdk_sqs::types::QueueAttributeName as Name;
use pipeline_core::iam::Document;
use pipeline_core::names::Tags;
use pipeline_core::resource::{Field, FieldName, Fields, MAX_MESSAGE_SIZE, Observed, Queue};
use serde_json::{Value, json};

use super::{Changed, Progress};
use crate::{Aws, AwsError};

/// How often a new queue is asked for that AWS does not show yet. It asks to wait for a second at least.
/// <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_CreateQueue.html>
const SHOWN_POLL: Duration = Duration::from_millis(500);

/// Fields that one call sets, all together.
const SETTINGS: [FieldName; 9] = [
    FieldName::MessageRetentionPeriod,
    FieldName::VisibilityTimeout,
    FieldName::MaximumMessageSize,
    FieldName::RedrivePolicy,
    FieldName::RedriveAllowPolicy,
    FieldName::Policy,
    FieldName::DelaySeconds,
    FieldName::KmsMasterKeyId,
    FieldName::SqsManagedSseEnabled,
];

#[expect(clippy::case_sensitive_file_extension_comparisons, reason = "it is not a file, and AWS wants lower case")]
fn is_fifo(queue: &Queue) -> bool {
    queue.name.ends_with(".fifo")
}

fn attributes(queue: &Queue) -> HashMap<Name, String> {
    // An empty value removes the redrive policy or the key. Without a key, encryption managed by SQS is enabled.
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
    aws.call(creation(aws, queue, &queue.tags)).await?;
    // One that was there shows at once.
    let Some(has) = tags_of(aws, &queue.name).await? else {
        return Ok(Progress::waiting("AWS to show the new queue", SHOWN_POLL));
    };
    // Others, such as an auto-tagger, may have added tags: only ours are checked.
    let ours = queue.tags.iter().all(|(key, value)| has.get(key) == Some(value));
    Ok(if ours { Progress::Done } else { Progress::Exists })
}

/// The call that makes a queue, with these tags.
pub(super) fn creation(aws: &Aws, queue: &Queue, tags: &Tags) -> CreateQueueFluentBuilder {
    let mut attributes = attributes(queue);
    // New queues have SQS's own encryption, unless they get a key.
    attributes.retain(|name, value| !value.is_empty() && *name != Name::SqsManagedSseEnabled);
    if is_fifo(queue) {
        attributes.insert(Name::FifoQueue, "true".to_owned());
    }
    let tags = tags.clone().into_iter().collect();
    aws.sqs.create_queue().queue_name(&queue.name).set_attributes(Some(attributes)).set_tags(Some(tags))
}

pub(super) async fn update(aws: &Aws, queue: &Queue, changed: Changed<'_>) -> Result<Progress, AwsError> {
    if changed.any(&SETTINGS) {
        let url = aws.location.queue_url(&queue.name);
        let mut attributes = attributes(queue);
        attributes.insert(Name::DelaySeconds, "0".to_owned());
        if changed.any(&[FieldName::Policy]) {
            attributes.insert(Name::Policy, String::new());
        }
        if changed.any(&[FieldName::RedriveAllowPolicy]) {
            attributes.insert(Name::RedriveAllowPolicy, json!({ "redrivePermission": ALLOW_ALL }).to_string());
        }
        let request = aws.sqs.set_queue_attributes().queue_url(url).set_attributes(Some(attributes));
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
        (FieldName::MessageRetentionPeriod, Name::MessageRetentionPeriod),
        (FieldName::VisibilityTimeout, Name::VisibilityTimeout),
        (FieldName::MaximumMessageSize, Name::MaximumMessageSize),
    ] {
        if let Some(number) = number(&attribute) {
            fields.insert(field, Field::plain(number));
        }
    }
    if let Some(key) = attributes.get(&Name::KmsMasterKeyId).filter(|text| !text.is_empty()) {
        fields.insert(FieldName::KmsMasterKeyId, Field::plain(key.as_str()));
    } else if attributes.get(&Name::SqsManagedSseEnabled).is_some_and(|text| text == "false") {
        // Encryption is off: a difference, since the desired state never has this field as false.
        fields.insert(FieldName::SqsManagedSseEnabled, Field::plain(false));
    }
    if let Some(policy) = attributes.get(&Name::RedrivePolicy).filter(|text| !text.is_empty()) {
        fields.insert(FieldName::RedrivePolicy, Field::Plain(normalise_redrive(policy)));
    }
    let delay = number(&Name::DelaySeconds).filter(|seconds| *seconds > 0);
    fields.extend(delay.map(|seconds| (FieldName::DelaySeconds, Field::plain(seconds))));
    let sources = attributes.get(&Name::RedriveAllowPolicy).and_then(|text| refusal_of_sources(text));
    fields.extend(sources.map(|policy| (FieldName::RedriveAllowPolicy, policy)));
    let policy = attributes.get(&Name::Policy).and_then(|text| foreign_policy(text));
    fields.extend(policy.map(|policy| (FieldName::Policy, policy)));
    let count = |name: &Name| number(name).unwrap_or_default();
    let depth = QueueDepth {
        visible: count(&Name::ApproximateNumberOfMessages) + count(&Name::ApproximateNumberOfMessagesDelayed),
        in_flight: count(&Name::ApproximateNumberOfMessagesNotVisible),
        dead_letters: 0,
    };
    // A re-created queue has another creation time.
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

/// The default of SQS: any queue may use this one as its dead-letter queue.
/// <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SetQueueAttributes.html>
const ALLOW_ALL: &str = "allowAll";

/// No queue may use this one as its dead-letter queue.
const DENY_ALL: &str = "denyAll";

/// The redrive allow policy, if nothing can be dead-lettered into the queue any more.
fn refusal_of_sources(policy: &str) -> Option<Field> {
    let value: Value = serde_json::from_str(policy).ok()?;
    (value["redrivePermission"] == DENY_ALL).then_some(Field::Plain(value))
}

/// The policy that somebody gave a queue, which has none of the operator's: the roles' own say who may use it. One that only
/// denies, each time under a condition, stays: organisations put those on every queue, such as one that demands TLS.
fn foreign_policy(policy: &str) -> Option<Field> {
    let Ok(value) = serde_json::from_str::<Value>(policy) else {
        return (!policy.is_empty()).then(|| Field::plain(policy));
    };
    let statements = match &value["Statement"] {
        Value::Array(statements) => statements.as_slice(),
        one => std::slice::from_ref(one),
    };
    let is_left_alone = statements.iter().all(is_guardrail);
    (!is_left_alone).then(|| Field::Policy(Document::new(value)))
}

fn is_guardrail(statement: &Value) -> bool {
    let conditions = statement["Condition"].as_object();
    statement["Effect"] == "Deny" && conditions.is_some_and(|conditions| !conditions.is_empty())
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
    fn a_policy_that_only_denies_under_conditions_is_left_alone_and_any_other_is_drift() {
        let statement = |effect: &str, condition: Value| json!({"Effect": effect, "Principal": "*", "Action": "sqs:*", "Resource": "*", "Condition": condition});
        let tls = || statement("Deny", json!({"Bool": {"aws:SecureTransport": false}}));
        let own = || statement("Deny", json!({"StringNotEquals": {"aws:PrincipalOrgID": ["o-1"]}}));
        let policy = |statements: Value| json!({"Version": "2012-10-17", "Statement": statements}).to_string();
        for theirs in [policy(json!([tls(), own()])), policy(tls()), String::new()] {
            assert_eq!(foreign_policy(&theirs), None, "{theirs}");
        }
        for theirs in [
            json!([tls(), statement("Allow", json!({}))]),
            json!([statement("Deny", json!({}))]),
            json!([statement("Allow", json!({"Bool": {"aws:SecureTransport": "false"}}))]),
        ] {
            assert!(matches!(foreign_policy(&policy(theirs.clone())), Some(Field::Policy(_))), "{theirs}");
        }
        assert_eq!(foreign_policy("{"), Some(Field::plain("{")));
    }

    #[test]
    fn a_dead_letter_queue_that_takes_no_dead_letters_is_drift() {
        for fine in
            [r#"{"redrivePermission":"allowAll"}"#, r#"{"redrivePermission":"byQueue","sourceQueueArns":["a"]}"#]
        {
            assert_eq!(refusal_of_sources(fine), None, "{fine}");
        }
        let denied = json!({"redrivePermission": "denyAll"});
        assert_eq!(refusal_of_sources(&denied.to_string()), Some(Field::Plain(denied)));
    }

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
