//! Slow AWS, and operators that die in the middle.

use std::collections::BTreeSet;

use serde_json::json;

use crate::harness::{Lab, Operator, Settings, condition, eventually, specs};

#[tokio::test]
async fn slow_roles_and_functions_are_waited_for_without_a_failure() {
    let mut lab = Lab::without_operator().await;
    lab.strict.settings(json!({"roleDelaySeconds": 3, "pendingSeconds": 2})).await;
    lab.start(&Settings::default());
    lab.apply("slow", specs::message(specs::YEARLY)).await;
    lab.until("slow", "is being made", |pipeline| {
        condition(pipeline, "Ready").is_some_and(|ready| ready.status == "Unknown")
            && condition(pipeline, "Reconciling").is_some_and(|reconciling| reconciling.status == "True")
    })
    .await;
    lab.kubectl(&["wait", "--for=condition=Ready", "--timeout=60s", "pipelines/slow"]);
    let pipeline = lab.ready("slow").await;
    assert!(condition(&pipeline, "Reconciling").is_none() && condition(&pipeline, "Stalled").is_none());
    assert!(!lab.log().contains("needs attention"), "waiting is no failure");
    let events = lab.events("slow").await;
    assert_eq!(events.len(), 2, "{events:?}");
}

/// Waits until the operator has made so many calls that change AWS, then kills it.
async fn kill_after(lab: &mut Lab, writes: usize) {
    eventually(&format!("{writes} writes"), async || {
        let done = lab.strict.writes().await;
        if done.len() >= writes { Ok(()) } else { Err(format!("{done:?}")) }
    })
    .await;
    lab.operator = None;
}

#[tokio::test]
async fn an_operator_killed_while_it_makes_a_pipeline_finishes_it_when_it_is_back() {
    for writes in [1, 4, 8, 12, 16, 19] {
        let mut lab = Lab::without_operator().await;
        // Slow enough to be caught in the middle.
        lab.strict.settings(json!({"latencyMs": 40})).await;
        lab.start(&Settings::default());
        lab.apply("phoenix", specs::message(specs::YEARLY)).await;
        kill_after(&mut lab, writes).await;
        lab.start(&Settings::default());
        lab.ready("phoenix").await;
        assert_eq!(lab.aws.everything().await, lab.names("phoenix").all(), "killed after {writes} writes");
        let mappings = lab.aws.lambda.list_event_source_mappings().send().await.unwrap();
        assert_eq!(mappings.event_source_mappings().len(), 1, "killed after {writes} writes");
        lab.strict.forget_calls().await;
        lab.resync("phoenix").await;
        assert_eq!(lab.strict.writes().await, Vec::<String>::new(), "killed after {writes} writes");
    }
}

#[tokio::test]
async fn an_operator_killed_while_it_changes_a_pipeline_finishes_the_change() {
    let spec = specs::message(specs::YEARLY);
    let edit = json!({
        "schedule": "0 10 * * *", "sender": {"memoryMiB": 256}, "runner": {"memoryMiB": 512, "timeoutSeconds": 60},
        "queue": {"maxReceiveCount": 3, "deadLetterRetentionSeconds": 3600}, "tags": {"team": "data"},
    });
    for writes in [1, 6, 12] {
        let mut lab = Lab::new().await;
        lab.apply("phoenix", spec.clone()).await;
        lab.ready("phoenix").await;
        lab.strict.settings(json!({"latencyMs": 40})).await;
        lab.strict.forget_calls().await;
        lab.apply("phoenix", specs::merged(spec.clone(), edit.clone())).await;
        kill_after(&mut lab, writes).await;
        lab.start(&Settings::default());
        lab.ready("phoenix").await;
        let names = lab.names("phoenix");
        assert_eq!(lab.aws.everything().await, names.all(), "killed after {writes} writes");
        assert_eq!(lab.aws.function(&names.runner).await.memory_size, Some(512));
        assert_eq!(lab.aws.schedule(&names.schedule).await.schedule_expression(), Some("cron(0 10 * * ? *)"));
        lab.strict.forget_calls().await;
        lab.resync("phoenix").await;
        assert_eq!(lab.strict.writes().await, Vec::<String>::new(), "killed after {writes} writes");
    }
}

#[tokio::test]
async fn an_operator_killed_while_it_deletes_a_pipeline_leaves_nothing_in_the_end() {
    for writes in [1, 3, 7, 12] {
        let mut lab = Lab::new().await;
        lab.apply("phoenix", specs::message(specs::YEARLY)).await;
        lab.ready("phoenix").await;
        lab.strict.settings(json!({"latencyMs": 40})).await;
        lab.strict.forget_calls().await;
        lab.delete("phoenix").await;
        kill_after(&mut lab, writes).await;
        lab.start(&Settings::default());
        lab.gone("phoenix").await;
        assert_eq!(lab.aws.everything().await, BTreeSet::new(), "killed after {writes} writes");
    }
}

#[tokio::test]
async fn two_operators_at_once_make_one_pipeline() {
    let mut lab = Lab::without_operator().await;
    lab.strict.settings(json!({"latencyMs": 20})).await;
    lab.start(&Settings::default());
    let _other = Operator::start(&lab.environment, &lab.account, &lab.namespace, &Settings::default());
    lab.apply("shared", specs::message(specs::YEARLY)).await;
    lab.ready("shared").await;
    assert_eq!(lab.aws.everything().await, lab.names("shared").all());
    let mappings = lab.aws.lambda.list_event_source_mappings().send().await.unwrap();
    assert_eq!(mappings.event_source_mappings().len(), 1);
    lab.apply("shared", specs::message("0 10 * * *")).await;
    lab.ready("shared").await;
    lab.delete("shared").await;
    lab.gone("shared").await;
    assert_eq!(lab.aws.everything().await, BTreeSet::new());
}
