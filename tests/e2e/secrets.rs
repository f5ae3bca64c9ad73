//! Secrets: waited for, followed, and never shown.

use api::RunResult;
use aws_sdk_ssm::types::{ParameterTier, ParameterType};
use serde_json::{Value, json};

use crate::harness::{BOT_TOKEN, Lab, Settings, condition, eventually, specs};

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
async fn a_secret_is_followed_in_a_parameter_that_somebody_made_advanced() {
    let lab = Lab::with(impatient()).await;
    lab.apply("advanced", specs::message(specs::YEARLY)).await;
    lab.ready("advanced").await;
    let name = lab.names("advanced").parameter;
    let value = lab.aws.parameter(&name).await;
    let request = lab.aws.ssm.put_parameter().name(&name).value(value).overwrite(true);
    let request = request.r#type(ParameterType::SecureString).tier(ParameterTier::Advanced);
    request.send().await.unwrap();

    let moved = lab.chat.url("slack", "moved");
    lab.secret("chat", json!({"slack": moved})).await;
    eventually("the parameter follows the Secret", async || {
        let url = channel_url(&lab, "advanced").await;
        if url == moved { Ok(()) } else { Err(url.to_string()) }
    })
    .await;
    lab.ready("advanced").await;
    assert!(!lab.log().contains("needs attention"), "{}", lab.log());
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

/// A function that reads its secret, and fails in its own words.
const FAILING: &str = "
import boto3, os

def handler(event, context):
    value = boto3.client('ssm').get_parameter(Name=os.environ['KEY_PARAMETER'], WithDecryption=True)
    raise ValueError(f\"the key has {len(value['Parameter']['Value'])} characters\")
";

#[tokio::test]
async fn no_secret_of_any_kind_shows_where_people_and_programs_look() {
    let metrics = format!("127.0.0.1:{}", free_port());
    let variables = vec![("TASK_PIPELINES_METRICS_ADDRESS", metrics.clone())];
    let lab = Lab::with(Settings { variables, ..Settings::default() }).await;
    let url = |service: &str| lab.chat.url(service, &format!("canary-{service}"));
    let keys = json!({
        "slack": url("slack"), "discord": url("discord"), "teams": url("teams"), "hook": url("hook"),
        "header": "canary-header", "token": "Bearer canary-token", "key": "canary-key", "telegram": BOT_TOKEN,
    });
    lab.secret("all", keys).await;
    let secret = |key: &str| json!({"secretKeyRef": {"name": "all", "key": key}});
    // Each answers with all that it was given, as an echo would.
    let told =
        format!("{} {} {} {} canary-header {BOT_TOKEN}", url("slack"), url("discord"), url("teams"), url("hook"));
    for service in ["slack", "discord", "teams", "hook"] {
        let no = json!({"status": 404, "body": told, "count": -1});
        lab.chat.answer(service, &format!("canary-{service}"), no).await;
    }
    lab.chat.answer("telegram", "phone", json!({"status": 400, "body": told, "count": -1})).await;
    lab.chat.answer("hook", "api", json!({"status": 500, "body": "Bearer canary-token", "count": -1})).await;
    let names = ["slack", "discord", "teams", "phone", "hook"];
    let call = json!({
        "name": "call", "notify": names,
        "http": {"url": lab.chat.url("hook", "api"), "headers": [{"name": "Authorization", "secretKeyRef": secret("token")["secretKeyRef"]}]},
    });
    let spec = json!({
        "schedule": specs::AT_ONCE,
        "tasks": [call, {"name": "compute", "function": "compute", "notify": names}],
        "functions": [{
            "name": "compute", "runtime": "python3.13", "handler": "index.handler", "code": {"inline": FAILING},
            "secrets": [{"name": "key", "secretKeyRef": secret("key")["secretKeyRef"]}],
        }],
        "channels": [
            {"name": "slack", "slack": {"webhookUrl": secret("slack")}},
            {"name": "discord", "discord": {"webhookUrl": secret("discord")}},
            {"name": "teams", "teams": {"webhookUrl": secret("teams")}},
            {"name": "phone", "telegram": {"botToken": secret("telegram"), "chatId": "@alerts"}},
            {"name": "hook", "webhook": {
                "urlFrom": secret("hook"), "headers": [{"name": "X-Key", "secretKeyRef": secret("header")["secretKeyRef"]}],
            }},
        ],
        "queue": {"maxReceiveCount": 1},
        "runner": {"environment": {"TELEGRAM_API_URL": lab.chat.telegram("phone")}},
    });
    lab.apply("discreet", spec).await;
    lab.ready("discreet").await;
    let aws = lab.names("discreet");
    eventually("all ten deliveries are given up", async || match lab.aws.messages(&aws.tasks_dlq).await {
        10 => Ok(()),
        other => Err(format!("{other} messages")),
    })
    .await;
    lab.until("discreet", "tells of what failed", |pipeline| {
        condition(pipeline, "Delivering").is_some_and(|condition| condition.status == "False")
            && pipeline.status.as_ref().is_some_and(|status| status.runs[0].result == RunResult::Failed)
    })
    .await;

    let mut places = vec![
        ("the pipeline", serde_json::to_string(&lab.get("discreet").await).unwrap()),
        ("its events", lab.events("discreet").await.concat()),
        ("the operator's log", lab.log()),
        ("the schedule's Input", lab.aws.schedule(&aws.schedule).await.target.unwrap().input.unwrap()),
        ("the metrics", reqwest::get(format!("http://{metrics}/metrics")).await.unwrap().text().await.unwrap()),
    ];
    let compute = aws.function("compute");
    for function in [&aws.sender, &aws.runner, &compute] {
        places.push(("a function", format!("{:?}", lab.aws.function(function).await)));
        places.push(("a role", format!("{:?}", lab.aws.role(function).await)));
        let group = format!("/aws/lambda/{function}");
        let events = lab.aws.logs.filter_log_events().log_group_name(group).send().await.unwrap();
        places.push(("a log", events.events().iter().filter_map(|event| event.message()).collect()));
    }
    let letters: Vec<String> =
        lab.aws.receive(&aws.tasks_dlq).await.iter().filter_map(|message| message.body.clone()).collect();
    places.push(("the dead letters", letters.concat()));
    let commands: [&[&str]; 7] = [
        &["status", "discreet"],
        &["status", "discreet", "-o", "json"],
        &["tree", "discreet", "-o", "yaml"],
        &["runs", "discreet", "-o", "json"],
        &["logs", "discreet"],
        &["list"],
        &["plan", "discreet"],
    ];
    for command in commands {
        let printed = lab.plugin(command);
        places.push(("the plugin", format!("{command:?} {} {}", printed.stdout, printed.stderr)));
    }
    let of = |place: &str| {
        places.iter().filter(|(name, _)| *name == place).map(|(_, text)| text.as_str()).collect::<String>()
    };
    assert!(
        of("a log").contains("the key has 10 characters") && of("a log").contains("delivery given up"),
        "{places:#?}"
    );
    assert!(of("the metrics").contains("task_pipelines_runs_total{"), "{}", of("the metrics"));
    for (place, text) in &places {
        assert!(!text.is_empty() && !text.contains("canary"), "a secret shows in {place}: {text}");
    }
}

/// A port that nobody listens on.
fn free_port() -> u16 {
    std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}
