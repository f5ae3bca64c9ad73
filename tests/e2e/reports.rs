//! Reports: what became of runs, in the status.

use std::collections::BTreeSet;

use api::{Run, RunResult, RunTrigger, ScheduledTaskPipeline, TaskResult};
use jiff::{Timestamp, ToSpan as _, Unit};
use serde_json::{Value, json};

use crate::harness::{INBOX, Lab, Settings, condition, eventually, specs};

fn runs(pipeline: &ScheduledTaskPipeline) -> &[Run] {
    pipeline.status.as_ref().map_or(&[], |status| &status.runs)
}

/// Waits until a condition stands so.
async fn stands(lab: &Lab, name: &str, type_: &str, status: &str, reason: &str) -> String {
    let wanted = |pipeline: &ScheduledTaskPipeline| {
        condition(pipeline, type_).is_some_and(|condition| condition.status == status && condition.reason == reason)
    };
    let pipeline = lab.until(name, &format!("has {type_}={status}, reason {reason}"), wanted).await;
    condition(&pipeline, type_).unwrap().message.clone()
}

async fn annotate(lab: &Lab, name: &str, annotations: Value) {
    lab.patch(name, json!({"metadata": {"annotations": annotations}})).await;
}

/// Waits until a token of `run-now` is recorded.
async fn recorded(lab: &Lab, name: &str, token: &str) -> ScheduledTaskPipeline {
    let wanted = |pipeline: &ScheduledTaskPipeline| {
        pipeline.status.as_ref().and_then(|status| status.last_run_now.as_deref()) == Some(token)
    };
    lab.until(name, &format!("has recorded token {token}"), wanted).await
}

#[tokio::test]
async fn a_run_of_the_schedule_shows_up_with_its_result() {
    let lab = Lab::new().await;
    lab.apply("told", specs::message(specs::AT_ONCE)).await;
    let status = lab.ended("told", RunResult::Succeeded).await;
    let run = &status.runs[0];
    assert_eq!((run.trigger, run.counts.succeeded, run.tasks.len()), (RunTrigger::Schedule, 1, 1));
    let task = &run.tasks[0];
    assert_eq!((task.name.as_str(), task.result, task.attempts), ("hello", TaskResult::Succeeded, 1));
    assert!(run.started_at.is_some() && run.finished_at.is_some() && task.duration_ms.is_some(), "{run:?}");
    assert_eq!((status.last_run.as_ref(), status.last_result), (Some(&run.scheduled_time), Some(RunResult::Succeeded)));
    stands(&lab, "told", "Delivering", "True", "Delivered").await;
    stands(&lab, "told", "OnTime", "True", "OnTime").await;
    let line = lab.kubectl(&["get", "pipelines", "told"]);
    assert!(line.contains(&run.scheduled_time) && line.contains("Succeeded"), "{line}");
    lab.until("told", "knows when it fires next", |pipeline| {
        pipeline.status.as_ref().is_some_and(|status| status.next_run.is_some())
    })
    .await;
    eventually("the inbox is empty", async || match lab.aws.messages(INBOX).await {
        0 => Ok(()),
        left => Err(format!("{left} messages")),
    })
    .await;
    let events = lab.events("told").await;
    assert!(!events.iter().any(|event| event.starts_with("Run")), "a run that went well is not an event: {events:?}");
    lab.finish().await;
}

