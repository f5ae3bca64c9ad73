//! Chats and services that are busy, gone or broken; and tasks that run beside each other.

use api::RunResult;
use jiff::Timestamp;
use serde_json::{Value, json};

use crate::harness::{Lab, Settings, condition, eventually, specs};
use crate::reliability::trials::soak;

/// Waits until a queue holds so many messages.
async fn await_messages(lab: &Lab, queue: &str, count: u32) {
    eventually(&format!("{count} messages in {queue}"), async || match lab.aws.messages(queue).await {
        messages if messages == count => Ok(()),
        messages => Err(format!("{messages} messages")),
    })
    .await;
}

#[tokio::test]
async fn a_busy_chat_gets_the_message_once_and_no_sooner_than_it_asked() {
    let lab = Lab::new().await;
    lab.chat.answer("slack", "team", json!({"status": 429, "headers": {"Retry-After": "2"}})).await;
    lab.apply("patient", specs::message(specs::AT_ONCE)).await;
    let received = lab.chat.await_received("slack", "team", 2).await;
    await_messages(&lab, &lab.names("patient").tasks, 0).await;
    assert_eq!(lab.chat.received("slack", "team").await.len(), 2);
    assert_eq!(received.iter().map(|post| post.status).collect::<Vec<_>>(), [429, 200]);
    assert!(received[1].time - received[0].time >= 2.0, "{received:?}");
    assert_eq!(lab.aws.messages(&lab.names("patient").tasks_dlq).await, 0);
}

#[tokio::test]
async fn a_message_to_a_chat_that_is_gone_lies_in_the_dead_letter_queue_with_the_reason() {
    let lab = Lab::new().await;
    lab.chat.answer("slack", "team", json!({"status": 404, "body": "no_service", "count": -1})).await;
    let spec = specs::merged(specs::message(specs::AT_ONCE), json!({"queue": {"maxReceiveCount": 1}}));
    lab.apply("homeless", spec).await;
    lab.ready("homeless").await;
    let names = lab.names("homeless");
    await_messages(&lab, &names.tasks_dlq, 1).await;
    let messages = lab.aws.receive(&names.tasks_dlq).await;
    let body: Value = serde_json::from_str(messages[0].body().unwrap()).unwrap();
    let reason = body["gaveUp"].as_str().unwrap();
    assert!(reason.contains("404") && reason.contains("no_service"), "{reason}");
    assert_eq!(body["body"], json!({"text": "Hello"}));
    assert_eq!(lab.chat.received("slack", "team").await.len(), 1, "the chat is not asked again");
    lab.resync("homeless").await;
    lab.until("homeless", "counts the dead letter", |pipeline| {
        pipeline.status.as_ref().and_then(|status| status.queue).is_some_and(|queue| queue.dead_letters == 1)
    })
    .await;
}

#[tokio::test]
async fn a_task_that_fails_is_tried_again_and_its_last_failure_is_told() {
    let lab = Lab::new().await;
    lab.chat.answer("hook", "api", json!({"status": 503, "body": "closed <today>", "count": -1})).await;
    let task = json!({
        "name": "call", "http": {"url": lab.chat.url("hook", "api")}, "notify": ["team"],
        "retry": {"attempts": 2, "backoffSeconds": 1},
    });
    lab.apply("stubborn", specs::one_task(specs::AT_ONCE, task)).await;
    let received = lab.chat.await_received("slack", "team", 1).await;
    let text = received[0].text();
    assert!(text.starts_with("❌ call (stubborn) failed: "), "{text}");
    assert!(text.contains("503") && text.contains("closed &lt;today&gt;") && text.contains("Attempt 2"), "{text}");
    assert_eq!(lab.chat.received("hook", "api").await.len(), 2);
    await_messages(&lab, &lab.names("stubborn").tasks, 0).await;
    assert_eq!(lab.chat.received("slack", "team").await.len(), 1);
}

