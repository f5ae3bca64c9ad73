//! What becomes of asynchronous invocations that fail: the settings, and Lambda's records of failures.

use pipeline_core::dead_letters::{self, DeadLetter, Origin};
use pipeline_core::error_class::ErrorClass;
use pipeline_core::resource::{Kind, Observed, Resource};
use serde_json::{Value, json};

use super::desired::{differences, differing, one, seen, tag_map, with};
use super::functions::shown;
use super::wire::{Answer, Replay};
use crate::resource::{self, Progress};
use crate::{Operation, inbox_queue};

pub(super) const REPLAYED: &[u8] = &[67, 68, 72, 73, 74, 75, 76, 213];

/// The sender, whose failed invocations go to a queue of their own.
fn sender() -> Resource {
    one("{}", Kind::Function, "-sender")
}

fn destination(sender: &Resource) -> Value {
    let fields = sender.fields();
    let queue = fields.iter().find(|(name, _)| name.to_string() == "asyncOnFailure");
    json!(queue.expect("it has one").1.to_string())
}

/// What Lambda shows of its settings: a destination that is not set is empty, a number that is not set is left out.
fn settings(destination: &Value, numbers: Value) -> Value {
    let arn = "arn:aws:lambda:eu-west-1:111122223333:function:a:$LATEST";
    let on_failure = with(&json!({"Destination": destination}), json!({}));
    let common = json!({
        "FunctionArn": arn, "LastModified": 1_764_072_000.0,
        "DestinationConfig": {"OnFailure": on_failure, "OnSuccess": {}},
    });
    with(&common, numbers)
}

async fn seen_with(sender: &Resource, settings: Value) -> Observed {
    let function = json!({"Configuration": shown(sender), "Tags": tag_map(sender.tags())});
    seen(sender, [Answer::json(function), Answer::json(settings)]).await.expect("it is there")
}

#[tokio::test]
async fn settings_that_lambda_shows_as_they_were_put_are_no_drift() {
    let sender = sender();
    let desired = json!({"MaximumEventAgeInSeconds": 3600, "MaximumRetryAttempts": 2});
    let seen = seen_with(&sender, settings(&destination(&sender), desired)).await;
    assert_eq!(differing(&sender, &seen), [""; 0]);
}

#[tokio::test]
async fn settings_that_others_made_or_took_away_are_drift() {
    let sender = sender();
    for (numbers, expected) in [
        (json!({"MaximumRetryAttempts": 0}), &["asyncMaximumEventAge", "asyncMaximumRetryAttempts"][..]),
        (json!({"MaximumEventAgeInSeconds": 60, "MaximumRetryAttempts": 2}), &["asyncMaximumEventAge"]),
    ] {
        let seen = seen_with(&sender, settings(&Value::Null, numbers)).await;
        assert_eq!(differing(&sender, &seen), [expected, &["asyncOnFailure"]].concat());
    }
    // The operator gives a function that tasks call no settings.
    let yaml = "functions: [{name: report, runtime: python3.12, handler: index.handler, code: {inline: x}}]";
    let function = one(yaml, Kind::Function, "-fn-report");
    let seen = seen_with(&function, settings(&Value::Null, json!({"MaximumRetryAttempts": 0}))).await;
    assert_eq!(differing(&function, &seen), ["asyncMaximumRetryAttempts"]);
}

/// What comes of putting settings where none are.
async fn put(answer: Answer) -> Result<Progress, crate::AwsError> {
    let sender = sender();
    let observed = seen_with(&sender, settings(&Value::Null, json!({}))).await;
    let replay = Replay::of([answer]);
    let progress = resource::update(&replay.aws(), &sender, &observed, &differences(&sender, &observed), None).await;
    assert!(replay.asked()[0].starts_with("PUT"));
    progress
}

#[tokio::test]
async fn settings_are_put_at_once() {
    let sender = sender();
    for answer in [
        settings(&destination(&sender), json!({"MaximumRetryAttempts": 0})),
        settings(&Value::Null, json!({"MaximumRetryAttempts": 2, "MaximumEventAgeInSeconds": 60})),
    ] {
        assert_eq!(put(Answer::json(answer)).await, Ok(Progress::Done));
    }
}

#[tokio::test]
async fn a_destination_of_the_pipelines_own_is_waited_for() {
    let message = format!("The destination ARN {} is invalid.", destination(&sender()).as_str().unwrap_or_default());
    let code = "InvalidParameterValueException";
    let refusal = put(Answer::error(Operation::PutFunctionEventInvokeConfig, 400, code, &message)).await.unwrap_err();
    assert_eq!(refusal.class, ErrorClass::Waiting, "{refusal}");
}

#[tokio::test]
async fn a_record_of_a_failure_tells_what_was_to_be_done_and_why_it_was_not() {
    let firing = json!({
        "scheduleArn": "arn", "scheduledTime": "2026-01-01T09:00:00Z", "tasks": [],
        "pipeline": {"namespace": "team-a", "name": "hello"},
    });
    for (condition, invocations) in [("RetriesExhausted", 3), ("EventAgeExceeded", 2)] {
        let record = json!({
            "version": "1.0",
            "timestamp": "2026-01-01T09:05:00.000Z",
            "requestContext": {
                "requestId": "1", "functionArn": "arn:aws:lambda:eu-west-1:111122223333:function:a-sender:$LATEST",
                "condition": condition, "approximateInvokeCount": invocations,
            },
            "requestPayload": firing,
            "responseContext": {"statusCode": 200, "executedVersion": "$LATEST", "functionError": "Unhandled"},
            "responsePayload": {"errorMessage": "intentional failure", "errorType": "Exception", "stackTrace": []},
        });
        let attributes = json!({
            "AWSTraceHeader": "Root=1", "ApproximateFirstReceiveTimestamp": "2", "ApproximateReceiveCount": "2",
            "SenderId": "AROA1:awslambda", "SentTimestamp": "1500",
        });
        let message = json!({
            "MessageId": "m", "ReceiptHandle": "r", "Body": record.to_string(), "Attributes": attributes,
            "MD5OfBody": "00000000000000000000000000000000",
        });
        let replay = Replay::of([Answer::json(json!({"Messages": [message]}))]);
        let received = inbox_queue::receive(&replay.aws(), "a-undelivered-dlq", 1).await.unwrap();
        assert_eq!((received[0].receives, received[0].sender.as_str()), (2, "AROA1:awslambda"));
        let received = dead_letters::Received { body: received[0].body.clone(), ..dead_letters::Received::default() };
        let letter = DeadLetter::of(Origin::Undelivered, &received);
        assert_eq!(
            (&*letter.what, &*letter.why),
            ("firing of 2026-01-01T09:00:00Z", "the sender failed: intentional failure")
        );
        assert_eq!(dead_letters::firing(&received.body), Some(firing.to_string()));
    }
}
