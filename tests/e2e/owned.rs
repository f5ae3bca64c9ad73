//! What is not the pipeline's is left alone, and said so; a predecessor's is taken over.

use api::ResourceState;
use aws_sdk_lambda::primitives::Blob;
use aws_sdk_lambda::types::{FunctionCode, Runtime};
use aws_sdk_sqs::types::QueueAttributeName;
use aws_sdk_ssm::types::ParameterType;
use serde_json::json;

use crate::harness::{Lab, Names, Settings, condition, specs};

/// Waits for the conflict, and checks that it names the resource and whose it is.
async fn conflict(lab: &Lab, pipeline: &str, words: &[&str]) {
    let message = lab.not_ready(pipeline, "Conflict").await;
    for word in words {
        assert!(message.contains(word), "no `{word}` in: {message}");
    }
    let now = lab.get(pipeline).await;
    assert_eq!(condition(&now, "Stalled").map(|stalled| stalled.reason.as_str()), Some("Conflict"));
    let rows = now.status.unwrap().resources;
    let row = rows.iter().find(|row| row.state == ResourceState::Conflict);
    assert!(row.is_some_and(|row| row.message.is_some()), "{rows:?}");
}

#[tokio::test]
async fn a_foreign_queue_is_a_conflict_until_it_is_gone() {
    let lab = Lab::new().await;
    let names = lab.names("unlucky");
    let request = lab.aws.sqs.create_queue().queue_name(&names.tasks).tags("team", "billing");
    request.attributes(QueueAttributeName::VisibilityTimeout, "17").send().await.unwrap();
    let before = lab.aws.queue(&names.tasks).await;

    lab.apply("unlucky", specs::message(specs::YEARLY)).await;
    conflict(&lab, "unlucky", &[&names.tasks, "carries no tags of this operator", "rename the pipeline"]).await;
    assert_eq!(lab.aws.queue(&names.tasks).await, before);
    assert_eq!(lab.aws.queue_tags(&names.tasks).await.len(), 1);

    lab.aws.delete_queue(&names.tasks).await;
    lab.patch("unlucky", json!({"metadata": {"annotations": {"taskpipelines.dev/reconcile-now": "gone"}}})).await;
    lab.ready("unlucky").await;
}

#[tokio::test]
async fn a_queue_just_like_ours_is_a_conflict_all_the_same() {
    // CreateQueue answers success for a queue that has the same attributes already.
    let lab = Lab::new().await;
    let names = lab.names("twin");
    let request = lab.aws.sqs.create_queue().queue_name(&names.undelivered_dlq);
    let request = request.attributes(QueueAttributeName::MessageRetentionPeriod, "1209600");
    let request = request.attributes(QueueAttributeName::MaximumMessageSize, "1048576");
    request.attributes(QueueAttributeName::VisibilityTimeout, "30").send().await.unwrap();
    lab.apply("twin", specs::message(specs::YEARLY)).await;
    conflict(&lab, "twin", &[&names.undelivered_dlq]).await;
    lab.delete("twin").await;
    lab.gone("twin").await;
    let left = lab.aws.everything().await;
    assert_eq!(left.into_iter().collect::<Vec<_>>(), [format!("Queue {}", names.undelivered_dlq)]);
}

/// Makes one resource that carries another pipeline's tags; returns its kind and name.
async fn another_pipelines(lab: &Lab, names: &Names, kind: &str) -> String {
    let tags = [
        ("taskpipelines.dev/cluster", "e2e"),
        ("taskpipelines.dev/namespace", "billing"),
        ("taskpipelines.dev/name", "invoices"),
        ("taskpipelines.dev/uid", "0a1b"),
    ];
    let aws = &lab.aws;
    match kind {
        "Role" => {
            let trust = json!({"Version": "2012-10-17", "Statement": [{
                "Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole",
            }]});
            let tags =
                tags.map(|(key, value)| aws_sdk_iam::types::Tag::builder().key(key).value(value).build().unwrap());
            let request =
                aws.iam.create_role().role_name(&names.runner).path("/taskpipelines/e2e/").set_tags(Some(tags.into()));
            request.assume_role_policy_document(trust.to_string()).send().await.unwrap();
            format!("Role {}", names.runner)
        }
        "Function" => {
            let tags = tags.map(|(key, value)| (key.to_owned(), value.to_owned()));
            let request = aws.lambda.create_function().function_name(&names.sender).runtime(Runtime::Providedal2023);
            let role = lab.role_for_lambda().await;
            let code = FunctionCode::builder().zip_file(Blob::new(specs::EMPTY_ZIP)).build();
            let request = request.role(role).handler("x").code(code).set_tags(Some(tags.into()));
            request.send().await.unwrap();
            format!("Function {}", names.sender)
        }
        "Parameter" => {
            let tags =
                tags.map(|(key, value)| aws_sdk_ssm::types::Tag::builder().key(key).value(value).build().unwrap());
            let request = aws.ssm.put_parameter().name(&names.parameter).value("theirs").r#type(ParameterType::String);
            request.set_tags(Some(tags.into())).send().await.unwrap();
            format!("Parameter {}", names.parameter)
        }
        "LogGroup" => {
            let tags = tags.map(|(key, value)| (key.to_owned(), value.to_owned()));
            let request = aws.logs.create_log_group().log_group_name(&names.runner_logs);
            request.set_tags(Some(tags.into())).send().await.unwrap();
            format!("LogGroup {}", names.runner_logs)
        }
        "ScheduleGroup" => {
            let tags = tags
                .map(|(key, value)| aws_sdk_scheduler::types::Tag::builder().key(key).value(value).build().unwrap());
            let request = aws.scheduler.create_schedule_group().name(&names.schedule);
            request.set_tags(Some(tags.into())).send().await.unwrap();
            format!("ScheduleGroup {}", names.schedule)
        }
        other => panic!("no {other} here"),
    }
}

