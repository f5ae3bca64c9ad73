//! What pipelines left that are gone from the cluster.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::harness::{Lab, Printed, specs};

/// Runs `task-pipelines orphans` as somebody without a terminal.
fn orphans(lab: &Lab, arguments: &[&str]) -> Printed {
    Printed::by(
        lab.program(env!("CARGO_BIN_EXE_task-pipelines"))
            .args(["orphans", "--cluster-name", "e2e", "--pacing", "off"])
            .args(arguments)
            .env("AWS_REGION", &lab.environment.region),
    )
}

#[tokio::test]
async fn what_a_pipeline_left_that_is_gone_is_listed_and_deleted_when_asked_for() {
    let mut lab = Lab::new().await;
    for name in ["alive", "lost"] {
        lab.apply(name, specs::message(specs::YEARLY)).await;
    }
    for name in ["alive", "lost"] {
        lab.ready(name).await;
    }
    let none = orphans(&lab, &[]);
    assert_eq!((none.status, &*none.stdout), (0, ""), "{none:?}");

    lab.operator = None;
    lab.delete("lost").await;
    lab.patch("lost", json!({"metadata": {"finalizers": null}})).await;
    lab.gone("lost").await;
    lab.aws.sqs.create_queue().queue_name("payroll").send().await.unwrap();
    let another = lab.aws.sqs.create_queue().queue_name("anothers-tasks").tags("taskpipelines.dev/cluster", "another");
    another.send().await.unwrap();

    let found = orphans(&lab, &["-o", "json"]);
    assert_eq!(found.status, 1, "{found:?}");
    let list: Vec<Value> = serde_json::from_str(&found.stdout).unwrap();
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let names = list.iter().map(|orphan| format!("{} {}", text(&orphan["kind"]), text(&orphan["name"])));
    assert_eq!(names.collect::<BTreeSet<_>>(), lab.names("lost").all());
    assert!(list.iter().all(|orphan| orphan["pipeline"] == "lost" && orphan["namespace"] == lab.namespace), "{list:?}");
    let shown = orphans(&lab, &[]).stdout;
    let queue = lab.arn("sqs", &lab.names("lost").tasks);
    for words in [format!("{}/lost, UID ", lab.namespace), queue, "(fires)".to_owned()] {
        assert!(shown.contains(&words), "no `{words}` in {shown}");
    }

    let unasked = orphans(&lab, &["--delete"]);
    assert_eq!(unasked.status, 2);
    assert!(unasked.stderr.contains("pass --yes"), "{unasked:?}");
    let foreign = BTreeSet::from(["Queue anothers-tasks".to_owned(), "Queue payroll".to_owned()]);
    let before: BTreeSet<String> = lab.names("alive").all_and_inbox().union(&foreign).cloned().collect();
    assert_eq!(lab.aws.everything().await, before.union(&lab.names("lost").all()).cloned().collect());

    let deleted = orphans(&lab, &["--delete", "--yes"]);
    assert_eq!(deleted.status, 0, "{deleted:?}");
    assert_eq!(lab.aws.everything().await, before);
    assert_eq!(orphans(&lab, &[]).status, 0);
}

#[tokio::test]
async fn what_a_new_pipeline_of_the_same_name_can_take_over_is_no_orphan() {
    let mut lab = Lab::new().await;
    lab.apply("again", specs::message(specs::YEARLY)).await;
    lab.ready("again").await;
    lab.operator = None;
    lab.delete("again").await;
    lab.patch("again", json!({"metadata": {"finalizers": null}})).await;
    lab.gone("again").await;
    lab.apply("again", specs::message(specs::YEARLY)).await;
    let none = orphans(&lab, &["--delete", "--yes"]);
    assert_eq!((none.status, &*none.stdout), (0, ""), "{none:?}");
    assert_eq!(lab.aws.everything().await, lab.names("again").all_and_inbox());
}
