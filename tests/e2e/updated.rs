//! Edits of the spec reach AWS, each alone, and settle there.

use aws_sdk_cloudwatchlogs::types::LogGroup;
use aws_sdk_lambda::types::EventSourceMappingConfiguration;
use serde_json::{Value, json};

use crate::harness::{Lab, Settings, condition, eventually, rows, specs};

/// What AWS shows of a pipeline, by the names that the table below uses.
async fn shown(lab: &Lab, pipeline: &str) -> Value {
    let names = lab.names(pipeline);
    let schedule = lab.aws.schedule(&names.schedule).await;
    let target = schedule.target.unwrap();
    let input: Value = serde_json::from_str(target.input().unwrap()).unwrap();
    let tasks = lab.aws.queue(&names.tasks).await;
    let redrive: Value = serde_json::from_str(&tasks["RedrivePolicy"]).unwrap();
    let (sender, runner) = (lab.aws.function(&names.sender).await, lab.aws.function(&names.runner).await);
    let mapping: EventSourceMappingConfiguration =
        lab.aws.lambda.list_event_source_mappings().send().await.unwrap().event_source_mappings.unwrap().remove(0);
    let groups = lab.aws.logs.describe_log_groups().send().await.unwrap().log_groups.unwrap();
    let retention = |name: &str| {
        groups.iter().find(|group| group.log_group_name() == Some(name)).and_then(LogGroup::retention_in_days)
    };
    let invoke = lab.aws.lambda.get_function_event_invoke_config().function_name(&names.sender).send().await.unwrap();
    let runner_may = crate::harness::aws::allowed(&lab.aws.role(&names.runner).await.0);
    json!({
        "expression": schedule.schedule_expression, "zone": schedule.schedule_expression_timezone,
        "state": schedule.state.unwrap().as_str(),
        "start": schedule.start_date.map(|date| date.secs()), "end": schedule.end_date.map(|date| date.secs()),
        "window": schedule.flexible_time_window.unwrap().maximum_window_in_minutes,
        "retries": target.retry_policy().unwrap().maximum_retry_attempts,
        "age": target.retry_policy().unwrap().maximum_event_age_in_seconds,
        "tasks": input["tasks"].as_array().unwrap().iter().map(|task| task["name"].clone()).collect::<Vec<_>>(),
        "template": input["tasks"][0]["template"],
        "senderAge": invoke.maximum_event_age_in_seconds,
        "retention": tasks["MessageRetentionPeriod"], "visibility": tasks["VisibilityTimeout"],
        "receives": redrive["maxReceiveCount"].to_string().trim_matches('"'),
        "deadRetention": lab.aws.queue(&names.tasks_dlq).await["MessageRetentionPeriod"],
        "undeliveredRetention": lab.aws.queue(&names.undelivered_dlq).await["MessageRetentionPeriod"],
        "tag": lab.aws.queue_tags(&names.tasks).await.get("team"),
        "senderMemory": sender.memory_size, "runnerMemory": runner.memory_size,
        "senderTimeout": sender.timeout, "runnerTimeout": runner.timeout,
        "runnerLevel": runner.environment.unwrap().variables.unwrap().get("LEVEL"),
        "senderLogs": retention(&names.sender_logs), "runnerLogs": retention(&names.runner_logs),
        "batch": mapping.batch_size,
        "concurrency": mapping.scaling_config.and_then(|scaling| scaling.maximum_concurrency),
        "secrets": runner_may.iter().any(|(action, _)| action == "ssm:GetParameter"),
    })
}

/// Applies each edit on top of the ones before; AWS then shows the expected change and no other, and settles.
async fn check(edits: Vec<(Value, Value)>) {
    let lab = Lab::new().await;
    let mut spec = specs::message("0 9 * * *");
    lab.apply("edited", spec.clone()).await;
    lab.ready("edited").await;
    let mut expected = shown(&lab, "edited").await;
    for (edit, change) in edits {
        spec = specs::merged(spec, edit.clone());
        lab.apply("edited", spec.clone()).await;
        lab.ready("edited").await;
        for (field, value) in change.as_object().unwrap() {
            expected[field] = value.clone();
        }
        assert_eq!(shown(&lab, "edited").await, expected, "after {edit}");
    }
    assert!(!lab.log().contains("needs attention"), "no edit fails on the way");
    lab.strict.forget_calls().await;
    lab.resync("edited").await;
    assert_eq!(lab.strict.writes().await, Vec::<String>::new(), "what was edited settles");
}

