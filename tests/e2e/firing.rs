//! The loop: from an applied pipeline to a message in the chat.

use std::time::Duration;

use api::{RunResult, ScheduledTaskPipeline};
use aws_sdk_scheduler::types::ScheduleState;
use jiff::{Timestamp, ToSpan as _, Unit, tz::TimeZone};
use serde_json::{Value, json};

use crate::harness::{Lab, condition, eventually, specs};

#[tokio::test]
async fn a_pipeline_fires_at_its_time_in_its_zone_and_is_completed_afterwards() {
    let lab = Lab::new().await;
    // Later than a busy machine takes to make it.
    let due = (Timestamp::now() + 45.seconds()).round(Unit::Second).unwrap();
    let local = due.to_zoned(TimeZone::get("Asia/Kolkata").unwrap());
    let spec = specs::one_task(
        &format!("at({})", local.strftime("%Y-%m-%dT%H:%M:%S")),
        json!({"name": "reminder", "message": {}, "template": "Due {{ scheduledTime }}", "notify": ["team"]}),
    );
    lab.apply("once", specs::merged(spec, json!({"timeZone": "Asia/Kolkata"}))).await;
    let status = lab.ready("once").await.status.unwrap();
    assert_eq!(status.next_run.as_deref(), Some(local.strftime("%Y-%m-%dT%H:%M:%S%:z").to_string().as_str()));

    let received = lab.chat.await_received("slack", "team", 1).await;
    assert_eq!(received[0].body, json!({"text": format!("Due {due}")}));

    lab.resync("once").await;
    let pipeline = lab.ready("once").await;
    assert_eq!(condition(&pipeline, "Ready").unwrap().reason, "Completed");
    assert_eq!(lab.chat.received("slack", "team").await.len(), 1, "it fires once");
}

/// The coming firings that the status shows.
fn next(pipeline: &ScheduledTaskPipeline) -> Vec<Timestamp> {
    let schedule = pipeline.status.as_ref().and_then(|status| status.schedule.as_ref());
    schedule.iter().flat_map(|schedule| &schedule.next).map(|next| next.parse().unwrap()).collect()
}

#[tokio::test]
async fn an_edit_of_a_rate_fires_nothing_and_shifts_nothing() {
    let lab = Lab::new().await;
    let start = (Timestamp::now() + 20.seconds()).round(Unit::Second).unwrap();
    let spec = |start: Option<Timestamp>, template: &str| {
        let task = json!({"name": "hello", "message": {}, "template": template, "notify": ["team"]});
        let start = start.map_or(json!({}), |start| json!({"startTime": start.to_string()}));
        specs::merged(specs::one_task("rate(1 hour)", task), start)
    };
    let pipelines = [("from-a-time", Some(start)), ("from-its-creation", None)];
    for (name, start) in pipelines {
        lab.apply(name, spec(start, "One")).await;
    }
    lab.chat.await_received("slack", "team", 2).await;
    for (name, start) in pipelines {
        let fired: Timestamp = lab.ended(name, RunResult::Succeeded).await.runs[0].scheduled_time.parse().unwrap();
        assert!(start.is_none_or(|start| start == fired), "{start:?} and {fired}");
        let expected = [1, 2, 3].map(|hours| fired + hours.hours());
        lab.until(name, "knows when it fires next", |pipeline| next(pipeline) == expected).await;
        for (edit, template) in [(json!({}), "Two"), (json!({"suspend": true}), "Two"), (json!({}), "Three")] {
            lab.apply(name, specs::merged(spec(start, template), edit)).await;
            lab.ready(name).await;
        }
        let schedule = lab.aws.schedule(&lab.names(name).schedule).await;
        assert!(schedule.target.unwrap().input.unwrap().contains("Three"));
        assert_eq!(schedule.start_date.map(|start| start.secs()), Some(expected[0].as_second()));
        assert_eq!(next(&lab.get(name).await), expected);
        lab.strict.forget_calls().await;
        lab.resync(name).await;
        assert_eq!(lab.strict.writes().await, Vec::<String>::new(), "the start is not taken for drift");
        assert_eq!(next(&lab.get(name).await), expected);
    }
    // What is due fires within a second here.
    tokio::time::sleep(Duration::from_secs(5)).await;
    assert_eq!(lab.chat.received("slack", "team").await.len(), 2, "no edit fires");
}

