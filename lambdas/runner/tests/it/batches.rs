//! Batches: which messages stay on the queue.

use fake::{Answer, Aws};
use serde_json::json;

use crate::support::{http, run, stage, stage_with};

#[tokio::test]
async fn on_a_standard_queue_only_what_failed_stays() {
    let stage = stage(|_| Answer::new(500, "")).await;
    let mut failing = http(&stage, json!({}));
    failing["task"]["attempts"] = json!(3);
    let good = || run(json!({}), json!([]));
    let stays = stage.receive(&[(good(), 1), (failing, 1), (json!("no JSON"), 1), (good(), 1)]).await;
    assert_eq!(stays, ["m1", "m2"]);
    assert_eq!(stage.aws.hidden(), [("h1".to_owned(), 30), ("h2".to_owned(), 0)]);
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