#[tokio::test]
async fn a_failure_in_a_batch_repeats_no_other_task() {
    let lab = Lab::new().await;
    lab.chat.answer("hook", "bad", json!({"status": 500})).await;
    let task = |name: &str| {
        json!({
            "name": name, "http": {"url": lab.chat.url("hook", name)}, "retry": {"attempts": 2, "backoffSeconds": 1},
        })
    };
    let spec = json!({
        "schedule": specs::AT_ONCE, "tasks": [task("good"), task("bad"), task("fine")], "runner": {"batchSize": 3},
    });
    lab.apply("batch", spec).await;
    lab.ready("batch").await;
    lab.chat.await_received("hook", "bad", 2).await;
    await_messages(&lab, &lab.names("batch").tasks, 0).await;
    for (name, count) in [("good", 1), ("bad", 2), ("fine", 1)] {
        assert_eq!(lab.chat.received("hook", name).await.len(), count, "{name}");
    }
}

/// An account with room for one invocation: the message that finds none is received again, when nothing has begun yet.
#[tokio::test]
async fn a_task_that_lambda_had_no_room_for_is_run_and_counts_as_one_attempt() {
    let lab = Lab::new().await;
    lab.strict.settings(json!({"maxInvocations": 1})).await;
    lab.chat.answer("hook", "slow", json!({"delaySeconds": 3, "count": -1})).await;
    let task = |name: &str| json!({"name": name, "http": {"url": lab.chat.url("hook", "slow")}, "timeoutSeconds": 5});
    let spec = json!({
        "schedule": specs::AT_ONCE, "tasks": [task("first"), task("second")],
        // The least that tells waiting from work: twice the runner's timeout of 20 s, and 10 s.
        "queue": {"visibilityTimeoutSeconds": 50},
    });
    lab.apply("crowded", spec).await;
    let run = &lab.ended("crowded", RunResult::Succeeded).await.runs[0];
    assert_eq!(run.tasks.iter().map(|task| task.attempts).collect::<Vec<_>>(), [1, 1]);
    assert_eq!(lab.chat.received("hook", "slow").await.len(), 2);
    let times: Vec<f64> = lab.chat.received("hook", "slow").await.iter().map(|request| request.time).collect();
    assert!(times[1] - times[0] > 20.0, "the second was received twice: {times:?}");
}

#[tokio::test]
async fn runs_of_one_task_never_overlap_when_they_queue() {
    let lab = Lab::new().await;
    lab.chat.answer("hook", "slow", json!({"delaySeconds": 3, "count": -1})).await;
    let task = json!({"name": "slow", "http": {"url": lab.chat.url("hook", "slow")}});
    let spec = json!({"schedule": specs::AT_ONCE, "tasks": [task], "concurrencyPolicy": "Queue"});
    lab.apply("queued", spec).await;
    lab.ready("queued").await;
    let tasks = lab.names("queued").fifo().tasks;
    eventually("the first run is under way", async || {
        let under_way = lab.aws.messages(&tasks).await > 0 || !lab.chat.received("hook", "slow").await.is_empty();
        if under_way { Ok(()) } else { Err("nothing was fired".to_owned()) }
    })
    .await;
    // Two firings of one second are the same run.
    let first = lab.aws.schedule(&lab.names("queued").schedule).await.creation_date.unwrap();
    eventually("a second has passed", async || {
        if Timestamp::now().as_second() > first.secs() { Ok(()) } else { Err(first.to_string()) }
    })
    .await;
    lab.fire("queued", "again").await;
    let received = lab.chat.await_received("hook", "slow", 2).await;
    assert!(received[1].time - received[0].time >= 3.0, "the second began after the first had ended: {received:?}");
    await_messages(&lab, &tasks, 0).await;
}

#[tokio::test]
async fn a_message_finds_the_chat_at_its_new_address() {
    let lab = Lab::with(Settings { resync_seconds: 2, ..Settings::default() }).await;
    lab.apply("moving", specs::message(specs::AT_ONCE)).await;
    lab.chat.await_received("slack", "team", 1).await;
    // The runner has the old address in memory by now.
    lab.chat.answer("slack", "team", json!({"status": 404, "body": "no_service", "count": -1})).await;
    let moved = lab.chat.url("slack", "moved");
    lab.secret("chat", json!({"slack": moved})).await;
    eventually("the parameter follows", async || {
        let parameter = lab.aws.parameter(&lab.names("moving").parameter).await;
        if parameter.contains(&moved) { Ok(()) } else { Err(parameter) }
    })
    .await;
    lab.fire("moving", "again").await;
    let received = lab.chat.await_received("slack", "moved", 1).await;
    assert_eq!(received[0].text(), "Hello");
}