#[tokio::test]
async fn a_completed_pipeline_stays_so_whatever_is_edited() {
    let lab = Lab::new().await;
    lab.strict.settings(json!({"refusePastTimes": 1})).await;
    let due = (Timestamp::now() + 60.seconds()).round(Unit::Second).unwrap();
    let at = |time: Timestamp| format!("at({})", time.strftime("%Y-%m-%dT%H:%M:%S"));
    let spec = |schedule: &str, template: &str| {
        let task = json!({"name": "hello", "message": {}, "template": template, "notify": ["team"]});
        specs::one_task(schedule, task)
    };
    lab.apply("once", spec(&at(due), "One")).await;
    lab.apply("often", spec(specs::YEARLY, "One")).await;
    lab.ready("often").await;
    lab.chat.await_received("slack", "team", 1).await;
    let completed = async |name: &str| {
        let pipeline = lab.ready(name).await;
        assert_eq!(condition(&pipeline, "Ready").unwrap().reason, "Completed");
        lab.aws.schedule(&lab.names(name).schedule).await
    };
    lab.strict.forget_calls().await;
    lab.apply("once", spec(&at(due), "Two")).await;
    assert!(completed("once").await.target.unwrap().input.unwrap().contains("One"));
    assert_eq!(lab.strict.writes().await, Vec::<String>::new());
    // It follows once its time is to come.
    let later = at(due + 24.hours());
    lab.apply("once", spec(&later, "Two")).await;
    assert_eq!(condition(&lab.ready("once").await, "Ready").unwrap().reason, "InSync");
    let schedule = lab.aws.schedule(&lab.names("once").schedule).await;
    assert_eq!(schedule.schedule_expression.as_ref(), Some(&later));
    assert!(schedule.target.unwrap().input.unwrap().contains("Two"));
    // One that still fires on AWS is ended as it is.
    lab.apply("often", spec(&at(due), "Two")).await;
    let schedule = completed("often").await;
    assert_eq!(schedule.schedule_expression.as_deref(), Some(specs::LEAP_DAY));
    assert_eq!(schedule.state, Some(ScheduleState::Disabled));
    // And one that somebody deleted is not made again.
    let names = lab.names("often");
    lab.aws.scheduler.delete_schedule().group_name(&names.schedule).name(&names.schedule).send().await.unwrap();
    lab.strict.forget_calls().await;
    lab.resync("often").await;
    assert_eq!(condition(&lab.ready("often").await, "Ready").unwrap().reason, "Completed");
    assert_eq!(lab.strict.writes().await, Vec::<String>::new());
    assert!(!lab.log().contains("needs attention"), "nothing fails on the way");
}

#[tokio::test]
async fn slack_gets_the_text_as_written_with_what_it_inserts_escaped() {
    let lab = Lab::new().await;
    let task = json!({
        "name": "greeting", "message": {}, "notify": ["team"], "input": {"who": "<!channel> & \"you\""},
        "template": "*Hello* {{ input.who }}, <https://example.com|look>: {{ task }} of {{ pipeline }}, {{ scheduledTime }}",
    });
    lab.apply("chatty", specs::one_task(specs::AT_ONCE, task)).await;

    let received = lab.chat.await_received("slack", "team", 1).await;
    let text = received[0].text();
    let (text, time) = text.rsplit_once(", ").unwrap();
    assert_eq!(text, "*Hello* &lt;!channel&gt; &amp; \"you\", <https://example.com|look>: greeting of chatty");
    time.parse::<Timestamp>().unwrap_or_else(|error| panic!("`{time}` is not filled in: {error}"));
    assert_eq!(received[0].body.as_object().unwrap().len(), 1, "nothing but the text is sent");
}

