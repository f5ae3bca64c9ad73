//! 10: somebody deletes or changes what the pipeline has on AWS, or changes what it does not care about.

use std::collections::BTreeSet;

use aws_sdk_lambda::primitives::Blob;
use aws_sdk_lambda::types::{Environment, ScalingConfig};
use aws_sdk_scheduler::types::{ScheduleState, Target};
use aws_sdk_sqs::types::QueueAttributeName as Attribute;
use serde_json::json;

use super::lifecycle::{self, Act, NAME, Reference};
use crate::harness::{Lab, Names, eventually, specs};

/// A pipeline that was made, its names, and what was told of it.
async fn made() -> (Lab, Names, BTreeSet<String>) {
    let lab = lifecycle::world().await;
    Act::Create.begin(&lab).await;
    Act::Create.done(&lab).await;
    lab.settled(NAME).await;
    let (names, told) = (lab.names(NAME), lab.events(NAME).await.into_iter().collect());
    (lab, names, told)
}

/// Waits until it is all as without a hand of anybody's, and until each of these was told since.
async fn healed(lab: &Lab, told: &mut BTreeSet<String>, news: &[&str]) {
    lab.resync(NAME).await;
    let reference = Reference::get().await;
    eventually(&format!("what somebody did to {news:?} is healed"), async || {
        // A parameter that was put again has a version more, and a mapping says how its last poll went.
        let differing = reference.differing(lab, Act::Create).await;
        let may_differ =
            |line: &String| ["/channels//version", "/last_processing_result/"].iter().any(|it| line.contains(it));
        let differing: Vec<_> = differing.into_iter().filter(|line| !may_differ(line)).collect();
        if differing.is_empty() { Ok(()) } else { Err(differing.join("\n")) }
    })
    .await;
    let now = eventually(&format!("events tell of {news:?}"), async || {
        let now: BTreeSet<String> = lab.events(NAME).await.into_iter().collect();
        let untold = news.iter().any(|news| !now.difference(told).any(|event| event.contains(*news)));
        if untold { Err(format!("{:#?}", now.difference(told))) } else { Ok(now) }
    })
    .await;
    *told = now;
    lab.settled(NAME).await;
}

#[tokio::test]
async fn n10_each_resource_that_somebody_deletes_comes_back() {
    let (lab, names, mut told) = made().await;
    let (aws, queue) = (&lab.aws, |name: &str| lab.aws.queue_url(name));
    let mapping = async || aws.lambda.list_event_source_mappings().send().await.unwrap().event_source_mappings.unwrap();

    aws.lambda.delete_event_source_mapping().uuid(mapping().await[0].uuid().unwrap()).send().await.unwrap();
    healed(&lab, &mut told, &["EventSourceMapping"]).await;
    aws.scheduler.delete_schedule().group_name(&names.schedule).name(&names.schedule).send().await.unwrap();
    healed(&lab, &mut told, &[&format!("Schedule {} was deleted by somebody else", names.schedule)]).await;
    aws.scheduler.delete_schedule_group().name(&names.schedule).send().await.unwrap();
    healed(&lab, &mut told, &["ScheduleGroup"]).await;
    aws.lambda.delete_function_event_invoke_config().function_name(&names.sender).send().await.unwrap();
    healed(&lab, &mut told, &["asyncOnFailure: "]).await;
    for name in [&names.tasks, &names.tasks_dlq, &names.undelivered_dlq] {
        aws.sqs.delete_queue().queue_url(queue(name)).send().await.unwrap();
        healed(&lab, &mut told, &[&format!("Queue {name}")]).await;
    }
    for name in [&names.sender, &names.runner] {
        aws.lambda.delete_function().function_name(name).send().await.unwrap();
        healed(&lab, &mut told, &[&format!("Function {name}")]).await;
    }
    for group in [&names.sender_logs, &names.runner_logs] {
        aws.logs.delete_log_group().log_group_name(group).send().await.unwrap();
        healed(&lab, &mut told, &[&format!("LogGroup {group}")]).await;
    }
    aws.ssm.delete_parameter().name(&names.parameter).send().await.unwrap();
    healed(&lab, &mut told, &["Parameter"]).await;
    for role in [&names.scheduler, &names.sender, &names.runner] {
        aws.iam.delete_role_policy().role_name(role).policy_name("task-pipelines").send().await.unwrap();
        healed(&lab, &mut told, &[&format!("Role {role} was changed by somebody else, and is put right: policy")])
            .await;
        aws.iam.delete_role_policy().role_name(role).policy_name("task-pipelines").send().await.unwrap();
        aws.iam.delete_role().role_name(role).send().await.unwrap();
        healed(&lab, &mut told, &[&format!("Role {role} was deleted")]).await;
    }
    lab.finish().await;
}

