//! What others change on AWS is found by a sweep, without anybody asking for it.

use std::collections::BTreeMap;

use api::RunResult;
use aws_sdk_lambda::types::LoggingConfig;
use aws_sdk_sqs::types::QueueAttributeName;
use serde_json::json;

use crate::harness::{Lab, Settings, eventually, specs};

async fn swept() -> Lab {
    Lab::with(Settings { sweep_seconds: 1, ..Settings::default() }).await
}

/// Waits until events tell each of these.
async fn told(lab: &Lab, pipeline: &str, wanted: &[&str]) {
    eventually("events tell what others changed", async || {
        let events = lab.events(pipeline).await;
        let told =
            |words: &&&str| events.iter().any(|event| event.starts_with("DriftCorrected: ") && event.contains(**words));
        let missing: Vec<_> = wanted.iter().filter(|words| !told(words)).collect();
        if missing.is_empty() { Ok(()) } else { Err(format!("{missing:?} in {events:#?}")) }
    })
    .await;
}

#[tokio::test]
async fn a_sweep_finds_what_others_changed_and_says_so() {
    let lab = swept().await;
    lab.apply("watched", specs::merged(specs::message(specs::YEARLY), json!({"tags": {"team": "data"}}))).await;
    lab.ready("watched").await;
    quiet(&lab).await;
    let names = lab.names("watched");
    let aws = &lab.aws;
    aws.lambda.update_function_configuration().function_name(&names.sender).memory_size(999).send().await.unwrap();
    aws.iam.delete_role_policy().role_name(&names.scheduler).policy_name("task-pipelines").send().await.unwrap();
    aws.logs.put_retention_policy().log_group_name(&names.runner_logs).retention_in_days(1).send().await.unwrap();
    let request = aws.sqs.set_queue_attributes().queue_url(aws.queue_url(&names.tasks));
    request.attributes(QueueAttributeName::MessageRetentionPeriod, "61").send().await.unwrap();
    let request = aws.sqs.tag_queue().queue_url(aws.queue_url(&names.tasks_dlq));
    request.tags("team", "ops").tags("stranger", "tag").send().await.unwrap();
    let request = aws.ssm.put_parameter().name(&names.parameter).value("theirs").overwrite(true);
    request.send().await.unwrap();
    told(
        &lab,
        "watched",
        &[
            &format!("Function {} was changed by somebody else, and is put right: memorySize: 999 → 128", names.sender),
            &format!("Role {} was changed by somebody else, and is put right: policy: (unset) → ", names.scheduler),
            &format!(
                "LogGroup {} was changed by somebody else, and is put right: retentionInDays: 1 → 30",
                names.runner_logs
            ),
            "messageRetentionPeriod: 61 → 345600",
            &format!("Queue {} was changed by somebody else, and is put right: tags.team: ops → data", names.tasks_dlq),
            "value: [secret] → [secret]",
        ],
    )
    .await;
    lab.ready("watched").await;
    assert!(lab.aws.parameter(&names.parameter).await.contains("/slack/"));
    assert_eq!(lab.aws.queue_tags(&names.tasks_dlq).await["stranger"], "tag", "others may tag as they like");
}

#[tokio::test]
async fn a_sweep_finds_what_others_deleted_or_stopped_and_says_so() {
    let lab = swept().await;
    lab.apply("watched", specs::message(specs::YEARLY)).await;
    lab.ready("watched").await;
    let names = lab.names("watched");
    let aws = &lab.aws;
    let schedule = aws.scheduler.delete_schedule().group_name(&names.schedule).name(&names.schedule);
    schedule.send().await.unwrap();
    aws.logs.delete_log_group().log_group_name(&names.sender_logs).send().await.unwrap();
    let mappings = aws.lambda.list_event_source_mappings().send().await.unwrap();
    let mapping = mappings.event_source_mappings()[0].uuid().unwrap();
    aws.lambda.update_event_source_mapping().uuid(mapping).enabled(false).send().await.unwrap();
    told(
        &lab,
        "watched",
        &[
            &format!("Schedule {} was deleted by somebody else, and is made again", names.schedule),
            &format!("LogGroup {} was deleted by somebody else, and is made again", names.sender_logs),
            "enabled: false → true",
        ],
    )
    .await;
    lab.ready("watched").await;
    assert_eq!(lab.aws.everything().await, names.all_and_inbox());
}

#[tokio::test]
async fn a_function_whose_role_somebody_deleted_works_again() {
    let lab = swept().await;
    lab.apply("watched", specs::message(specs::YEARLY)).await;
    lab.ready("watched").await;
    let names = lab.names("watched");
    lab.aws.iam.delete_role_policy().role_name(&names.sender).policy_name("task-pipelines").send().await.unwrap();
    lab.aws.iam.delete_role().role_name(&names.sender).send().await.unwrap();
    told(&lab, "watched", &[&format!("Role {} was deleted by somebody else, and is made again", names.sender)]).await;
    lab.ready("watched").await;
    let role = lab.aws.function(&names.sender).await.role.unwrap();
    assert!(role.ends_with(&names.sender), "{role}");
    lab.patch("watched", json!({"metadata": {"annotations": {"taskpipelines.dev/run-now": "one"}}})).await;
    lab.ended("watched", RunResult::Succeeded).await;
}