#[tokio::test]
async fn failures_say_which_task_and_which_channel_and_why() {
    let lab = Lab::new().await;
    lab.chat.answer("hook", "broken", json!({"status": 503, "body": "closed\n<!channel>", "count": -1})).await;
    lab.chat.answer("slack", "team", json!({"status": 404, "body": "no_service", "count": -1})).await;
    let broken = json!({"name": "broken", "http": {"url": lab.chat.url("hook", "broken")}});
    let fine = json!({"name": "fine", "message": {}, "template": "Hello", "notify": ["team"]});
    let spec = json!({"schedule": specs::AT_ONCE, "tasks": [broken, fine], "channels": [specs::slack()]});
    lab.apply("mixed", spec).await;
    let status = lab.ended("mixed", RunResult::Partial).await;
    let run = &status.runs[0];
    assert_eq!((run.counts.succeeded, run.counts.failed), (1, 1));
    let error = run.tasks.iter().find_map(|task| task.error.clone()).unwrap();
    assert!(error.contains("503") && !error.contains('\n'), "{error}");
    let message = stands(&lab, "mixed", "Delivering", "False", "DeliveryFailed").await;
    for words in ["channel `team`", "task `fine`", "404", "no_service"] {
        assert!(message.contains(words), "no {words} in {message}");
    }
    let said = async |start: &str| {
        eventually(start, async || {
            let events = lab.events("mixed").await;
            if events.iter().any(|event| event.starts_with(start)) { Ok(()) } else { Err(format!("{events:?}")) }
        })
        .await;
    };
    said("RunFailed: 1 of 2 tasks of run ").await;
    said("DeliveryFailed: channel `team` did not get the result of task `fine` of run ").await;
}