impl Lab {
    /// A role that any function can run as.
    pub(crate) async fn role_for_lambda(&self) -> String {
        let trust = json!({"Version": "2012-10-17", "Statement": [{
            "Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole",
        }]});
        self.strict.settings(json!({"roleDelaySeconds": 0})).await;
        let request = self.aws.iam.create_role().role_name("theirs").assume_role_policy_document(trust.to_string());
        request.send().await.unwrap().role.unwrap().arn
    }
}

#[tokio::test]
async fn what_belongs_to_another_pipeline_is_named_and_never_touched() {
    for kind in ["Role", "Function", "Parameter", "LogGroup", "ScheduleGroup"] {
        let lab = Lab::new().await;
        let names = lab.names("polite");
        let foreign = another_pipelines(&lab, &names, kind).await;
        let before = lab.aws.everything().await;
        lab.apply("polite", specs::message(specs::YEARLY)).await;
        conflict(&lab, "polite", &[&foreign, "it belongs to pipeline billing/invoices of cluster e2e"]).await;

        lab.strict.forget_calls().await;
        lab.delete("polite").await;
        lab.gone("polite").await;
        assert_eq!(lab.aws.everything().await, before, "{kind}");
        let writes = lab.strict.writes().await;
        assert!(writes.iter().all(|write| write.contains(":Delete")), "{kind}: {writes:?}");
    }
}

#[tokio::test]
async fn a_conflict_that_comes_later_stops_every_write() {
    let lab = Lab::new().await;
    lab.apply("robbed", specs::message(specs::YEARLY)).await;
    lab.ready("robbed").await;
    let names = lab.names("robbed");
    let request = lab.aws.sqs.tag_queue().queue_url(lab.aws.queue_url(&names.tasks_dlq));
    request.tags("taskpipelines.dev/uid", "another-uid").send().await.unwrap();
    lab.strict.forget_calls().await;
    lab.apply("robbed", specs::message("0 10 * * *")).await;
    let uid = lab.get("robbed").await.metadata.uid.unwrap();
    conflict(&lab, "robbed", &[&names.tasks_dlq, "another-uid", &uid]).await;
    assert_eq!(lab.strict.writes().await, Vec::<String>::new());

    lab.delete("robbed").await;
    lab.gone("robbed").await;
    let left = lab.aws.everything().await;
    assert_eq!(left.into_iter().collect::<Vec<_>>(), [format!("Queue {}", names.tasks_dlq)]);
}

#[tokio::test]
async fn a_predecessors_resources_are_taken_over_by_their_tags_alone() {
    let mut lab = Lab::new().await;
    let spec = specs::merged(specs::message(specs::YEARLY), json!({"deletionPolicy": "Retain"}));
    lab.apply("heir", spec.clone()).await;
    let old = lab.ready("heir").await.metadata.uid.unwrap();
    lab.delete("heir").await;
    lab.gone("heir").await;
    lab.start(&Settings::default());

    lab.strict.forget_calls().await;
    lab.apply("heir", spec).await;
    let new = lab.ready("heir").await.metadata.uid.unwrap();
    assert_ne!(old, new);
    let writes = lab.strict.writes().await;
    let refused_or_tags = |write: &&String| {
        !["Tag", "Create", "UpdateSchedule"].iter().any(|part| write.contains(part)) && !write.contains("PutParameter")
    };
    let others: Vec<&String> = writes.iter().filter(refused_or_tags).collect();
    assert!(others.is_empty(), "writes beyond tags and the schedule's description: {others:?}");
    let tried: Vec<_> =
        lab.strict.calls().await.into_iter().filter(|call| call.operation.starts_with("Create")).collect();
    let made = tried.iter().filter(|call| call.status < 300 && call.service != "sqs").count();
    assert_eq!(made, 0, "nothing is made again: {tried:?}");
    assert_eq!(lab.aws.everything().await, lab.names("heir").all_and_inbox());
    assert_eq!(lab.aws.queue_tags(&lab.names("heir").tasks).await["taskpipelines.dev/uid"], new);

    lab.strict.forget_calls().await;
    lab.resync("heir").await;
    let events = lab.told("heir", "TakenOver", 1).await;
    assert!(events.iter().any(|event| event.contains(&old)), "{events:?}");
    assert_eq!(lab.strict.writes().await, Vec::<String>::new());
}

#[tokio::test]
async fn a_role_of_our_name_under_another_path_is_a_conflict() {
    let lab = Lab::new().await;
    let names = lab.names("pathless");
    let trust = json!({"Version": "2012-10-17", "Statement": [{
        "Effect": "Allow", "Principal": {"Service": "scheduler.amazonaws.com"}, "Action": "sts:AssumeRole",
    }]});
    let request = lab.aws.iam.create_role().role_name(&names.scheduler).assume_role_policy_document(trust.to_string());
    request.send().await.unwrap();
    lab.apply("pathless", specs::message(specs::YEARLY)).await;
    conflict(&lab, "pathless", &[&names.scheduler, "carries no tags of this operator"]).await;
    lab.delete("pathless").await;
    lab.gone("pathless").await;
    let left = lab.aws.everything().await;
    assert_eq!(left.into_iter().collect::<Vec<_>>(), [format!("Role {}", names.scheduler)]);
}
