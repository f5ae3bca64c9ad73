//! What the operator hears.

use std::time::Duration;

use fake::{Answer, Aws};
use protocol::MAX_DELIVERY_RECEIVES;
use serde_json::{Value, json};

use crate::support::{PARAMETER, delivery, http, run, slack, stage, stage_with};

/// The events of each report, without their times.
fn events(aws: &Aws) -> Vec<Vec<Value>> {
    let plain = |one: &Value| {
        let mut one = one.clone();
        for moving in ["at", "durationMs"] {
            one.as_object_mut().unwrap().remove(moving);
        }
        one
    };
    let of = |report: Value| report["news"].as_array().unwrap().iter().map(plain).collect();
    aws.reports().into_iter().map(of).collect()
}

fn ended(status: &str, again: bool, error: Option<&str>) -> Value {
    let mut ended = json!({
        "kind": "ended", "task": "t", "position": 0, "attempt": 1, "status": status, "again": again,
    });
    if let Some(error) = error {
        ended["error"] = json!(error);
    }
    ended
}

#[tokio::test]
async fn a_task_and_its_deliveries_are_one_report() {
    let stage = stage(|request| Answer::new(if request.path == "/gone" { 404 } else { 200 }, "no_service")).await;
    let secrets = json!({"chat": stage.web.url("/chat"), "gone": stage.web.url("/gone")});
    stage.aws.put_parameter(PARAMETER, secrets.to_string());
    let channels = json!([slack()[0], {"name": "old", "target": {"slack": {"url": "gone"}}}]);
    let notify = json!({"notify": ["chat", "old"]});
    assert!(stage.is_done(run(notify, channels), 1).await);
    let [report] = &events(&stage.aws)[..] else { panic!("{:?}", stage.aws.reports()) };
    assert_eq!(
        report[..2],
        [ended("Succeeded", false, None), json!({"kind": "delivered", "task": "t", "channel": "chat"})]
    );
    assert_eq!((&report[2]["kind"], &report[2]["channel"]), (&json!("gaveUp"), &json!("old")));
    assert!(report[2]["reason"].as_str().unwrap().contains("404"), "{report:?}");
}

#[tokio::test]
async fn each_attempt_is_told_and_whether_there_will_be_another() {
    let stage = stage(|_| Answer::new(500, "broken")).await;
    let mut failing = http(&stage, json!({}));
    failing["task"]["attempts"] = json!(2);
    failing["channels"] = json!([]);
    assert!(!stage.is_done(failing.clone(), 1).await);
    assert!(stage.is_done(failing, 2).await);
    let told: Vec<_> =
        events(&stage.aws).into_iter().flatten().map(|one| (one["attempt"].clone(), one["again"].clone())).collect();
    assert_eq!(told, [(json!(1), json!(true)), (json!(2), json!(false))]);
}

#[tokio::test]
async fn what_takes_longer_than_a_moment_is_said_to_have_started() {
    let stage = stage(|_| Answer::new(200, "").after(Duration::from_millis(1500))).await;
    let mut slow = http(&stage, json!({}));
    slow["channels"] = json!([]);
    assert!(stage.is_done(slow, 1).await);
    let kinds: Vec<_> = events(&stage.aws).into_iter().flatten().map(|one| one["kind"].clone()).collect();
    assert_eq!(kinds, ["started", "ended"]);
}

#[tokio::test]
async fn a_delivery_that_runs_out_of_tries_is_told_and_moved_at_its_last() {
    let stage = stage(|_| Answer::new(503, "closed")).await;
    stage.aws.put_parameter(PARAMETER, json!({"chat": stage.web.url("/chat")}).to_string());
    for receive in [1, MAX_DELIVERY_RECEIVES - 1] {
        assert!(!stage.is_done(delivery(), receive).await);
    }
    assert!(stage.aws.reports().is_empty() && stage.aws.dead_letters().is_empty(), "it may still get there");
    assert!(stage.is_done(delivery(), MAX_DELIVERY_RECEIVES).await);
    let reason = "25 attempts did not deliver it, the last: HTTP 503 Service Unavailable: closed";
    assert_eq!(events(&stage.aws)[0][0]["reason"], reason);
    assert_eq!(stage.aws.dead_letters()[0]["gaveUp"], reason);
    assert_eq!(stage.web.requests().len(), 3);
}

#[tokio::test]
async fn a_delivery_whose_last_try_nobody_saw_the_end_of_is_told_and_moved_unposted() {
    let stage = stage(|_| Answer::new(200, "")).await;
    assert!(stage.is_done(delivery(), MAX_DELIVERY_RECEIVES + 1).await);
    assert_eq!(events(&stage.aws)[0][0]["reason"], "25 attempts did not deliver it");
    assert_eq!(stage.aws.dead_letters().len(), 1);
    assert!(stage.web.requests().is_empty());
}

#[tokio::test]
async fn what_the_dead_letter_queue_does_not_take_is_told_when_no_try_is_left() {
    let aws = Aws::start_with(|operation, _| (operation == "SendMessageBatch").then(|| Answer::new(403, "{}"))).await;
    let stage = stage_with("tasks", aws, None, |_| Answer::new(404, "gone")).await;
    stage.aws.put_parameter(PARAMETER, json!({"chat": stage.web.url("/chat")}).to_string());
    let soon = Duration::from_secs(5);
    assert_eq!(stage.receive_within(soon, &[(delivery(), 1)]).await, ["m0"]);
    assert!(stage.aws.reports().is_empty(), "it is tried again");
    assert_eq!(stage.receive_within(soon, &[(delivery(), MAX_DELIVERY_RECEIVES + 1)]).await, ["m0"]);
    assert_eq!(events(&stage.aws)[0][0]["kind"], "gaveUp");
}

#[tokio::test]
async fn a_lost_report_changes_nothing_and_a_message_of_before_makes_none() {
    let aws = Aws::start_with(|operation, _| (operation == "SendMessage").then(|| Answer::new(500, "{}"))).await;
    let lossy = stage_with("tasks", aws, None, |_| Answer::new(200, "")).await;
    assert!(lossy.is_done(run(json!({}), json!([])), 1).await);
    let stage = stage(|_| Answer::new(200, "")).await;
    let mut old = run(json!({}), json!([]));
    old.as_object_mut().unwrap().remove("tasks");
    assert!(stage.is_done(old, 1).await);
    assert!(stage.aws.reports().is_empty());
}