#[tokio::test]
async fn a_pipeline_is_fired_by_hand_once_a_token_with_other_input_and_while_suspended() {
    let lab = Lab::new().await;
    let task = json!({
        "name": "hello", "message": {}, "notify": ["team"], "input": {"who": "all"}, "template": "Hello {{ input.who \
                                                                                                  }}",
    });
    let spec = specs::merged(specs::one_task(specs::YEARLY, task), json!({"suspend": true}));
    lab.apply("by-hand", spec).await;
    lab.ready("by-hand").await;
    annotate(&lab, "by-hand", json!({"taskpipelines.dev/run-now": "one"})).await;
    assert_eq!(lab.chat.await_received("slack", "team", 1).await[0].text(), "Hello all");
    let status = lab.ended("by-hand", RunResult::Succeeded).await;
    let first = &status.runs[0];
    assert_eq!((first.trigger, status.last_run_now.as_deref()), (RunTrigger::Manual, Some("one")));
    let input = json!({"taskpipelines.dev/run-now": "two", "taskpipelines.dev/run-input": r#"{"who": "you"}"#});
    annotate(&lab, "by-hand", input).await;
    assert_eq!(lab.chat.await_received("slack", "team", 2).await[1].text(), "Hello you");
    lab.until("by-hand", "has two runs", |pipeline| runs(pipeline).len() == 2).await;
    // As one that deploys from Git would put it back.
    annotate(&lab, "by-hand", json!({"taskpipelines.dev/run-now": "one", "taskpipelines.dev/run-input": null})).await;
    lab.resync("by-hand").await;
    assert_eq!(lab.chat.received("slack", "team").await.len(), 2);
    assert_eq!(lab.told("by-hand", "RunNow", 2).await.len(), 2);
}

#[tokio::test]
async fn a_token_is_one_run_wherever_the_operator_is_killed() {
    for writes in 0..4 {
        let mut lab = Lab::gated().await;
        lab.start(&Settings::default());
        lab.apply("crashed", specs::message(specs::YEARLY)).await;
        lab.ready("crashed").await;
        lab.resync("crashed").await;
        lab.gate().hold_after(writes);
        annotate(&lab, "crashed", json!({"taskpipelines.dev/run-now": "one"})).await;
        if writes < 3 {
            lab.gate().held().await;
        } else {
            // More than it has to write: killed when all is done.
            recorded(&lab, "crashed", "one").await;
        }
        lab.kill();
        lab.gate().release();
        lab.start(&Settings::default());
        let status = lab.ended("crashed", RunResult::Succeeded).await;
        assert_eq!((status.runs.len(), status.runs[0].trigger), (1, RunTrigger::Manual), "killed after {writes}");
        recorded(&lab, "crashed", "one").await;
        let posts = lab.chat.received("slack", "team").await.len();
        // What was under way when it was killed may be repeated, as the same run.
        assert!((1..=2).contains(&posts), "{posts} posts when killed after {writes}");
    }
}

#[tokio::test]
async fn a_token_that_came_with_the_pipeline_is_recorded_and_fires_nothing() {
    let mut lab = Lab::without_operator().await;
    lab.apply("restored", specs::message(specs::YEARLY)).await;
    annotate(&lab, "restored", json!({"taskpipelines.dev/run-now": "old"})).await;
    lab.start(&crate::harness::Settings::default());
    lab.ready("restored").await;
    recorded(&lab, "restored", "old").await;
    lab.resync("restored").await;
    let invoked = lab.strict.calls().await.iter().any(|call| call.operation == "Invoke");
    assert!(!invoked && runs(&lab.get("restored").await).is_empty());
}

#[tokio::test]
async fn input_that_is_no_object_fires_nothing_and_says_so() {
    let lab = Lab::new().await;
    lab.apply("careful", specs::message(specs::YEARLY)).await;
    lab.ready("careful").await;
    annotate(&lab, "careful", json!({"taskpipelines.dev/run-now": "one", "taskpipelines.dev/run-input": "[1]"})).await;
    recorded(&lab, "careful", "one").await;
    eventually("an event says what is wrong", async || {
        let events = lab.events("careful").await;
        let said = "RunNowRefused: annotation taskpipelines.dev/run-input: it is not a JSON object: it is of another \
                    type; write one, such as {\"day\": \"2026-03-01\"}; nothing was fired: annotate with a new token \
                    as well";
        if events.iter().any(|event| event == said) { Ok(()) } else { Err(format!("{events:?}")) }
    })
    .await;
    assert!(!lab.strict.calls().await.iter().any(|call| call.operation == "Invoke"));
}

#[tokio::test]
async fn news_from_anybody_but_the_pipelines_own_functions_are_dropped() {
    let lab = Lab::new().await;
    lab.apply("honest", specs::message(specs::AT_ONCE)).await;
    let before = lab.ended("honest", RunResult::Succeeded).await;
    let report = |change: Value| {
        let report = json!({
            "pipeline": {"namespace": lab.namespace, "name": "honest"}, "runId": "forgedforged2345", "tasks": 1,
            "scheduledTime": "2026-01-01T09:00:00Z", "trigger": "Schedule",
            "news": [{"kind": "ended", "at": "2026-01-01T09:00:00Z", "task": "hello", "position": 0, "attempt": 1,
                      "status": "Failed", "again": false, "durationMs": 1, "error": "forged"}],
        });
        specs::merged(report, change).to_string()
    };
    let bodies = [
        report(json!({})),
        report(json!({"pipeline": {"namespace": "kube-system", "name": "../nodes"}})),
        report(json!({"pipeline": {"name": "nobody"}})),
        "no JSON at all \u{1b}[2J".replace('\u{1b}', "?"),
        "[".repeat(20_000),
        json!({"news": "x".repeat(200_000)}).to_string(),
    ];
    for body in &bodies {
        // As the account itself, which may do everything, and is not a function.
        lab.aws.sqs.send_message().queue_url(lab.aws.queue_url(INBOX)).message_body(body).send().await.unwrap();
    }
    eventually("all of it is dropped", async || match lab.aws.messages(INBOX).await {
        0 => Ok(()),
        left => Err(format!("{left} messages")),
    })
    .await;
    let after = lab.get("honest").await.status.unwrap();
    assert_eq!(after.runs, before.runs);
    assert!(lab.accidents().is_empty(), "{:?}", lab.accidents());
}

/// A function that reports in the name of whatever pipeline its input says.
const FORGER: &str = "
import boto3, json

def handler(event, context):
    url = boto3.client('sqs').get_queue_url(QueueName=event['input']['queue'])['QueueUrl']
    for report in event['input']['reports']:
        boto3.client('sqs').send_message(QueueUrl=url, MessageBody=json.dumps(report))
    return 'sent'
";

#[tokio::test]
async fn a_function_that_may_write_to_the_inbox_can_report_for_no_pipeline() {
    let allowed = "{actions: ['sqs:*'], resources: ['arn:aws:sqs:*:*:*']}";
    let configuration = format!("allow: [{{namespaces: ['*'], policyStatements: [{allowed}]}}]");
    let lab = Lab::with(Settings { configuration: Some(configuration), ..Settings::default() }).await;
    lab.apply("victim", specs::message(specs::AT_ONCE)).await;
    let before = lab.ended("victim", RunResult::Succeeded).await;
    let report = |pipeline: &str| {
        json!({
            "pipeline": {"namespace": lab.namespace, "name": pipeline}, "runId": "forgedforged2345", "tasks": 1,
            "scheduledTime": Timestamp::now().to_string(), "trigger": "Schedule",
            "news": [{"kind": "ended", "at": Timestamp::now().to_string(), "task": "hello", "position": 0, "attempt": 1,
                      "status": "Failed", "again": false, "durationMs": 1, "error": "forged"}],
        })
    };
    let inbox = lab.arn("sqs", INBOX);
    let statement = json!({"Effect": "Allow", "Action": ["sqs:GetQueueUrl", "sqs:SendMessage"], "Resource": inbox});
    let function = json!({
        "name": "forger", "runtime": "python3.13", "handler": "index.handler", "code": {"inline": FORGER},
        "policyStatements": [statement],
    });
    let input = json!({"queue": INBOX, "reports": [report("victim"), report("villain")]});
    let task = json!({"name": "forge", "function": "forger", "input": input, "notify": ["team"]});
    let spec = specs::merged(specs::one_task(specs::AT_ONCE, task), json!({"functions": [function]}));
    lab.apply("villain", spec).await;
    let own = lab.ended("villain", RunResult::Succeeded).await;
    eventually("all of it is read", async || match lab.aws.messages(INBOX).await {
        0 => Ok(()),
        left => Err(format!("{left} messages")),
    })
    .await;
    let said = lab.chat.await_received("slack", "team", 2).await;
    assert!(said.iter().any(|post| post.text() == "✅ forge (villain): sent"), "AWS took what was forged: {said:?}");
    assert_eq!(lab.get("victim").await.status.unwrap().runs, before.runs);
    assert_eq!(lab.get("villain").await.status.unwrap().runs.len(), own.runs.len(), "not for itself either");
}

#[tokio::test]
async fn tasks_that_wait_are_not_missed_and_tasks_that_were_lost_are() {
    let lab = Lab::new().await;
    for name in ["waiting", "lost"] {
        fired_into_a_full_account(&lab, name).await;
    }
    lab.aws.purge(&lab.names("lost").tasks).await;
    let status = lab.ended("lost", RunResult::Missed).await;
    let run = &status.runs[0];
    assert_eq!((run.trigger, run.counts.missed), (RunTrigger::Manual, 1), "{run:?}");
    assert!(run.message.as_ref().unwrap().contains("not on the queue any more"), "{run:?}");
    // Fired first, the waiting one is judged no later than that.
    let waiting = lab.get("waiting").await;
    assert_eq!(runs(&waiting)[0].result, RunResult::Running, "{waiting:#?}");
    let events = lab.events("waiting").await;
    assert!(!events.iter().any(|event| event.contains("Missed")), "{events:?}");
    lab.strict.settings(json!({"noRunners": 0})).await;
    lab.ended("waiting", RunResult::Succeeded).await;
}

/// Makes a pipeline, and fires it when the account has no room for runners any more.
async fn fired_into_a_full_account(lab: &Lab, name: &str) {
    lab.apply(name, specs::merged(specs::message(specs::YEARLY), json!({"missedAfterSeconds": 60}))).await;
    lab.ready(name).await;
    lab.strict.settings(json!({"noRunners": 1})).await;
    lab.fire(name, "one").await;
    recorded(lab, name, "one").await;
    lab.until(name, "has begun a run", |pipeline| runs(pipeline).len() == 1).await;
}

/// While its queue drains, which may take minutes, firings that are due do not come, and tasks wait: as was asked for.
#[tokio::test]
async fn a_pipeline_in_deletion_misses_nothing() {
    let lab = Lab::new().await;
    for name in ["deleted", "kept"] {
        fired_into_a_full_account(&lab, name).await;
    }
    lab.delete("deleted").await;
    lab.aws.purge(&lab.names("kept").tasks).await;
    // Fired first, the run of the deleted one is judged no later than this.
    lab.ended("kept", RunResult::Missed).await;
    let deleted = lab.get("deleted").await;
    assert_eq!(runs(&deleted)[0].result, RunResult::Running, "{deleted:#?}");
    assert!(condition(&deleted, "OnTime").is_none_or(|condition| condition.status != "False"), "{deleted:#?}");
    let draining = condition(&deleted, "Ready").unwrap();
    assert!(draining.message.contains("not processed yet"), "it still holds a message: {draining:?}");
    let events = lab.events("deleted").await;
    assert!(!events.iter().any(|event| event.contains("Missed")), "{events:?}");

    lab.strict.settings(json!({"noRunners": 0})).await;
    lab.gone("deleted").await;
    assert_eq!(lab.chat.received("slack", "team").await.len(), 1);
}

#[tokio::test]
async fn a_runner_of_the_users_own_leaves_no_run_that_never_ends() {
    let lab = Lab::new().await;
    let code = "def handler(event, context):\n    return {}\n";
    let spec = json!({
        "schedule": specs::YEARLY, "tasks": [{"name": "a", "message": {}}],
        "runner": {"runtime": "python3.13", "handler": "index.handler", "code": {"inline": code}},
    });
    lab.apply("own", spec).await;
    lab.ready("own").await;
    annotate(&lab, "own", json!({"taskpipelines.dev/run-now": "one"})).await;
    eventually("what the sender reports is read", async || {
        let calls = lab.strict.calls().await;
        if calls.iter().any(|call| call.operation == "DeleteMessageBatch") { Ok(()) } else { Err(format!("{calls:?}")) }
    })
    .await;
    stands(&lab, "own", "OnTime", "Unknown", "NotReported").await;
    stands(&lab, "own", "Delivering", "Unknown", "NotReported").await;
    let pipeline = lab.get("own").await;
    assert_eq!((runs(&pipeline).len(), pipeline.status.unwrap().last_result), (0, None));
}

#[tokio::test]
async fn a_firing_that_does_not_come_is_missed_and_the_hop_is_named() {
    let lab = Lab::new().await;
    // What is due in the first minute of a schedule may be missed by AWS.
    let due = (Timestamp::now() + 105.seconds()).round(Unit::Second).unwrap();
    let schedule = format!("at({})", due.strftime("%Y-%m-%dT%H:%M:%S"));
    lab.apply("late", specs::merged(specs::message(&schedule), json!({"missedAfterSeconds": 60}))).await;
    lab.ready("late").await;
    lab.aws.lambda.delete_function().function_name(lab.names("late").sender).send().await.unwrap();
    eventually("the firing has found no sender", async || {
        match lab.aws.messages(&lab.names("late").undelivered_dlq).await {
            1 => Ok(()),
            other => Err(format!("{other} messages")),
        }
    })
    .await;
    // Also while the inbox of all pipelines is never empty for long.
    lab.apply("busy", specs::message(specs::YEARLY)).await;
    lab.ready("busy").await;
    let reports = async {
        let mut known = BTreeSet::new();
        for number in 0_u32.. {
            annotate(&lab, "busy", json!({"taskpipelines.dev/run-now": number.to_string()})).await;
            let is_new = |run: &Run| run.result == RunResult::Succeeded && !known.contains(&run.run_id);
            let reported = |pipeline: &ScheduledTaskPipeline| runs(pipeline).iter().any(is_new);
            let pipeline = lab.until("busy", "has reported once more", reported).await;
            known.extend(runs(&pipeline).iter().map(|run| run.run_id.clone()));
        }
    };
    let status = tokio::select! {
        status = lab.ended("late", RunResult::Missed) => status,
        () = reports => unreachable!("numbers do not end"),
    };
    let run = &status.runs[0];
    assert_eq!(run.scheduled_time.parse::<Timestamp>().unwrap(), due);
    assert_eq!((run.counts.missed, status.last_result), (1, Some(RunResult::Missed)));
    let message = stands(&lab, "late", "OnTime", "False", "Missed").await;
    for words in [&lab.names("late").sender, &lab.names("late").undelivered_dlq] {
        assert!(message.contains(words.as_str()), "no {words} in {message}");
    }
}
