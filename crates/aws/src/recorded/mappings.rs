//! Event source mappings: what Lambda shows of one from a queue, and of one that is not ours.

use pipeline_core::resource::{EventSourceMapping, Kind, Observed, Resource};
use serde_json::{Value, json};

use super::desired::{differences, differing, one, seen, tag_map, with};
use super::wire::{Answer, Replay};
use crate::resource::{self, Progress};

pub(super) const REPLAYED: &[u8] = &[46, 48, 58, 99, 101, 102, 103, 104, 107, 108, 109, 110];

const UUID: &str = "6d9bce8e-836b-442c-8070-74e77903c815";

fn arn() -> String {
    format!("arn:aws:lambda:eu-west-1:111122223333:event-source-mapping:{UUID}")
}

fn desired() -> Resource {
    one("runner: {batchSize: 10}", Kind::EventSourceMapping, "-runner")
}

fn mapping(resource: &Resource) -> &EventSourceMapping {
    match resource {
        Resource::EventSourceMapping(mapping) => mapping,
        other => panic!("{} is not a mapping", other.id()),
    }
}

/// What Lambda shows of one that was made with nothing but a queue and a function.
fn shown(state: &str) -> Value {
    let desired = desired();
    let EventSourceMapping { function_arn, queue_arn, .. } = mapping(&desired);
    json!({
        "UUID": UUID, "EventSourceMappingArn": arn(), "EventSourceArn": queue_arn, "FunctionArn": function_arn,
        "BatchSize": 10, "MaximumBatchingWindowInSeconds": 0, "FunctionResponseTypes": [],
        "LastModified": 1_764_072_000.0, "State": state, "StateTransitionReason": "USER_INITIATED",
    })
}

fn reporting() -> Value {
    json!({"FunctionResponseTypes": ["ReportBatchItemFailures"]})
}

/// What Lambda shows of one from a stream.
fn of_stream(state: &str) -> Value {
    let settings = json!({
        "EventSourceArn": "arn:aws:dynamodb:eu-west-1:111122223333:table/t/stream/1", "BatchSize": 1,
        "BisectBatchOnFunctionError": false, "DestinationConfig": {"OnFailure": {}},
        "LastProcessingResult": "No records processed", "MaximumBatchingWindowInSeconds": 1,
        "MaximumRecordAgeInSeconds": -1, "MaximumRetryAttempts": -1, "ParallelizationFactor": 1,
        "StartingPosition": "TRIM_HORIZON", "TumblingWindowInSeconds": 0, "StateTransitionReason": "User action",
    });
    with(&shown(state), settings)
}

async fn seen_as(shown: Value, tags: Value) -> Observed {
    let list = json!({"EventSourceMappings": [shown]});
    let answers = [Answer::json(list), Answer::json(shown), Answer::json(json!({"Tags": tags}))];
    seen(&desired(), answers).await.expect("it is there")
}

#[tokio::test]
async fn what_lambda_adds_to_a_mapping_is_no_drift() {
    let desired = desired();
    let tags = || tag_map(desired.tags());
    let seen = seen_as(with(&shown("Enabled"), reporting()), tags()).await;
    assert_eq!((differing(&desired, &seen), seen.settling), (Vec::new(), None));
    assert_eq!((seen.arn, seen.revision.as_deref()), (arn(), Some(UUID)));
}

#[tokio::test]
async fn settings_and_tags_of_others_are_drift() {
    let desired = desired();
    let others = with(&shown("Enabled"), json!({"MaximumBatchingWindowInSeconds": 1}));
    let seen = seen_as(others, tag_map(desired.tags())).await;
    assert_eq!(differing(&desired, &seen), ["functionResponseTypes", "maximumBatchingWindowInSeconds"]);
    let seen = seen_as(with(&shown("Enabled"), reporting()), json!({})).await;
    assert_eq!(differing(&desired, &seen).len(), desired.tags().len());
}

#[tokio::test]
async fn a_mapping_from_a_stream_is_another_one() {
    let list = json!({"EventSourceMappings": [of_stream("Enabled"), of_stream("Creating")]});
    assert_eq!(seen(&desired(), [Answer::json(list)]).await, None);
}

#[tokio::test]
async fn a_new_mapping_is_followed_by_the_id_that_lambda_gives_it() {
    let desired = desired();
    for answer in [
        shown("Creating"),
        with(&shown("Creating"), reporting()),
        with(&shown("Creating"), json!({"MaximumBatchingWindowInSeconds": 1})),
    ] {
        let replay = Replay::of([Answer::json(answer), Answer::json(with(&shown("Enabled"), reporting()))]);
        let aws = replay.aws();
        let made = resource::create(&aws, &desired).await.unwrap();
        let Progress::Made(made) = made else { panic!("{made:?}") };
        assert_eq!((made.arn.clone(), made.settling.as_deref()), (arn(), Some("the mapping is Creating")));
        let seen = resource::follow(&aws, &desired.id(), &made).await.unwrap().expect("it is there");
        assert_eq!((differing(&desired, &seen), seen.settling), (Vec::new(), None));
        assert!(replay.asked()[1].contains(UUID));
    }
}

#[tokio::test]
async fn a_mapping_is_awaited_while_lambda_changes_or_deletes_it() {
    let desired = desired();
    let observed = seen_as(shown("Enabled"), tag_map(desired.tags())).await;
    let replay = Replay::of([Answer::json(shown("Updating"))]);
    let progress =
        resource::update(&replay.aws(), &desired, &observed, &differences(&desired, &observed), None).await.unwrap();
    assert!(matches!(progress, Progress::Waiting(_)), "{progress:?}");
    let replay = Replay::of([Answer::json(of_stream("Deleting"))]);
    let progress = resource::delete(&replay.aws(), &desired.id(), &observed).await.unwrap();
    assert!(matches!(progress, Progress::Waiting(_)), "{progress:?}");
    for state in ["Creating", "Updating", "Deleting"] {
        let seen = seen_as(shown(state), json!({})).await;
        assert_eq!(seen.settling, Some(format!("the mapping is {state}")));
    }
}
