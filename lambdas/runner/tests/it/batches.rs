//! Batches: which messages stay on the queue.

use std::time::{Duration, Instant};

use fake::{Answer, Aws};
use serde_json::json;

use crate::support::{PARAMETER, delivery, http, run, stage, stage_with};

#[tokio::test]
async fn on_a_standard_queue_only_what_failed_stays() {
    let stage = stage(|_| Answer::new(500, "")).await;
    let mut failing = http(&stage, json!({}));
    failing["task"]["attempts"] = json!(3);
    let good = || run(json!({}), json!([]));
    let stays = stage.receive(&[(good(), 1), (failing, 1), (json!("no JSON"), 1), (good(), 1)]).await;
    assert_eq!(stays, ["m1"]);
    // Those behind the first, for as long as this batch may take; then the failed one, for its back-off.
    let hidden = [("h1", 125), ("h2", 125), ("h3", 125), ("h1", 30)].map(|(handle, time)| (handle.to_owned(), time));
    assert_eq!(stage.aws.hidden(), hidden);
    assert_eq!(stage.aws.deleted(), ["h0", "h2"], "Lambda deletes the last one when it has the answer");
    assert_eq!(stage.aws.dead_letters(), ["no JSON"], "what nobody can read is moved at once");
}

#[tokio::test]
async fn on_a_fifo_queue_nothing_overtakes_what_failed() {
    let stage = stage_with("tasks.fifo", Aws::start().await, None, |_| Answer::new(500, "")).await;
    let mut failing = http(&stage, json!({}));
    failing["task"]["attempts"] = json!(3);
    let good = || run(json!({}), json!([]));
    let stays = stage.receive(&[(good(), 1), (failing.clone(), 1), (good(), 1), (failing, 1)]).await;
    assert_eq!(stays, ["m1", "m2", "m3"]);
    assert_eq!(stage.web.requests().len(), 1);
}

#[tokio::test]
async fn a_queue_that_does_not_answer_costs_no_message_the_time_of_another_and_never_the_invocation() {
    let late = Duration::from_mins(1);
    let aws = Aws::start_with(move |operation, _| match operation {
        "SendMessageBatch" | "ChangeMessageVisibility" => Some(Answer::new(200, "{}").after(late)),
        _ => None,
    })
    .await;
    let stage = stage_with("tasks", aws, None, |request| match request.path.as_str() {
        "/chat" => Answer::new(404, ""),
        _ => Answer::new(200, ""),
    })
    .await;
    stage.aws.put_parameter(PARAMETER, json!({"chat": stage.web.url("/chat")}).to_string());
    let time = Duration::from_secs(16);
    let started = Instant::now();
    let stays = stage.receive_within(time, &[(delivery(), 1), (http(&stage, json!({})), 1)]).await;
    assert!(started.elapsed() < time, "{:?}", started.elapsed());
    assert_eq!(stays, ["m0", "m1"], "the second result is queued, as its time is short");
    assert!(stage.web.requests().iter().any(|request| request.path == "/task"), "the second task was run");
}
