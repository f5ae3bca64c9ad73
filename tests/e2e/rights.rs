//! What the printed policy lets the operator do on AWS, and how it meets a refusal that is for tags.

use api::ScheduledTaskPipeline;
use aws_sdk_lambda::error::ProvideErrorMetadata as _;
use aws_sdk_lambda::primitives::Blob;
use aws_sdk_lambda::types::{FunctionCode, Runtime};
use serde_json::json;

use crate::harness::{Lab, Settings, eventually, specs};

/// The key of the cluster's tag.
const CLUSTER: &str = "taskpipelines.dev/cluster";

#[tokio::test]
async fn functions_of_others_are_out_of_the_operators_reach() {
    let lab = Lab::without_operator().await;
    let role = lab.role_for_lambda().await;
    lab.strict.settings(json!({"tagRightsSeconds": 0})).await;
    let names = lab.names("unlucky");
    // A name like many, and two like ours: one without tags, and one with another cluster's.
    for (name, cluster) in [("x-runner", None), (&*names.runner, None), (&*names.sender, Some("other"))] {
        let code = FunctionCode::builder().zip_file(Blob::new(specs::EMPTY_ZIP)).build();
        let tags = cluster.map(|cluster| [(CLUSTER.to_owned(), cluster.to_owned())].into());
        let request = lab.aws.lambda.create_function().function_name(name).runtime(Runtime::Providedal2023);
        request.role(&role).handler("x").code(code).set_tags(tags).send().await.unwrap();
    }
    let key = lab.environment.operator.clone().unwrap().id;
    let operator = lab.elsewhere(&key, &lab.environment.region).await.lambda;
    for name in ["x-runner", &names.runner, &names.sender] {
        let request = operator.update_function_code().function_name(name).zip_file(Blob::new(specs::EMPTY_ZIP));
        let refusal = request.send().await.unwrap_err();
        assert_eq!(refusal.code(), Some("AccessDeniedException"), "{name}: {refusal:?}");
        let refusal = operator.delete_function().function_name(name).send().await.unwrap_err();
        assert_eq!(refusal.code(), Some("AccessDeniedException"), "{name}: {refusal:?}");
    }
    let refusal = operator.get_function().function_name("x-runner").send().await.unwrap_err();
    assert_eq!(refusal.code(), Some("AccessDeniedException"), "{refusal:?}");
    // Nothing of another cluster's is made ours.
    let arn = lab.arn("lambda", &format!("function:{}", names.sender));
    let refusal = operator.tag_resource().resource(arn).tags(CLUSTER, "e2e").send().await.unwrap_err();
    assert_eq!(refusal.code(), Some("AccessDeniedException"), "{refusal:?}");
}

/// Waits until AWS has denied the operator an operation.
async fn denied(lab: &Lab, operation: &str) {
    eventually(&format!("{operation} is denied"), async || {
        let calls = lab.strict.calls().await;
        let met = calls.iter().any(|call| call.operation == operation && [400, 403].contains(&call.status));
        if met { Ok(()) } else { Err(format!("{:?}", calls.last())) }
    })
    .await;
}

#[tokio::test]
async fn tags_of_new_resources_that_aws_does_not_know_yet_are_waited_for() {
    let lab = Lab::new().await;
    lab.apply("early", specs::message(specs::YEARLY)).await;
    lab.ready("early").await;

    lab.strict.settings(json!({"tagRightsSeconds": 10_000})).await;
    lab.patch("early", json!({"spec": {"runner": {"memoryMiB": 512}}})).await;
    denied(&lab, "UpdateFunctionConfiguration").await;
    lab.strict.settings(json!({"tagRightsSeconds": 0})).await;
    lab.ready("early").await;
    assert_eq!(lab.aws.function(&lab.names("early").runner).await.memory_size, Some(512));

    lab.strict.settings(json!({"tagRightsSeconds": 10_000})).await;
    lab.delete("early").await;
    denied(&lab, "DeleteScheduleGroup").await;
    let events = lab.events("early").await;
    assert!(!events.iter().any(|event| event.contains("Denied")), "{events:?}");
    lab.strict.settings(json!({"tagRightsSeconds": 0})).await;
    lab.gone("early").await;
}

#[tokio::test]
async fn what_is_denied_since_it_is_gone_is_gone() {
    let lab = Lab::new().await;
    lab.apply("short", specs::message(specs::YEARLY)).await;
    lab.ready("short").await;
    lab.strict.settings(json!({"tagRightsSeconds": 0})).await;
    // The answers are lost, and the calls made again: without tags to decide by they are denied.
    for operation in ["DeleteFunction", "DeleteLogGroup", "DeleteScheduleGroup"] {
        lab.strict.fault(json!({"operation": operation, "effect": "lose", "count": 1})).await;
    }
    lab.delete("short").await;
    lab.gone("short").await;
    let events = lab.events("short").await;
    assert!(!events.iter().any(|event| event.contains("Denied")), "{events:?}");
}

#[tokio::test]
async fn policies_of_others_on_a_role_are_told_and_stay() {
    let lab = Lab::with(Settings { sweep_seconds: 1, ..Settings::default() }).await;
    lab.apply("wide", specs::message(specs::YEARLY)).await;
    lab.ready("wide").await;
    let role = lab.names("wide").runner;
    let policy =
        json!({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "s3:*", "Resource": "*"}]});
    let request = lab.aws.iam.create_policy().policy_name("more").policy_document(policy.to_string());
    let arn = request.send().await.unwrap().policy.unwrap().arn.unwrap();
    lab.strict.forget_calls().await;
    lab.aws.iam.attach_role_policy().role_name(&role).policy_arn(&arn).send().await.unwrap();

    let told = lab.told("wide", "PoliciesOfOthers", 1).await;
    assert!(
        told[0].contains(&format!("Role {role}: others put this on the role")) && told[0].contains(&arn),
        "{told:?}"
    );
    let said = |pipeline: &ScheduledTaskPipeline| {
        let rows = pipeline.status.iter().flat_map(|status| &status.resources);
        rows.filter(|row| row.kind == "Role").filter_map(|row| row.message.clone()).collect::<Vec<_>>()
    };
    let pipeline = lab.ready("wide").await;
    assert!(matches!(said(&pipeline).as_slice(), [message] if message.contains(&arn)), "{:?}", said(&pipeline));
    assert_eq!(lab.strict.writes().await, ["iam:AttachRolePolicy"]);

    lab.aws.iam.detach_role_policy().role_name(&role).policy_arn(&arn).send().await.unwrap();
    lab.until("wide", "says no more of it", |pipeline| said(pipeline).is_empty()).await;
}
