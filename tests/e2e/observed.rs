//! Mode `Observe`: what would be done is said, and nothing is done.

use api::{Action, ScheduledTaskPipeline};
use kube::ResourceExt as _;
use serde_json::{Value, json};

use crate::harness::{Lab, condition, rows, specs};

fn observed(change: Value) -> Value {
    specs::merged(specs::merged(specs::message(specs::YEARLY), json!({"mode": "Observe"})), change)
}

/// The plan in a pipeline's status, as `action kind`.
fn planned(pipeline: &ScheduledTaskPipeline) -> Vec<String> {
    let plan = pipeline.status.iter().flat_map(|status| &status.plan);
    plan.map(|change| format!("{:?} {}", change.action, change.kind)).collect()
}

/// Waits until a pipeline is observed, with this in the message.
async fn observing(lab: &Lab, name: &str, words: &str) -> ScheduledTaskPipeline {
    let pipeline = lab
        .until(name, &format!("is observed: {words}"), |pipeline| {
            condition(pipeline, "Ready")
                .is_some_and(|ready| ready.reason == "Observing" && ready.message.contains(words))
        })
        .await;
    assert_eq!(condition(&pipeline, "Ready").unwrap().status, "True");
    assert!(pipeline.finalizers().is_empty(), "a pipeline that is observed can go at any time");
    pipeline
}

#[tokio::test]
async fn an_observed_pipeline_is_never_written_from_its_first_moment_to_its_last() {
    let lab = Lab::new().await;
    lab.apply("seen", observed(json!({}))).await;
    let pipeline = observing(&lab, "seen", "14 to create").await;
    assert_eq!(pipeline.status.as_ref().unwrap().plan.len(), 14);
    assert!(planned(&pipeline).iter().all(|row| row.starts_with("Create ")));
    assert!(rows(&pipeline).is_empty(), "it has nothing");
    let status = pipeline.status.unwrap();
    let place = (status.account.as_deref(), status.region.as_deref());
    assert_eq!(place, (Some(lab.account.as_str()), Some(lab.environment.region.as_str())));
    lab.apply("seen", observed(json!({"schedule": "61 * * * *"}))).await;
    lab.not_ready("seen", "InvalidSpec").await;
    lab.delete("seen").await;
    lab.gone("seen").await;
    assert_eq!(lab.strict.writes().await, Vec::<String>::new());
    assert!(lab.aws.everything().await.is_empty());
}

#[tokio::test]
async fn a_pipeline_goes_from_managed_to_observed_and_back_and_loses_nothing() {
    let lab = Lab::new().await;
    lab.apply("both", specs::message(specs::YEARLY)).await;
    let managed = lab.ready("both").await;
    let all = lab.names("both").all();
    assert_eq!(planned(&managed), Vec::<String>::new(), "in sync, there is no plan");

    lab.strict.forget_calls().await;
    lab.apply("both", observed(json!({}))).await;
    let pipeline = observing(&lab, "both", "14 in sync").await;
    assert_eq!((rows(&pipeline), planned(&pipeline)), (all.clone(), Vec::new()));

    // Somebody's change and an edit: both are told, and left alone.
    let runner = lab.names("both").runner;
    lab.aws.lambda.update_function_configuration().function_name(&runner).memory_size(999).send().await.unwrap();
    lab.strict.forget_calls().await;
    lab.resync("both").await;
    let pipeline = observing(&lab, "both", "1 to update").await;
    let change = &pipeline.status.as_ref().unwrap().plan[0];
    let field = &change.changes[0];
    assert_eq!((change.action, change.name.as_str(), change.drift), (Action::Update, runner.as_str(), true));
    assert_eq!((field.field.as_str(), field.from.as_str(), field.to.as_str()), ("memorySize", "999", "256"));
    lab.apply("both", observed(json!({"sender": {"memoryMiB": 512}}))).await;
    observing(&lab, "both", "2 to update").await;
    assert_eq!(lab.strict.writes().await, Vec::<String>::new());

    lab.apply("both", specs::message(specs::YEARLY)).await;
    let pipeline = lab.ready("both").await;
    assert_eq!((rows(&pipeline), planned(&pipeline)), (all.clone(), Vec::new()));
    assert_eq!(lab.aws.function(&runner).await.memory_size, Some(256));
    assert_eq!(pipeline.finalizers(), ["taskpipelines.dev/cleanup"]);

    lab.apply("both", observed(json!({}))).await;
    observing(&lab, "both", "14 in sync").await;
    lab.strict.forget_calls().await;
    lab.delete("both").await;
    lab.gone("both").await;
    assert_eq!(lab.aws.everything().await, lab.names("both").all_and_inbox(), "deleting it leaves AWS alone");
    assert_eq!(lab.strict.writes().await, Vec::<String>::new());
}

#[tokio::test]
async fn what_is_pending_stands_in_the_status_until_it_is_done() {
    let lab = Lab::new().await;
    lab.apply("stuck", specs::message(specs::YEARLY)).await;
    lab.ready("stuck").await;
    lab.strict
        .fault(json!({"operation": "UpdateFunctionConfiguration", "status": 403, "error": "AccessDeniedException",
            "message": "not today", "count": -1}))
        .await;
    let edit = json!({"runner": {"memoryMiB": 512}, "sender": {"logRetentionDays": 7}});
    lab.apply("stuck", specs::merged(specs::message(specs::YEARLY), edit)).await;
    lab.not_ready("stuck", "Denied").await;
    let pipeline = lab.get("stuck").await;
    let plan = &pipeline.status.as_ref().unwrap().plan;
    let runner = plan.iter().find(|change| change.kind == "Function").unwrap();
    assert_eq!(runner.changes.iter().map(|it| it.field.as_str()).collect::<Vec<_>>(), ["memorySize"], "{plan:?}");
    assert!(!runner.drift && plan.iter().all(|change| change.kind != "LogGroup"), "what is done is not in {plan:?}");

    lab.strict.clear_faults().await;
    lab.resync("stuck").await;
    assert_eq!(planned(&lab.ready("stuck").await), Vec::<String>::new());
}