#[tokio::test]
async fn n10_each_field_that_somebody_changes_is_put_right_and_told() {
    let (lab, names, mut told) = made().await;
    let (aws, queue) = (&lab.aws, |name: &str| lab.aws.queue_url(name));

    let was = aws.schedule(&names.schedule).await;
    let target = was.target.unwrap();
    let target = Target::builder().arn(target.arn).role_arn(target.role_arn).input("{}").build().unwrap();
    let request = aws.scheduler.update_schedule().group_name(&names.schedule).name(&names.schedule);
    let request = request.set_description(was.description).set_flexible_time_window(was.flexible_time_window);
    let request = request.schedule_expression("rate(1 days)").schedule_expression_timezone("Asia/Tokyo");
    request.state(ScheduleState::Disabled).target(target).send().await.unwrap();
    healed(
        &lab,
        &mut told,
        &["expression: ", "timeZone: ", "state: ", "input.", "deadLetterQueue: ", "maximumRetryAttempts: "],
    )
    .await;

    let variables = Environment::builder().variables("THEIRS", "1").build();
    let request = aws.lambda.update_function_configuration().function_name(&names.runner).environment(variables);
    request.memory_size(999).timeout(20).handler("theirs").send().await.unwrap();
    healed(&lab, &mut told, &["environment", "memorySize: ", "timeout: ", "handler: "]).await;
    let code = aws.lambda.update_function_code().function_name(&names.sender);
    code.zip_file(Blob::new(specs::EMPTY_ZIP)).send().await.unwrap();
    healed(&lab, &mut told, &["codeSha256: "]).await;
    let request = aws.lambda.put_function_event_invoke_config().function_name(&names.sender).maximum_retry_attempts(0);
    request.maximum_event_age_in_seconds(61).send().await.unwrap();
    healed(&lab, &mut told, &["asyncMaximumRetryAttempts: ", "asyncMaximumEventAge: ", "asyncOnFailure: "]).await;

    let request = aws.lambda.put_function_event_invoke_config().function_name(&names.runner).maximum_retry_attempts(1);
    request.send().await.unwrap();
    healed(&lab, &mut told, &["asyncMaximumRetryAttempts: "]).await;

    let mappings = aws.lambda.list_event_source_mappings().send().await.unwrap().event_source_mappings.unwrap();
    let request = aws.lambda.update_event_source_mapping().uuid(mappings[0].uuid().unwrap()).enabled(false);
    let scaling = ScalingConfig::builder().maximum_concurrency(7).build();
    request.batch_size(7).scaling_config(scaling).send().await.unwrap();
    healed(&lab, &mut told, &["enabled: ", "batchSize: ", "maximumConcurrency: "]).await;

    let request = aws.sqs.set_queue_attributes().queue_url(queue(&names.tasks));
    let redrive = json!({"deadLetterTargetArn": lab.arn("sqs", &names.tasks_dlq), "maxReceiveCount": 1});
    let request = request.attributes(Attribute::RedrivePolicy, redrive.to_string());
    let request =
        request.attributes(Attribute::VisibilityTimeout, "900").attributes(Attribute::MaximumMessageSize, "1024");
    request.attributes(Attribute::MessageRetentionPeriod, "60").send().await.unwrap();
    healed(
        &lab,
        &mut told,
        &["redrivePolicy", "visibilityTimeout: ", "maximumMessageSize: ", "messageRetentionPeriod: "],
    )
    .await;

    let trust = json!({"Version": "2012-10-17", "Statement": [{
        "Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"Service": "ec2.amazonaws.com"},
    }]});
    let request = aws.iam.update_assume_role_policy().role_name(&names.scheduler);
    request.policy_document(trust.to_string()).send().await.unwrap();
    let policy = json!({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]});
    let request = aws.iam.put_role_policy().role_name(&names.scheduler).policy_name("task-pipelines");
    request.policy_document(policy.to_string()).send().await.unwrap();
    healed(&lab, &mut told, &["trust", "policy"]).await;

    aws.logs.put_retention_policy().log_group_name(&names.sender_logs).retention_in_days(1).send().await.unwrap();
    let parameter = aws.ssm.put_parameter().name(&names.parameter).value("theirs").overwrite(true);
    parameter.send().await.unwrap();
    healed(&lab, &mut told, &["retentionInDays: ", "value: "]).await;
    lab.finish().await;
}

#[tokio::test]
async fn n10_a_field_that_is_not_managed_stays_as_somebody_set_it() {
    let (lab, names, _) = made().await;
    lab.tag(NAME, "theirs", "1").await;
    let url = lab.aws.queue_url(&names.tasks);
    let request =
        lab.aws.sqs.set_queue_attributes().queue_url(url).attributes(Attribute::ReceiveMessageWaitTimeSeconds, "3");
    request.send().await.unwrap();
    let request = lab.aws.lambda.update_function_configuration().function_name(&names.runner);
    request.description("theirs").send().await.unwrap();
    lab.aws.iam.update_role().role_name(&names.sender).description("theirs").send().await.unwrap();
    eventually("the function can be changed again", async || {
        let status = lab.aws.function(&names.runner).await.last_update_status;
        if status.as_ref().is_some_and(|status| status.as_str() == "Successful") {
            Ok(())
        } else {
            Err(format!("{status:?}"))
        }
    })
    .await;
    let before = lab.snapshot(NAME).await;
    lab.settled(NAME).await;
    assert_eq!(before.difference(&lab.snapshot(NAME).await), Vec::<String>::new());
    let described = lab.aws.function(&names.runner).await.description;
    assert_eq!(described.as_deref(), Some("theirs"));
    lab.finish().await;
}