#[tokio::test]
async fn an_answer_beyond_a_chats_limits_is_cut_not_refused() {
    let lab = Lab::new().await;
    lab.chat.answer("hook", "long", json!({"status": 200, "body": "é".repeat(45_000)})).await;
    let spec = json!({
        "schedule": specs::AT_ONCE, "channels": [specs::slack(), specs::discord(), specs::telegram(), specs::teams()],
        "tasks": [{
            "name": "long", "http": {"url": lab.chat.url("hook", "long")}, "notify": ["team", "ops", "phone", "office"],
        }],
        "runner": {"environment": {"TELEGRAM_API_URL": lab.chat.telegram("phone")}},
    });
    lab.apply("wordy", spec).await;
    for (service, place) in [("slack", "team"), ("discord", "ops"), ("telegram", "phone"), ("teams", "office")] {
        let post = &lab.chat.await_received(service, place, 1).await[0];
        assert!(post.status < 300, "{service} answered {}", post.status);
        assert!(post.readable.starts_with("✅ long (wordy): ééé") && post.readable.ends_with('…'), "{service}");
    }
}

#[tokio::test]
async fn one_template_reads_well_in_every_chat() {
    let lab = Lab::new().await;
    let notify = json!(["team", "ops", "phone", "office"]);
    let spec = json!({
        "schedule": specs::AT_ONCE, "channels": [specs::slack(), specs::discord(), specs::telegram(), specs::teams()],
        "tasks": [{
            "name": "report", "message": {}, "input": {"who": "<@U1> & **all**"}, "notify": notify,
            "template": "**Visits** of {{ input.who }}: see [the log](https://example.com/?a&b)",
        }],
        "runner": {"environment": {"TELEGRAM_API_URL": lab.chat.telegram("phone")}},
    });
    lab.apply("reader", spec).await;
    for (service, place, sent) in [
        ("slack", "team", "*Visits* of &lt;@U1&gt; &amp; **all**: see <https://example.com/?a&b|the log>"),
        ("discord", "ops", r"**Visits** of \<@U1> & \*\*all\*\*: see [the log](https://example.com/?a&b)"),
        (
            "telegram",
            "phone",
            "<b>Visits</b> of &lt;@U1&gt; &amp; **all**: see <a href=\"https://example.com/?a&amp;b\">the log</a>",
        ),
    ] {
        let post = &lab.chat.await_received(service, place, 1).await[0];
        assert_eq!((post.text(), post.status), (sent, 200), "{service}");
    }
    let post = &lab.chat.await_received("teams", "office", 1).await[0];
    assert_eq!((&*post.readable, post.status), ("Visits of <@U1> & **all**: see the log", 202));
}

#[tokio::test]
async fn a_failure_says_in_every_chat_what_failed_why_which_run_and_how_to_see_more() {
    let lab = Lab::new().await;
    lab.chat.answer("hook", "api", json!({"status": 503, "body": "closed <today>", "count": -1})).await;
    let spec = json!({
        "schedule": specs::AT_ONCE, "channels": [specs::slack(), specs::discord(), specs::telegram(), specs::teams()],
        "tasks": [{
            "name": "call", "http": {"url": lab.chat.url("hook", "api")}, "notify": ["team", "ops", "phone", "office"],
        }],
        "runner": {"environment": {"TELEGRAM_API_URL": lab.chat.telegram("phone")}},
    });
    lab.apply("broken", spec).await;
    let more = format!("kubectl --namespace {} describe stp broken", lab.namespace);
    for (service, place) in [("slack", "team"), ("discord", "ops"), ("telegram", "phone"), ("teams", "office")] {
        let post = &lab.chat.await_received(service, place, 1).await[0];
        assert!(post.status < 300, "{service}: {post:?}");
        for words in ["call", "(broken) failed", "503", "closed", "today", "Attempt", "Due", "Run", &*more] {
            assert!(post.readable.contains(words), "{service} does not show {words}: {}", post.readable);
        }
    }
}

#[tokio::test]
async fn an_address_of_the_functions_own_surroundings_is_refused() {
    let lab = Lab::new().await;
    let task = json!({"name": "spy", "http": {"url": "http://169.254.169.254/latest/meta-data/"}, "notify": ["team"]});
    lab.apply("nosy", specs::one_task(specs::AT_ONCE, task)).await;
    let post = &lab.chat.await_received("slack", "team", 1).await[0];
    assert!(post.text().contains("169.254.169.254 is not allowed"), "{}", post.text());
}

