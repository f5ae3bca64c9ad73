//! The three places where a firing can get stuck: each ends in a dead-letter queue.

use aws_sdk_sqs::types::Message;
use jiff::{Timestamp, ToSpan as _, Unit};
use serde_json::{Value, json};

use crate::harness::{Lab, eventually, specs};

/// A pipeline that is made, left alone by its operator, and fires soon after.
async fn about_to_fire(name: &str, change: Value) -> (Lab, String) {
    let mut lab = Lab::new().await;
    let due = (Timestamp::now() + 20.seconds()).round(Unit::Second).unwrap();
    let schedule = format!("at({})", due.strftime("%Y-%m-%dT%H:%M:%S"));
    lab.apply(name, specs::merged(specs::message(&schedule), change)).await;
    lab.ready(name).await;
    lab.operator = None;
    (lab, due.to_string())
}

async fn dead_letter(lab: &Lab, queue: &str) -> Message {
    eventually(&format!("a message in {queue}"), async || {
        lab.aws.receive(queue).await.into_iter().next().ok_or_else(|| "it is empty".to_owned())
    })
    .await
}

#[tokio::test]
async fn a_firing_that_finds_no_sender_lies_in_the_undelivered_queue() {
    let (lab, due) = about_to_fire("headless", json!({"invocation": {"maxAttempts": 1}})).await;
    let names = lab.names("headless");
    lab.aws.lambda.delete_function().function_name(&names.sender).send().await.unwrap();
    let message = dead_letter(&lab, &names.undelivered_dlq).await;
    let attributes = message.message_attributes().unwrap();
    assert_eq!(attributes["ERROR_CODE"].string_value(), Some("ResourceNotFoundException"));
    assert!(message.body().unwrap().contains(&due), "it says which firing: {message:?}");
}

#[tokio::test]
async fn a_firing_that_finds_no_queue_lies_in_the_undelivered_queue() {
    let (lab, due) = about_to_fire("queueless", json!({"sender": {"timeoutSeconds": 3}})).await;
    let names = lab.names("queueless");
    lab.aws.delete_queue(&names.tasks).await;
    let message = dead_letter(&lab, &names.undelivered_dlq).await;
    let body: Value = serde_json::from_str(message.body().unwrap()).unwrap();
    assert_eq!(body["requestContext"]["condition"], "RetriesExhausted");
    assert_eq!(body["requestPayload"]["scheduledTime"], due.as_str());
    assert_eq!(body["requestPayload"]["tasks"][0]["name"], "hello");
}

#[tokio::test]
async fn a_message_that_the_runner_cannot_read_lies_in_the_dead_letter_queue() {
    let lab = Lab::new().await;
    let spec = specs::merged(specs::message(specs::YEARLY), json!({"queue": {"maxReceiveCount": 1}}));
    lab.apply("puzzled", spec).await;
    lab.ready("puzzled").await;
    let names = lab.names("puzzled");
    let request = lab.aws.sqs.send_message().queue_url(lab.aws.queue_url(&names.tasks));
    request.message_body("{\"kind\": \"riddle\"}").send().await.unwrap();
    let message = dead_letter(&lab, &names.tasks_dlq).await;
    assert_eq!(message.body(), Some("{\"kind\": \"riddle\"}"));
}