#[tokio::test]
async fn an_edited_schedule_fires_as_it_now_says() {
    check(vec![
        (json!({"schedule": "15 6 1 * *"}), json!({"expression": "cron(15 6 1 * ? *)"})),
        (json!({"schedule": "rate(2 hours)"}), json!({"expression": "rate(2 hours)"})),
        (
            json!({"schedule": "0 9 * * *", "timeZone": "Asia/Tokyo"}),
            json!({"expression": "cron(0 9 * * ? *)", "zone": "Asia/Tokyo"}),
        ),
        (json!({"startTime": "2098-01-01T00:00:00Z"}), json!({"start": 4_039_372_800_u64})),
        (json!({"endTime": "2099-01-01T00:00:00Z"}), json!({"end": 4_070_908_800_u64})),
        (json!({"startTime": null, "endTime": null}), json!({"start": null, "end": null})),
        (json!({"flexibleWindowMinutes": 30}), json!({"window": 30})),
        (json!({"flexibleWindowMinutes": null}), json!({"window": null})),
        (
            json!({"invocation": {"maxAttempts": 0, "maxAgeSeconds": 60}}),
            json!({"retries": 0, "age": 60, "senderAge": 60}),
        ),
        (
            json!({"invocation": {"maxAttempts": 185, "maxAgeSeconds": 86400}}),
            json!({"retries": 185, "age": 86400, "senderAge": 21600}),
        ),
    ])
    .await;
}

#[tokio::test]
async fn edited_tasks_are_what_the_next_firing_carries() {
    let task =
        |name: &str, template: &str| json!({"name": name, "message": {}, "template": template, "notify": ["team"]});
    let slow = json!({"name": "slow", "http": {"url": "https://example.com"}, "timeoutSeconds": 100, "retry": {"attempts": 3}});
    check(vec![
        (json!({"tasks": [task("hello", "Bye")]}), json!({"template": "Bye"})),
        (json!({"tasks": [task("hello", "Bye"), task("more", "More")]}), json!({"tasks": ["hello", "more"]})),
        (
            json!({"tasks": [slow]}),
            json!({"tasks": ["slow"], "template": null, "runnerTimeout": 115, "visibility": "690"}),
        ),
        (
            json!({"tasks": [task("hello", "Back")]}),
            json!({"tasks": ["hello"], "template": "Back", "runnerTimeout": 25, "visibility": "150"}),
        ),
    ])
    .await;
}

#[tokio::test]
async fn edited_functions_and_queues_become_as_they_now_should_be() {
    check(vec![
        (
            json!({"sender": {"memoryMiB": 512, "timeoutSeconds": 60}}),
            json!({"senderMemory": 512, "senderTimeout": 60}),
        ),
        (
            json!({"runner": {"memoryMiB": 1024, "timeoutSeconds": 90}}),
            json!({"runnerMemory": 1024, "runnerTimeout": 90, "visibility": "540"}),
        ),
        (json!({"runner": {"environment": {"LEVEL": "1"}}}), json!({"runnerLevel": "1"})),
        (json!({"runner": {"environment": {"LEVEL": "2"}}}), json!({"runnerLevel": "2"})),
        (json!({"runner": {"environment": null}}), json!({"runnerLevel": null})),
        (json!({"runner": {"batchSize": 3, "maxConcurrency": 5}}), json!({"batch": 3, "concurrency": 5})),
        (
            json!({"runner": {"batchSize": null, "maxConcurrency": null, "timeoutSeconds": null}}),
            json!({"batch": 1, "concurrency": 499, "runnerTimeout": 25, "visibility": "150"}),
        ),
        (
            json!({"sender": {"logRetentionDays": 7}, "runner": {"logRetentionDays": 1}}),
            json!({"senderLogs": 7, "runnerLogs": 1}),
        ),
        (
            json!({"queue": {"retentionSeconds": 3600, "maxReceiveCount": 2}}),
            json!({"retention": "3600", "receives": "27"}),
        ),
        (json!({"queue": {"visibilityTimeoutSeconds": 400}}), json!({"visibility": "400"})),
        (
            json!({"queue": {"deadLetterRetentionSeconds": 86400}}),
            json!({"deadRetention": "86400", "undeliveredRetention": "86400"}),
        ),
        (json!({"tags": {"team": "data"}}), json!({"tag": "data"})),
        (json!({"tags": {"team": "ops"}}), json!({"tag": "ops"})),
        (json!({"tags": null}), json!({"tag": null})),
    ])
    .await;
}