#[tokio::test]
async fn every_task_of_a_large_firing_runs_once() {
    let lab = Lab::new().await;
    let url = lab.chat.url("hook", "all");
    let tasks: Vec<Value> = (0..37)
        .map(|number| json!({"name": format!("t{number}"), "http": {"url": url, "method": "POST", "body": number.to_string()}}))
        .collect();
    lab.apply("large", json!({"schedule": specs::AT_ONCE, "tasks": tasks, "runner": {"batchSize": 10}})).await;
    lab.ready("large").await;
    let received = lab.chat.await_received("hook", "all", 37).await;
    await_messages(&lab, &lab.names("large").tasks, 0).await;
    let mut numbers: Vec<u64> = received.iter().filter_map(|request| request.body.as_u64()).collect();
    numbers.sort_unstable();
    assert_eq!(numbers, (0..37).collect::<Vec<_>>());
    assert_eq!(lab.chat.received("hook", "all").await.len(), 37);
}

#[tokio::test]
async fn chats_that_fail_or_say_nothing_get_the_message_when_they_are_back() {
    let lab = Lab::new().await;
    lab.chat.answer("slack", "team", json!({"status": 500, "count": 2})).await;
    // Longer than a delivery waits for an answer.
    lab.chat.answer("discord", "ops", json!({"status": 503, "delaySeconds": 15})).await;
    let task = json!({"name": "hello", "message": {}, "template": "Hello", "notify": ["team", "ops"]});
    let channels = json!([specs::slack(), specs::discord()]);
    lab.apply("patient", json!({"schedule": specs::AT_ONCE, "tasks": [task], "channels": channels})).await;
    let slack = lab.chat.await_received("slack", "team", 3).await;
    assert_eq!(slack.iter().map(|post| post.status).collect::<Vec<_>>(), [500, 500, 200]);
    let discord = lab.chat.await_received("discord", "ops", 2).await;
    assert!(discord.iter().any(|post| post.status == 200), "{discord:?}");
    await_messages(&lab, &lab.names("patient").tasks, 0).await;
    assert_eq!(lab.chat.received("slack", "team").await.len(), 3, "the good channel's trouble repeats nothing");
    assert_eq!(lab.aws.messages(&lab.names("patient").tasks_dlq).await, 0);
    lab.until("patient", "says that all was delivered", |pipeline| {
        condition(pipeline, "Delivering").is_some_and(|condition| condition.status == "True")
    })
    .await;
}

/// Bytes of an answer that no one asked for.
const HUGE: usize = 10_000_000;

#[tokio::test]
async fn an_answer_of_any_size_and_content_harms_nothing() {
    let lab = Lab::new().await;
    let hostile = "<!channel> @everyone <script> *b* [x](http://evil) {{ 'calcu' ~ 'lated' }} \u{1b}[2J \u{202e} ";
    let huge = hostile.repeat(HUGE / hostile.len());
    lab.chat.answer("hook", "good", json!({"status": 200, "body": huge, "count": -1})).await;
    lab.chat.answer("hook", "bad", json!({"status": 500, "body": huge, "count": -1})).await;
    let nested = "[".repeat(1_000_000);
    let headers = json!({"Content-Type": "application/json"});
    lab.chat.answer("hook", "nested", json!({"status": 200, "body": nested, "headers": headers, "count": -1})).await;
    let task =
        |name: &str| json!({"name": name, "http": {"url": lab.chat.url("hook", name)}, "notify": ["team", "ops"]});
    let spec = json!({
        "schedule": specs::AT_ONCE, "tasks": [task("good"), task("bad"), task("nested")],
        "channels": [specs::slack(), specs::discord()],
    });
    lab.apply("untouched", spec).await;
    let slack = lab.chat.await_received("slack", "team", 3).await;
    let discord = lab.chat.await_received("discord", "ops", 3).await;
    await_messages(&lab, &lab.names("untouched").tasks, 0).await;
    for post in slack.iter().chain(&discord) {
        assert_eq!(post.status, 200, "the receiver checks each service's limits: {post:?}");
        assert!(!post.readable.contains("calculated"), "no answer is a template: {post:?}");
    }
    assert!(slack.iter().all(|post| !post.body.to_string().contains("<!channel>")), "{slack:?}");
    assert!(discord.iter().all(|post| post.body["allowed_mentions"] == json!({"parse": []})), "{discord:?}");
    let status = lab.ended("untouched", RunResult::Partial).await;
    let run = &status.runs[0];
    assert_eq!((run.counts.succeeded, run.counts.failed), (2, 1), "{run:?}");
    let error = run.tasks.iter().find_map(|task| task.error.as_ref()).unwrap();
    assert!(error.contains("500") && error.chars().count() <= 256, "{error}");
    assert!(!error.contains(char::is_control), "{error:?}");
    assert!(serde_json::to_string(&status).unwrap().len() < 64_000);
    assert!(lab.accidents().is_empty(), "{:?}", lab.accidents());
}

