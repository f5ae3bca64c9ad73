//! What a pipeline is made of on AWS, and what its status says of it.

use std::collections::BTreeSet;

use api::ResourceState;
use aws_sdk_lambda::types::{FunctionConfiguration, Runtime};
use aws_sdk_ssm::types::ParameterType;
use jiff::Timestamp;
use serde_json::{Value, json};

use crate::harness::aws::{Texts, allowed};
use crate::harness::{INBOX, Lab, condition, rows, specs};

fn number(attributes: &Texts, key: &str) -> u32 {
    attributes
        .get(key)
        .and_then(|text| text.parse().ok())
        .unwrap_or_else(|| panic!("no number {key} in {attributes:?}"))
}

fn environment(function: &FunctionConfiguration) -> Texts {
    let variables = function.environment().and_then(|environment| environment.variables()).cloned().unwrap_or_default();
    variables.into_iter().collect()
}

#[tokio::test]
async fn everything_carries_its_owner_and_the_users_tags() {
    let lab = Lab::new().await;
    let spec = specs::merged(specs::message(specs::YEARLY), json!({"tags": {"cost-centre": "42"}}));
    let uid = lab.apply("tagged", spec).await.metadata.uid.unwrap();
    lab.ready("tagged").await;

    let names = lab.names("tagged");
    assert_eq!(lab.aws.everything().await, names.all_and_inbox());
    let expected = Texts::from([
        ("cost-centre".to_owned(), "42".to_owned()),
        ("taskpipelines.dev/cluster".to_owned(), "e2e".to_owned()),
        ("taskpipelines.dev/namespace".to_owned(), lab.namespace.clone()),
        ("taskpipelines.dev/name".to_owned(), "tagged".to_owned()),
        ("taskpipelines.dev/uid".to_owned(), uid.clone()),
    ]);
    let tags = lab.tags("tagged").await;
    assert_eq!(
        tags.keys().cloned().collect::<BTreeSet<_>>(),
        &names.all() - &BTreeSet::from([format!("Schedule {}", names.schedule)])
    );
    assert!(tags.values().all(|tags| *tags == expected), "{tags:#?}");

    let description = lab.aws.schedule(&names.schedule).await.description.unwrap();
    for part in ["e2e", &lab.namespace, "tagged", &uid] {
        assert!(description.contains(part), "a schedule cannot be tagged, and `{description}` says nothing of {part}");
    }
}