#[tokio::test]
async fn an_http_task_sends_its_secret_and_its_answer_reaches_discord_and_a_webhook() {
    let lab = Lab::new().await;
    lab.secret("api", json!({"token": "Bearer of-news", "hook": lab.chat.url("hook", "results")})).await;
    lab.chat.answer("hook", "orders", json!({"status": 200, "body": "{\"open\": 3, \"note\": \"*now*\"}"})).await;
    let spec = json!({
        "schedule": specs::AT_ONCE,
        "tasks": [{
            "name": "orders",
            "http": {
                "url": lab.chat.url("hook", "orders"), "method": "POST", "body": "{\"state\": \"open\"}",
                "headers": [
                    {"name": "Content-Type", "value": "application/json"},
                    {"name": "Authorization", "secretKeyRef": {"name": "api", "key": "token"}},
                ],
            },
            "notify": ["ops", "results"],
        }],
        "channels": [
            specs::discord(),
            {"name": "results", "webhook": {
                "urlFrom": {"secretKeyRef": {"name": "api", "key": "hook"}},
                "headers": [{"name": "X-Token", "secretKeyRef": {"name": "api", "key": "token"}}],
            }},
        ],
    });
    lab.apply("orders", spec).await;

    let asked = &lab.chat.await_received("hook", "orders", 1).await[0];
    assert_eq!((asked.method.as_str(), asked.header("authorization")), ("POST", Some("Bearer of-news")));
    assert_eq!(asked.body, json!({"state": "open"}));

    let post = &lab.chat.await_received("discord", "ops", 1).await[0];
    let expected = r#"✅ orders (orders): {"open": 3, "note": "\*now\*"}"#;
    assert_eq!(post.text(), expected);
    assert_eq!(post.body["allowed_mentions"], json!({"parse": []}));

    let post = &lab.chat.await_received("hook", "results", 1).await[0];
    assert_eq!((post.method.as_str(), post.header("x-token")), ("POST", Some("Bearer of-news")));
    let mut result = post.body.clone();
    let mut take = |key: &str| result.as_object_mut().unwrap().remove(key).unwrap_or(Value::Null);
    take("scheduledTime").as_str().unwrap().parse::<Timestamp>().unwrap();
    assert_eq!(take("runId").as_str().unwrap().len(), 16);
    assert!(take("durationMs").is_u64());
    assert_eq!(
        result,
        json!({
            "pipeline": {"namespace": lab.namespace, "name": "orders"}, "task": "orders", "trigger": "Schedule",
            "attempt": 1, "status": "Succeeded", "text": "{\"open\": 3, \"note\": \"*now*\"}",
            "json": {"open": 3, "note": "*now*"},
        })
    );
}

/// Servers that answer 411 to a request without a length are many: IIS, and the front ends of Azure and Google.
#[tokio::test]
async fn a_post_without_a_body_tells_its_length() {
    let lab = Lab::new().await;
    let url = lab.chat.url("hook", "close");
    let task = json!({"name": "close", "http": {"url": url, "method": "POST"}, "notify": ["team"]});
    lab.apply("books", specs::one_task(specs::AT_ONCE, task)).await;
    assert_eq!(lab.chat.await_received("slack", "team", 1).await[0].text(), "✅ close (books): ok");
    let asked = &lab.chat.received("hook", "close").await[0];
    assert_eq!((asked.status, asked.header("content-length")), (200, Some("0")));
}

#[tokio::test]
async fn who_wants_failures_only_hears_of_failures_only() {
    let lab = Lab::new().await;
    lab.chat.answer("hook", "broken", json!({"status": 500, "body": "out of order", "count": -1})).await;
    let task = |name: &str, template: &str| {
        json!({
            "name": name, "http": {"url": lab.chat.url("hook", name)}, "notify": ["team"], "notifyOn": "Failure",
            "template": template,
        })
    };
    let spec = json!({
        "schedule": specs::AT_ONCE, "channels": [specs::slack()],
        "tasks": [task("healthy", "fine"), task("broken", "{{ task }} is {{ status }} after {{ attempt }}: {{ error }}")],
    });
    lab.apply("watch", spec).await;
    lab.chat.await_received("hook", "healthy", 1).await;
    let received = lab.chat.await_received("slack", "team", 1).await;
    assert!(received[0].text().starts_with("broken is Failed after 1: "), "{}", received[0].text());
    assert!(received[0].text().contains("500"), "{}", received[0].text());
    eventually("the queue is empty", async || match lab.aws.messages(&lab.names("watch").tasks).await {
        0 => Ok(()),
        left => Err(format!("{left} messages")),
    })
    .await;
    assert_eq!(lab.chat.received("slack", "team").await.len(), 1);
}