#[tokio::test]
async fn the_smallest_example_reads_in_the_chat_exactly_as_it_is_written() {
    let lab = Lab::new().await;
    let text = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/examples/hello.yaml")).unwrap();
    let example: Value = serde_saphyr::from_str(&text).unwrap();
    lab.apply("hello", specs::merged(example["spec"].clone(), json!({"schedule": specs::AT_ONCE}))).await;
    let received = lab.chat.await_received("slack", "team", 1).await;
    assert_eq!(received[0].body, json!({"text": "Stand-up in five minutes"}));
    lab.ended("hello", RunResult::Succeeded).await;
}

/// Fires all tasks of many pipelines at once; each result has to reach its chat, once.
async fn each_reaches_its_chat_once(pipelines: usize, tasks: usize, per_second: Option<u32>) {
    let lab = Lab::new().await;
    let names: Vec<String> = (0..pipelines).map(|number| format!("p{number}")).collect();
    let urls = names.iter().map(|name| (name.clone(), json!(lab.chat.url("slack", name))));
    lab.secret("many", Value::Object(urls.collect())).await;
    for name in &names {
        if let Some(per_second) = per_second {
            lab.chat.answer("slack", name, json!({"perSecond": per_second, "count": -1})).await;
        }
        let task = |number: usize| json!({"name": format!("t{number}"), "message": {}, "template": format!("{name} {number}"), "notify": ["team"]});
        let channel = json!({"webhookUrl": {"secretKeyRef": {"name": "many", "key": name}}});
        let spec = json!({
            "schedule": specs::AT_ONCE, "tasks": (0..tasks).map(task).collect::<Vec<_>>(),
            "channels": [{"name": "team", "slack": channel}], "runner": {"batchSize": 10},
        });
        lab.apply(name, spec).await;
    }
    let taken = async |name: &str| -> Vec<String> {
        let posts = lab.chat.received("slack", name).await;
        posts.iter().filter(|post| post.status == 200).map(|post| post.text().to_owned()).collect()
    };
    for name in &names {
        eventually(&format!("{tasks} messages in {name}"), async || match taken(name).await.len() {
            count if count >= tasks => Ok(()),
            count => Err(format!("{count}")),
        })
        .await;
        await_messages(&lab, &lab.names(name).tasks, 0).await;
        let mut texts = taken(name).await;
        texts.sort_unstable();
        let mut expected: Vec<String> = (0..tasks).map(|number| format!("{name} {number}")).collect();
        expected.sort_unstable();
        assert_eq!(texts, expected);
        assert_eq!(lab.aws.messages(&lab.names(name).tasks_dlq).await, 0);
        lab.until(name, "accounts for all of it", |pipeline| {
            let run = pipeline.status.as_ref().and_then(|status| status.runs.first());
            run.is_some_and(|run| usize::try_from(run.counts.succeeded) == Ok(tasks))
        })
        .await;
    }
}

#[tokio::test]
async fn a_thousand_tasks_of_ten_pipelines_reach_their_chats_once_each() {
    each_reaches_its_chat_once(10, 100, None).await;
}

#[tokio::test]
async fn chats_that_take_one_message_a_second_get_all_of_them_once() {
    let (pipelines, tasks) = if soak() { (10, 100) } else { (3, 12) };
    each_reaches_its_chat_once(pipelines, tasks, Some(1)).await;
}