#[tokio::test]
async fn each_role_may_do_what_it_must_and_nothing_more() {
    let lab = Lab::new().await;
    lab.apply("modest", specs::message(specs::YEARLY)).await;
    lab.apply("secretless", json!({"schedule": specs::YEARLY, "tasks": [{"name": "nothing", "message": {}}]})).await;
    lab.ready("modest").await;
    lab.ready("secretless").await;

    let names = lab.names("modest");
    let queue = |name: &str| lab.arn("sqs", name);
    let logs = |group: &str| format!("{}:*", lab.arn("logs", &format!("log-group:{group}")));
    let sender = lab.arn("lambda", &format!("function:{}", names.sender));
    let inbox = queue("taskpipelines-e2e-inbox");
    let pairs = |list: &[(&str, &str)]| -> BTreeSet<(String, String)> {
        list.iter().map(|(action, resource)| ((*action).to_owned(), (*resource).to_owned())).collect()
    };
    let (policy, trust) = lab.aws.role(&names.scheduler).await;
    let expected = [
        ("lambda:InvokeFunction", &*sender),
        ("lambda:InvokeFunction", &format!("{sender}:*")),
        ("sqs:SendMessage", &queue(&names.undelivered_dlq)),
    ];
    assert_eq!(allowed(&policy), pairs(&expected));
    assert_eq!(
        trust["Statement"],
        json!([{
            "Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"Service": "scheduler.amazonaws.com"},
            "Condition": {"StringEquals": {
                "aws:SourceAccount": lab.account,
                "aws:SourceArn": lab.arn("scheduler", &format!("schedule-group/{}", names.schedule)),
            }},
        }])
    );

    let (policy, trust) = lab.aws.role(&names.sender).await;
    let expected = [
        ("sqs:SendMessage", &*queue(&names.tasks)),
        ("sqs:SendMessage", &queue(&names.undelivered_dlq)),
        ("sqs:SendMessage", &inbox),
        ("logs:CreateLogStream", &logs(&names.sender_logs)),
        ("logs:PutLogEvents", &logs(&names.sender_logs)),
    ];
    assert_eq!(allowed(&policy), pairs(&expected));
    let by_lambda =
        json!([{"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"Service": "lambda.amazonaws.com"}}]);
    assert_eq!(trust["Statement"], by_lambda);

    let runner_may = |names: &crate::harness::Names, parameter: Option<String>| {
        let tasks = queue(&names.tasks);
        let mut expected = pairs(&[
            ("sqs:ReceiveMessage", &tasks),
            ("sqs:DeleteMessage", &tasks),
            ("sqs:GetQueueAttributes", &tasks),
            ("sqs:ChangeMessageVisibility", &tasks),
            ("sqs:SendMessage", &tasks),
            ("sqs:SendMessage", &queue(&names.tasks_dlq)),
            ("sqs:SendMessage", &inbox),
            ("logs:CreateLogStream", &logs(&names.runner_logs)),
            ("logs:PutLogEvents", &logs(&names.runner_logs)),
        ]);
        let decrypting = parameter.is_some().then(|| ("kms:Decrypt".to_owned(), lab.arn("kms", "key/*")));
        expected.extend(parameter.map(|arn| ("ssm:GetParameter".to_owned(), arn)).into_iter().chain(decrypting));
        expected
    };
    let (policy, trust) = lab.aws.role(&names.runner).await;
    let parameter = lab.arn("ssm", &format!("parameter{}", names.parameter));
    assert_eq!(allowed(&policy), runner_may(&names, Some(parameter)));
    assert_eq!(trust["Statement"], by_lambda);
    let names = lab.names("secretless");
    let (policy, _) = lab.aws.role(&names.runner).await;
    assert_eq!(allowed(&policy), runner_may(&names, None), "without secrets there is nothing to read");
}

#[tokio::test]
async fn queues_functions_and_mapping_have_the_defaults_that_are_promised() {
    let lab = Lab::new().await;
    let task = json!({
        "name": "slow", "http": {"url": "https://example.com"}, "timeoutSeconds": 40, "retry": {"attempts": 4},
        "notify": ["team"],
    });
    lab.apply("plain", specs::one_task(specs::YEARLY, task)).await;
    lab.ready("plain").await;
    let names = lab.names("plain");

    let tasks = lab.aws.queue(&names.tasks).await;
    assert_eq!(number(&tasks, "VisibilityTimeout"), 6 * (40 + 15));
    assert_eq!(number(&tasks, "MessageRetentionPeriod"), 345_600);
    let redrive: Value = serde_json::from_str(&tasks["RedrivePolicy"]).unwrap();
    assert_eq!(redrive["deadLetterTargetArn"], lab.arn("sqs", &names.tasks_dlq));
    let count = redrive["maxReceiveCount"].to_string();
    assert_eq!(count.trim_matches('"'), (5 + 25).to_string());
    for queue in [&names.tasks_dlq, &names.undelivered_dlq] {
        let attributes = lab.aws.queue(queue).await;
        assert_eq!(number(&attributes, "MessageRetentionPeriod"), 1_209_600, "{queue}");
        assert!(attributes.get("RedrivePolicy").is_none_or(String::is_empty), "{queue}");
    }

    for (name, memory, timeout) in [(&names.sender, 128, 30), (&names.runner, 256, 55)] {
        let function = lab.aws.function(name).await;
        assert_eq!(function.runtime(), Some(&Runtime::Providedal2023), "{name}");
        assert_eq!((function.memory_size(), function.timeout()), (Some(memory), Some(timeout)), "{name}");
        let mut expected = Texts::from([
            ("QUEUE_URL".to_owned(), lab.aws.queue_url(&names.tasks)),
            ("INBOX_URL".to_owned(), lab.aws.queue_url(INBOX)),
        ]);
        if name == &names.runner {
            expected.insert("DEAD_LETTER_QUEUE_URL".to_owned(), lab.aws.queue_url(&names.tasks_dlq));
            expected.insert("VISIBILITY_SECONDS".to_owned(), "330".to_owned());
        }
        assert_eq!(environment(&function), expected, "{name}");
    }
    let invoke = lab.aws.lambda.get_function_event_invoke_config().function_name(&names.sender).send().await.unwrap();
    let on_failure = invoke.destination_config().unwrap().on_failure().unwrap().destination().unwrap();
    assert_eq!(on_failure, lab.arn("sqs", &names.undelivered_dlq));
    assert_eq!((invoke.maximum_retry_attempts(), invoke.maximum_event_age_in_seconds()), (Some(2), Some(3600)));

    let mappings = lab.aws.lambda.list_event_source_mappings().send().await.unwrap().event_source_mappings.unwrap();
    let [mapping] = mappings.as_slice() else { panic!("one mapping, not {mappings:?}") };
    assert_eq!(mapping.event_source_arn(), Some(&*lab.arn("sqs", &names.tasks)));
    assert_eq!(mapping.batch_size(), Some(1));
    let reports: Vec<&str> =
        mapping.function_response_types().iter().map(aws_sdk_lambda::types::FunctionResponseType::as_str).collect();
    assert_eq!(reports, ["ReportBatchItemFailures"]);

    let groups = lab.aws.logs.describe_log_groups().send().await.unwrap().log_groups.unwrap();
    assert!(groups.iter().all(|group| group.retention_in_days() == Some(30)), "{groups:?}");

    let parameter = lab.aws.ssm.get_parameter().name(&names.parameter).with_decryption(true).send().await.unwrap();
    let parameter = parameter.parameter.unwrap();
    assert_eq!(parameter.r#type(), Some(&ParameterType::SecureString));
    let secrets: Value = serde_json::from_str(parameter.value().unwrap()).unwrap();
    assert_eq!(secrets, json!({"channels/team/url": lab.chat.url("slack", "team")}));
}

#[tokio::test]
async fn runs_that_must_not_overlap_get_fifo_queues() {
    let lab = Lab::new().await;
    let spec = specs::merged(specs::message(specs::YEARLY), json!({"concurrencyPolicy": "Queue"}));
    lab.apply("orderly", spec).await;
    lab.ready("orderly").await;
    let names = lab.names("orderly").fifo();
    assert_eq!(lab.aws.everything().await, names.all_and_inbox());
    for queue in [&names.tasks, &names.tasks_dlq] {
        assert_eq!(lab.aws.queue(queue).await["FifoQueue"], "true", "{queue}");
    }
    let undelivered = lab.aws.queue(&names.undelivered_dlq).await;
    assert!(!undelivered.contains_key("FifoQueue"), "Scheduler cannot send to a FIFO queue: {undelivered:?}");
}

#[tokio::test]
async fn the_schedule_says_when_whom_and_with_what() {
    let lab = Lab::new().await;
    let spec = specs::merged(
        specs::message("30 8 * * 1-5"),
        json!({
            "timeZone": "Europe/Berlin", "flexibleWindowMinutes": 5, "endTime": "2099-12-31T00:00:00Z",
            "invocation": {"maxAttempts": 7, "maxAgeSeconds": 600},
        }),
    );
    lab.apply("punctual", spec).await;
    let pipeline = lab.ready("punctual").await;
    let names = lab.names("punctual");
    let schedule = lab.aws.schedule(&names.schedule).await;
    assert_eq!(schedule.schedule_expression(), Some("cron(30 8 ? * MON-FRI *)"));
    assert_eq!(schedule.schedule_expression_timezone(), Some("Europe/Berlin"));
    assert_eq!(schedule.end_date().unwrap().secs(), "2099-12-31T00:00:00Z".parse::<Timestamp>().unwrap().as_second());
    let window = schedule.flexible_time_window().unwrap();
    assert_eq!((window.mode().as_str(), window.maximum_window_in_minutes()), ("FLEXIBLE", Some(5)));
    let target = schedule.target().unwrap();
    assert_eq!(target.arn(), lab.arn("lambda", &format!("function:{}", names.sender)));
    assert_eq!(target.role_arn(), format!("arn:aws:iam::{}:role/taskpipelines/e2e/{}", lab.account, names.scheduler));
    let retry = target.retry_policy().unwrap();
    assert_eq!((retry.maximum_retry_attempts(), retry.maximum_event_age_in_seconds()), (Some(7), Some(600)));
    assert_eq!(target.dead_letter_config().unwrap().arn(), Some(&*lab.arn("sqs", &names.undelivered_dlq)));
    let input: Value = serde_json::from_str(target.input().unwrap()).unwrap();
    assert_eq!(input["scheduledTime"], "<aws.scheduler.scheduled-time>");
    assert_eq!(input["pipeline"], json!({"namespace": lab.namespace, "name": "punctual"}));
    assert_eq!(input["parameter"], names.parameter.as_str());
    assert_eq!(input["tasks"][0]["name"], "hello");
    assert_eq!(input["channels"][0]["name"], "team");

    let status = pipeline.status.unwrap().schedule.unwrap();
    assert_eq!((status.expression.as_str(), status.state.as_str()), ("cron(30 8 ? * MON-FRI *)", "ENABLED"));
    assert_eq!(status.next.len(), 3);
    assert!(status.next.iter().all(|time| time.contains("T08:30:00+0")), "{:?}", status.next);
}

#[tokio::test]
async fn status_events_and_columns_tell_what_there_is() {
    let lab = Lab::new().await;
    lab.apply("clear", specs::message("0 9 * * *")).await;
    let pipeline = lab.ready("clear").await;
    let status = pipeline.status.clone().unwrap();

    assert_eq!(rows(&pipeline), lab.names("clear").all());
    for row in &status.resources {
        assert_eq!((row.state, row.message.as_deref()), (ResourceState::Ready, None), "{row:?}");
        assert!(row.arn.starts_with("arn:aws:"), "{row:?}");
    }
    let types: Vec<&str> = status.conditions.iter().map(|condition| condition.type_.as_str()).collect();
    assert_eq!(types, ["Ready"], "kstatus wants no abnormal condition on what is well");
    assert_eq!(condition(&pipeline, "Ready").unwrap().reason, "InSync");
    assert_eq!(status.account.as_deref(), Some(lab.account.as_str()));
    assert_eq!(status.region.as_deref(), Some(lab.environment.region.as_str()));
    let schedule = status.schedule.unwrap();
    assert_eq!(status.next_run.as_ref(), schedule.next.first());

    let created = lab.told("clear", "Created", 1).await;
    assert!(created[0].contains("14 on AWS"), "{created:?}");
    lab.told("clear", "InSync", 1).await;
    let events = lab.events("clear").await;
    assert_eq!(events.len(), 2, "{events:?}");

    lab.kubectl(&["wait", "--for=condition=Ready", "--timeout=10s", "pipelines/clear"]);
    let table = lab.kubectl(&["get", "pipelines", "clear"]);
    let words = |line: usize| table.lines().nth(line).unwrap().split_whitespace().collect::<Vec<_>>().join(" ");
    assert_eq!(words(0), "NAME SCHEDULE TIMEZONE SUSPEND READY REASON LAST RUN RESULT NEXT DLQ AGE");
    let next = status.next_run.unwrap();
    assert!(words(1).starts_with(&format!("clear 0 9 * * * UTC false True InSync {next} 0 ")), "{table}");
    let wide = lab.kubectl(&["get", "stp", "-o", "wide"]);
    assert!(wide.contains(&lab.account) && wide.contains(&lab.environment.region), "{wide}");
}