#[tokio::test]
async fn a_suspended_pipeline_keeps_everything_and_fires_nothing() {
    let lab = Lab::new().await;
    let spec = specs::merged(specs::message(specs::AT_ONCE), json!({"suspend": true}));
    lab.apply("paused", spec.clone()).await;
    let pipeline = lab.ready("paused").await;
    assert_eq!(condition(&pipeline, "Ready").unwrap().reason, "Suspended");
    assert_eq!(pipeline.status.as_ref().unwrap().schedule.as_ref().unwrap().state, "DISABLED");
    assert_eq!(rows(&pipeline), lab.names("paused").all());
    assert_eq!(shown(&lab, "paused").await["state"], "DISABLED");
    assert!(lab.chat.received("slack", "team").await.is_empty());

    lab.apply("paused", specs::merged(spec.clone(), json!({"suspend": false}))).await;
    let pipeline = lab.ready("paused").await;
    assert_eq!(condition(&pipeline, "Ready").unwrap().reason, "InSync");
    assert_eq!(shown(&lab, "paused").await["state"], "ENABLED");

    lab.apply("paused", spec).await;
    let pipeline = lab.ready("paused").await;
    assert_eq!(pipeline.status.unwrap().next_run, None);
    assert_eq!(shown(&lab, "paused").await["state"], "DISABLED");
}

#[tokio::test]
async fn the_parameter_comes_and_goes_with_the_last_secret() {
    let lab = Lab::new().await;
    let without = json!({"schedule": specs::YEARLY, "tasks": [{"name": "hello", "message": {}}]});
    lab.apply("mute", without.clone()).await;
    lab.ready("mute").await;
    assert_eq!(shown(&lab, "mute").await["secrets"], false);
    let parameter = format!("Parameter {}", lab.names("mute").parameter);
    assert!(!lab.aws.everything().await.contains(&parameter));

    lab.apply("mute", specs::message(specs::YEARLY)).await;
    assert_eq!(rows(&lab.ready("mute").await), lab.names("mute").all());
    assert_eq!(lab.aws.everything().await, lab.names("mute").all_and_inbox());
    assert_eq!(shown(&lab, "mute").await["secrets"], true);

    lab.apply("mute", without).await;
    assert!(!rows(&lab.ready("mute").await).contains(&parameter));
    assert!(!lab.aws.everything().await.contains(&parameter));
    assert_eq!(shown(&lab, "mute").await["secrets"], false);
}

#[tokio::test]
async fn each_change_is_told_in_an_event_with_what_it_was_and_is() {
    let lab = Lab::new().await;
    lab.apply("talkative", specs::message(specs::YEARLY)).await;
    lab.ready("talkative").await;
    for (memory, words) in [(256, "memorySize: 128 → 256"), (512, "memorySize: 256 → 512")] {
        let edit = json!({"sender": {"memoryMiB": memory}});
        lab.apply("talkative", specs::merged(specs::message(specs::YEARLY), edit)).await;
        eventually(&format!("an event says {words}"), async || {
            let events = lab.events("talkative").await;
            let told = events.iter().any(|event| event.starts_with("Updated: Function") && event.contains(words));
            if told { Ok(()) } else { Err(format!("{events:?}")) }
        })
        .await;
    }
}

