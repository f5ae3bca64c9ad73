//! Log groups, parameters, and their tags.

use pipeline_core::error_class::ErrorClass;
use pipeline_core::resource::{Kind, Observed, Resource};
use serde_json::{Value, json};

use super::desired::{differing, one, seen, tag_list, tag_map, with};
use super::wire::{Answer, Replay};
use crate::resource::{self, Progress};
use crate::{AwsError, Operation};

pub(super) const REPLAYED: &[u8] = &[164, 167, 168, 169, 171, 172, 173, 237];

fn group() -> Resource {
    one("{}", Kind::LogGroup, "-sender")
}

/// What CloudWatch Logs shows of a group that was made with nothing but a name.
fn bare(name: &str) -> Value {
    let arn = format!("arn:aws:logs:eu-west-1:111122223333:log-group:{name}");
    json!({
        "logGroupName": name, "arn": format!("{arn}:*"), "logGroupArn": arn, "creationTime": 1_764_072_000_000_i64,
        "metricFilterCount": 0, "storedBytes": 0, "logGroupClass": "STANDARD", "deletionProtectionEnabled": false,
    })
}

/// What it shows of a wanted group.
pub(super) fn shown_group(group: &Resource) -> Value {
    let Resource::LogGroup(it) = group else { panic!("{} is not a log group", group.id()) };
    with(&bare(&it.name), json!({"retentionInDays": it.retention_days}))
}

fn list(groups: &[Value]) -> Answer {
    Answer::json(json!({"logGroups": groups}))
}

#[tokio::test]
async fn what_logs_adds_to_a_group_is_no_drift_and_missing_retention_is() {
    let group = group();
    let key = json!({"kmsKeyId": "arn:aws:kms:eu-west-1:111122223333:key/1"});
    for (shown, expected) in [
        (shown_group(&group), &[][..]),
        (with(&shown_group(&group), key.clone()), &[]),
        (with(&bare(&group.id().name), key), &["retentionInDays"]),
        (bare(&group.id().name), &["retentionInDays"]),
    ] {
        // A list by prefix shows groups of longer names too.
        let longer = |more: &str| bare(&format!("{}{more}", group.id().name));
        let answers =
            [list(&[longer("-2"), shown, longer("-3")]), Answer::json(json!({"tags": tag_map(group.tags())}))];
        let seen = seen(&group, answers).await.expect("it is there");
        assert_eq!(differing(&group, &seen), expected);
        assert_eq!(seen.arn, format!("arn:aws:logs:eu-west-1:111122223333:log-group:{}", group.id().name));
    }
}

#[tokio::test]
async fn a_group_may_have_tags_of_others_alone() {
    let group = group();
    for tags in [json!({"env": "testing1", "test1": "val1", "test2": "val2"}), json!({"test2": "val2"})] {
        let answers = [list(&[shown_group(&group)]), Answer::json(json!({"tags": tags}))];
        let seen = seen(&group, answers).await.expect("it is there");
        assert_eq!(differing(&group, &seen).len(), group.tags().len());
    }
}

#[tokio::test]
async fn deletion_protection_is_told_whatever_the_refusal_is() {
    let group = group();
    for (status, code) in
        [(400, "ValidationException"), (400, "OperationAbortedException"), (400, "InvalidParameterException")]
    {
        let protected = with(&shown_group(&group), json!({"deletionProtectionEnabled": true}));
        let answers = [Answer::error(Operation::DeleteLogGroup, status, code, "no"), list(&[protected])];
        let error = deleted(&group, answers).await.unwrap_err();
        assert_eq!((error.class, error.code.as_str()), (ErrorClass::Conflict, code));
        assert!(error.remedy().starts_with("turn its deletion protection off"), "{}", error.remedy());
    }
    let failed = Answer::error(Operation::DeleteLogGroup, 503, "ServiceUnavailableException", "no");
    assert_eq!(deleted(&group, [failed]).await.unwrap_err().class, ErrorClass::Transient);
    let gone = Answer::error(Operation::DeleteLogGroup, 400, "ResourceNotFoundException", "no");
    assert_eq!(deleted(&group, [gone]).await, Ok(Progress::Done));
}

async fn deleted(group: &Resource, answers: impl IntoIterator<Item = Answer>) -> Result<Progress, AwsError> {
    let replay = Replay::of(answers);
    let deleted = resource::delete(&replay.aws(), &group.id(), &Observed::default()).await;
    replay.asked();
    deleted
}

const SECRET: &str = "https://hooks.slack.com/services/T/B/sesame";

fn parameter() -> Resource {
    let channel = "{name: team, slack: {webhookUrl: {secretKeyRef: {name: chat, key: slack}}}}";
    let yaml = format!("{{channels: [{channel}], tasks: [{{name: a, message: {{}}, notify: [team]}}]}}");
    one(&yaml, Kind::Parameter, "/channels")
}

fn value(parameter: &Resource) -> String {
    match parameter {
        Resource::Parameter(it) => it.value.expose().to_owned(),
        other => panic!("{} is not a parameter", other.id()),
    }
}

/// What SSM shows of a parameter.
fn shown(parameter: &Resource, kind: &str, version: u8) -> Value {
    let name = parameter.id().name;
    json!({"Parameter": {
        "ARN": format!("arn:aws:ssm:eu-west-1:111122223333:parameter{name}"), "DataType": "text",
        "LastModifiedDate": 1_764_072_000.0, "Name": name, "Type": kind, "Value": value(parameter), "Version": version,
    }})
}

#[tokio::test]
async fn a_parameter_reads_back_and_one_in_the_clear_is_drift() {
    let parameter = parameter();
    assert!(value(&parameter).contains(SECRET));
    for (kind, expected) in [("SecureString", &[][..]), ("String", &["type"])] {
        let tags = Answer::json(json!({"TagList": tag_list(parameter.tags())}));
        let seen = seen(&parameter, [Answer::json(shown(&parameter, kind, 3)), tags]).await.expect("it is there");
        assert_eq!(differing(&parameter, &seen), expected);
        assert_eq!(seen.revision.as_deref(), Some("3"));
    }
}

#[tokio::test]
async fn a_parameter_is_put_into_the_standard_tier() {
    let parameter = parameter();
    let replay = Replay::of([Answer::json(json!({"Tier": "Standard", "Version": 1}))]);
    assert_eq!(resource::create(&replay.aws(), &parameter).await, Ok(Progress::Done));
    assert!(replay.asked()[0].contains(r#""Tier":"Standard""#));
}