#[tokio::test]
async fn what_others_set_that_stops_a_pipeline_is_taken_back() {
    let lab = swept().await;
    lab.apply("watched", specs::message(specs::YEARLY)).await;
    lab.ready("watched").await;
    quiet(&lab).await;
    let names = lab.names("watched");
    let aws = &lab.aws;
    let stopped = aws.lambda.put_function_concurrency().function_name(&names.runner).reserved_concurrent_executions(0);
    stopped.send().await.unwrap();
    let elsewhere = LoggingConfig::builder().log_group("/elsewhere").build();
    let request = aws.lambda.update_function_configuration().function_name(&names.runner);
    request.logging_config(elsewhere).send().await.unwrap();
    let deny = json!({"Version": "2012-10-17", "Statement": [
        {"Effect": "Deny", "Principal": "*", "Action": "sqs:SendMessage", "Resource": "*"},
    ]});
    let request = aws.sqs.set_queue_attributes().queue_url(aws.queue_url(&names.tasks));
    let request = request.attributes(QueueAttributeName::DelaySeconds, "300");
    request.attributes(QueueAttributeName::Policy, deny.to_string()).send().await.unwrap();
    let request = aws.sqs.set_queue_attributes().queue_url(aws.queue_url(&names.tasks_dlq));
    let nobody = json!({"redrivePermission": "denyAll"}).to_string();
    request.attributes(QueueAttributeName::RedriveAllowPolicy, nobody).send().await.unwrap();
    told(
        &lab,
        "watched",
        &[
            "logGroup: /elsewhere → (unset)",
            "reservedConcurrency: 0 → (unset)",
            "delaySeconds: 300 → (unset)",
            "policy: ",
            "redriveAllowPolicy: ",
        ],
    )
    .await;
    lab.ready("watched").await;
    lab.patch("watched", json!({"metadata": {"annotations": {"taskpipelines.dev/run-now": "one"}}})).await;
    lab.ended("watched", RunResult::Succeeded).await;
}

#[tokio::test]
async fn an_idle_pipeline_costs_its_queues_and_a_share_of_the_lists() {
    let lab = swept().await;
    for pipeline in ["calm", "quiet"] {
        lab.apply(pipeline, specs::message(specs::YEARLY)).await;
    }
    for pipeline in ["calm", "quiet"] {
        lab.ready(pipeline).await;
    }
    let reads = quiet(&lab).await;
    assert_eq!(lab.strict.writes().await, Vec::<String>::new());
    let (lists, singly): (BTreeMap<_, _>, BTreeMap<_, _>) = reads
        .into_iter()
        .partition(|(operation, _)| operation.starts_with("List") || operation.starts_with("Describe"));
    let others: Vec<&str> = singly.keys().map(String::as_str).collect();
    let expected =
        ["GetAccountAuthorizationDetails", "GetFunctionEventInvokeConfig", "GetQueueAttributes", "GetResources"];
    assert_eq!(others, expected, "and lists: {lists:?}");
    let shared: Vec<&str> = lists.keys().map(String::as_str).collect();
    assert_eq!(
        shared,
        ["DescribeLogGroups", "DescribeParameters", "ListEventSourceMappings", "ListFunctions", "ListSchedules"]
    );
    // One that was cut off at either end is not a whole sweep.
    let per_list = lists["ListFunctions"] + 1;
    assert!(singly["GetQueueAttributes"] <= 2 * 3 * per_list, "{singly:?} in {per_list} sweeps");
    assert!(singly["GetFunctionEventInvokeConfig"] <= 2 * per_list, "{singly:?} in {per_list} sweeps");
}

/// Waits until only sweeps read, since a fresh write is observed once more; gives their calls by operation.
async fn quiet(lab: &Lab) -> BTreeMap<String, usize> {
    eventually("sweeps alone read", async || {
        lab.strict.forget_calls().await;
        sweeps(lab, 3).await;
        let mut reads: BTreeMap<String, usize> = BTreeMap::new();
        for call in lab.strict.calls().await {
            *reads.entry(call.operation).or_default() += 1;
        }
        if reads.contains_key("GetSchedule") { Err(format!("{reads:?}")) } else { Ok(reads) }
    })
    .await
}

/// Waits for so many sweeps.
async fn sweeps(lab: &Lab, count: usize) {
    eventually("the operator sweeps", async || {
        let calls = lab.strict.calls().await;
        let swept = calls.iter().filter(|call| call.operation == "ListFunctions").count();
        if swept > count { Ok(()) } else { Err(format!("{swept} sweeps")) }
    })
    .await;
}
