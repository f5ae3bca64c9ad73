//! What is as it should be is left alone.

use api::ScheduledTaskPipeline;
use kube::ResourceExt as _;
use serde_json::json;

use crate::harness::{Lab, eventually, specs};

/// When, and with which fields, the operator wrote the status last.
fn last_status_write(pipeline: &ScheduledTaskPipeline) -> Vec<String> {
    let by_operator = pipeline.managed_fields().iter().filter(|entry| entry.subresource.as_deref() == Some("status"));
    by_operator.map(|entry| format!("{:?} {:?}", entry.time, entry.fields_v1)).collect()
}

#[tokio::test]
async fn an_unchanged_pipeline_costs_no_write_however_often_it_is_looked_at() {
    let lab = Lab::new().await;
    // Every field that AWS hands back in its own way.
    let spec = specs::merged(
        specs::message("0 9 * * *"),
        json!({
            "timeZone": "America/New_York", "flexibleWindowMinutes": 15, "startTime": "2020-01-01T00:00:00Z",
            "endTime": "2099-01-01T00:00:00Z", "tags": {"team": "data"},
            "runner": {"batchSize": 3, "maxConcurrency": 4, "environment": {"LOG": "debug"}, "logRetentionDays": 7},
            "sender": {"environment": {"LOG": "debug"}}, "queue": {"visibilityTimeoutSeconds": 400},
        }),
    );
    lab.apply("calm", spec).await;
    let before = lab.ready("calm").await;
    // What made it ready is told after the status says so.
    lab.resync("calm").await;
    lab.strict.forget_calls().await;
    let told = || lab.log().lines().filter(|line| line.contains(r#""level":"INFO""#)).count();
    let told_before = told();
    for _ in 0..3 {
        lab.resync("calm").await;
    }
    assert_eq!(told(), told_before, "nothing was changed, so nothing is said: {}", lab.log());
    assert_eq!(lab.strict.writes().await, Vec::<String>::new());
    let after = lab.get("calm").await;
    assert_eq!(before.status, after.status);
    assert_eq!(last_status_write(&before), last_status_write(&after));
    assert_eq!(lab.events("calm").await.len(), 2, "creation and readiness, and nothing since");
}

#[tokio::test]
async fn an_operator_that_starts_again_finds_nothing_to_do() {
    let mut lab = Lab::new().await;
    lab.apply("calm", specs::message(specs::YEARLY)).await;
    let before = lab.ready("calm").await;
    lab.start(&crate::harness::Settings::default());
    lab.strict.forget_calls().await;
    lab.resync("calm").await;
    assert_eq!(lab.strict.writes().await, Vec::<String>::new());
    assert_eq!(last_status_write(&before), last_status_write(&lab.get("calm").await));
}

#[tokio::test]
async fn a_command_to_reconcile_is_recorded_once() {
    let lab = Lab::new().await;
    lab.apply("calm", specs::message(specs::YEARLY)).await;
    lab.ready("calm").await;
    lab.patch("calm", json!({"metadata": {"annotations": {"taskpipelines.dev/reconcile-now": "one"}}})).await;
    eventually("the token is recorded", async || {
        let handled = lab.get("calm").await.status.unwrap_or_default().last_reconcile_now;
        if handled.as_deref() == Some("one") { Ok(()) } else { Err(format!("{handled:?}")) }
    })
    .await;
}
