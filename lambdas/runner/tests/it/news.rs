//! What the operator hears.

use std::time::Duration;

use fake::{Answer, Aws};
use serde_json::{Value, json};

use crate::support::{PARAMETER, delivery, http, run, slack, stage, stage_with};

/// The news of each report, without their times.
fn news(aws: &Aws) -> Vec<Vec<Value>> {
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
    let [report] = &news(&stage.aws)[..] else { panic!("{:?}", stage.aws.reports()) };
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
        news(&stage.aws).into_iter().flatten().map(|one| (one["attempt"].clone(), one["again"].clone())).collect();
    assert_eq!(told, [(json!(1), json!(true)), (json!(2), json!(false))]);
}

#[tokio::test]
async fn what_takes_longer_than_a_moment_is_said_to_have_started() {
    let stage = stage(|_| Answer::new(200, "").after(Duration::from_millis(1500))).await;
    let mut slow = http(&stage, json!({}));
    slow["channels"] = json!([]);
    assert!(stage.is_done(slow, 1).await);
    let kinds: Vec<_> = news(&stage.aws).into_iter().flatten().map(|one| one["kind"].clone()).collect();
    assert_eq!(kinds, ["started", "ended"]);
}

#[tokio::test]
async fn a_delivery_from_the_queue_is_told_when_it_is_decided() {
    let stage = stage(|_| Answer::new(503, "")).await;
    stage.aws.put_parameter(PARAMETER, json!({"chat": stage.web.url("/chat")}).to_string());
    assert!(!stage.is_done(delivery(), 1).await);
    assert!(stage.aws.reports().is_empty(), "it may still get there");
    assert!(!stage.is_done(delivery(), 26).await);
    let told = news(&stage.aws);
    assert_eq!(told[0][0]["reason"], "25 tries did not get it there");
    assert!(!stage.is_done(delivery(), 27).await);
    assert_eq!(stage.aws.reports().len(), 1);
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
