//! Secrets: waited for, followed, and never shown.

use serde_json::{Value, json};

use crate::harness::{BOT_TOKEN, Lab, Settings, eventually, specs};

fn impatient() -> Settings {
    Settings { resync_seconds: 2, secret_retry_seconds: 1, ..Settings::default() }
}

async fn channel_url(lab: &Lab, pipeline: &str) -> Value {
    let text = lab.aws.parameter(&lab.names(pipeline).parameter).await;
    serde_json::from_str::<Value>(&text).unwrap()["channels/team/url"].take()
}

#[tokio::test]
async fn a_secret_that_appears_later_heals_the_pipeline_without_a_nudge() {
    let lab = Lab::with(impatient()).await;
    lab.delete_secret("chat").await;
    lab.apply("waiting", specs::message(specs::YEARLY)).await;
    let message = lab.not_ready("waiting", "SecretMissing").await;
    let create = format!("kubectl --namespace {} create secret generic chat --from-literal=slack=…", lab.namespace);
    for words in ["spec.channels[team].slack.webhookUrl.secretKeyRef", "there is no Secret `chat`", &*create] {
        assert!(message.contains(words), "no `{words}` in: {message}");
    }
    assert_eq!(lab.strict.writes().await, Vec::<String>::new());

    lab.secret("chat", json!({"another": "key"})).await;
    lab.until("waiting", "names the key", |pipeline| {
        serde_json::to_string(&pipeline.status).unwrap().contains("has no key `slack`")
    })
    .await;
    lab.secret("chat", json!({"slack": lab.chat.url("slack", "team")})).await;
    lab.ready("waiting").await;
}

#[tokio::test]
async fn a_secret_that_changes_is_followed() {
    let lab = Lab::with(impatient()).await;
    lab.apply("following", specs::message(specs::YEARLY)).await;
    lab.ready("following").await;
    assert_eq!(channel_url(&lab, "following").await, lab.chat.url("slack", "team"));

    let moved = lab.chat.url("slack", "moved");
    lab.secret("chat", json!({"slack": moved})).await;
    eventually("the parameter follows the Secret", async || {
        let url = channel_url(&lab, "following").await;
        if url == moved { Ok(()) } else { Err(url.to_string()) }
    })
    .await;

    lab.delete_secret("chat").await;
    lab.not_ready("following", "SecretMissing").await;
    assert_eq!(channel_url(&lab, "following").await, moved, "what runs goes on");
}

#[tokio::test]
async fn a_secret_that_cannot_be_a_url_is_refused_without_being_shown() {
    let lab = Lab::with(impatient()).await;
    lab.secret("chat", json!({"slack": "hunter2"})).await;
    lab.apply("careless", specs::message(specs::YEARLY)).await;
    let message = lab.not_ready("careless", "InvalidSpec").await;
    assert!(message.contains("the key `slack` of Secret `chat` cannot be used"), "{message}");
    assert!(message.contains("correct the Secret") && !message.contains("hunter2"), "{message}");
}

#[tokio::test]
async fn secrets_show_up_nowhere_but_in_the_parameter_and_where_they_are_sent() {
    let lab = Lab::with(impatient()).await;
    let (old, new) = ("canary-1-jx2v", "canary-2-q8wz");
    let secrets = |marker: &str| json!({"slack": lab.chat.url("slack", marker), "token": format!("Bearer {marker}")});
    lab.secret("canary", secrets(old)).await;
    lab.chat.answer("hook", "api", json!({"status": 500, "count": -1})).await;
    let spec = json!({
        "schedule": specs::AT_ONCE,
        "tasks": [{"name": "call", "notify": ["team", "phone"], "http": {
            "url": lab.chat.url("hook", "api"),
            "headers": [{"name": "Authorization", "secretKeyRef": {"name": "canary", "key": "token"}}],
        }}],
        "channels": [
            {"name": "team", "slack": {"webhookUrl": {"secretKeyRef": {"name": "canary", "key": "slack"}}}},
            specs::telegram(),
        ],
        "runner": {"environment": {"TELEGRAM_API_URL": lab.chat.telegram("phone")}},
    });
    // An answer that tells the token in its words, and another that would take it elsewhere.
    let echo = json!({"status": 302, "headers": {"Location": "/hook/elsewhere"}, "body": format!("bot {BOT_TOKEN}")});
    lab.chat.answer("telegram", "phone", echo).await;
    lab.apply("discreet", spec).await;
    lab.ready("discreet").await;
    lab.chat.await_received("slack", old, 1).await;
    lab.chat.await_received("telegram", "phone", 1).await;
    lab.secret("canary", secrets(new)).await;
    eventually("the change is reported", async || {
        let events = lab.events("discreet").await;
        if events.iter().any(|event| event.starts_with("Updated: Parameter")) {
            Ok(())
        } else {
            Err(format!("{events:?}"))
        }
    })
    .await;

    let names = lab.names("discreet");
    let mut logged = String::new();
    for group in [&names.sender_logs, &names.runner_logs] {
        let events = lab.aws.logs.filter_log_events().log_group_name(group).send().await.unwrap();
        logged.extend(events.events().iter().filter_map(|event| event.message()));
    }
    assert!(logged.contains("task failed"), "the functions' logs are there: {logged}");
    assert!(logged.contains("HTTP 302 Found: bot [redacted]"), "so is what Telegram answered: {logged}");
    for (place, text) in [
        ("the pipeline", serde_json::to_string(&lab.get("discreet").await).unwrap()),
        ("its events", lab.events("discreet").await.concat()),
        ("the operator's log", lab.log()),
        ("the functions' logs", logged),
        ("the sender", format!("{:?}", lab.aws.function(&names.sender).await)),
        ("the runner", format!("{:?}", lab.aws.function(&names.runner).await)),
        ("the schedule's Input", lab.aws.schedule(&names.schedule).await.target.unwrap().input.unwrap()),
    ] {
        assert!(!text.is_empty() && !text.contains("canary-"), "a secret shows in {place}: {text}");
    }
}