#[tokio::test]
async fn what_somebody_deletes_or_changes_on_aws_is_put_right() {
    let lab = Lab::new().await;
    lab.apply("mended", specs::merged(specs::message(specs::YEARLY), json!({"tags": {"team": "data"}}))).await;
    lab.ready("mended").await;
    let names = lab.names("mended");
    let expected = shown(&lab, "mended").await;

    lab.aws.iam.delete_role_policy().role_name(&names.runner).policy_name("task-pipelines").send().await.unwrap();
    lab.aws.lambda.delete_function().function_name(&names.sender).send().await.unwrap();
    lab.aws.delete_queue(&names.undelivered_dlq).await;
    lab.aws.ssm.delete_parameter().name(&names.parameter).send().await.unwrap();
    lab.aws.logs.put_retention_policy().log_group_name(&names.runner_logs).retention_in_days(1).send().await.unwrap();
    lab.aws.lambda.update_function_configuration().function_name(&names.runner).memory_size(999).send().await.unwrap();
    let request = lab.aws.sqs.tag_queue().queue_url(lab.aws.queue_url(&names.tasks));
    request.tags("team", "ops").tags("stranger", "tag").send().await.unwrap();

    lab.resync("mended").await;
    lab.ready("mended").await;
    assert_eq!(lab.aws.everything().await, names.all_and_inbox());
    assert_eq!(shown(&lab, "mended").await, expected);
    assert_eq!(lab.aws.queue_tags(&names.tasks).await["stranger"], "tag", "others may tag as they like");
}

/// Copies the built-in functions' zips, with a comment more in each: another release's code.
fn another_release(folder: &std::path::Path) {
    std::fs::create_dir_all(folder).unwrap();
    let ours = concat!(env!("CARGO_MANIFEST_DIR"), "/target/functions");
    for entry in std::fs::read_dir(ours).unwrap() {
        let path = entry.unwrap().path();
        let mut zip = std::fs::read(&path).unwrap();
        // The length of the comment stands last, and then the comment: <https://pkware.cachefly.net/webdocs/casestudies/APPNOTE.TXT>
        let comment = b"next";
        let length = zip.len() - 2;
        zip[length..].copy_from_slice(&u16::try_from(comment.len()).unwrap().to_le_bytes());
        zip.extend_from_slice(comment);
        std::fs::write(folder.join(path.file_name().unwrap()), zip).unwrap();
    }
}

#[tokio::test]
async fn another_release_rolls_its_functions_out_and_touches_nothing_else() {
    let mut lab = Lab::new().await;
    let names = ["a", "b", "c"];
    for name in names {
        lab.apply(name, specs::message(specs::YEARLY)).await;
    }
    let mut before = Vec::new();
    for name in names {
        lab.ready(name).await;
        before.push(lab.aws.function(&lab.names(name).runner).await.code_sha256);
    }
    let folder = std::env::temp_dir().join(format!("release-{}", lab.namespace));
    another_release(&folder);
    let variables = vec![("TASK_PIPELINES_FUNCTIONS_DIR", folder.to_str().unwrap().to_owned())];
    lab.strict.forget_calls().await;
    lab.start(&Settings { variables, ..Settings::default() });
    for (name, before) in names.iter().zip(before) {
        eventually("the function is of the new release", async || {
            let now = lab.aws.function(&lab.names(name).runner).await.code_sha256;
            if now == before { Err(format!("{now:?}")) } else { Ok(()) }
        })
        .await;
        lab.ready(name).await;
    }
    // Neither the schedule nor the mapping was stopped meanwhile: what is fired then finds its way.
    let writes = lab.strict.writes().await;
    assert!(writes.iter().all(|write| write.contains("UpdateFunctionCode")), "{writes:?}");
    assert_eq!(writes.len(), 2 * names.len(), "{writes:?}");
    lab.patch("a", json!({"metadata": {"annotations": {"taskpipelines.dev/run-now": "one"}}})).await;
    assert_eq!(lab.chat.await_received("slack", "team", 1).await[0].text(), "Hello");
    std::fs::remove_dir_all(folder).unwrap();
}
