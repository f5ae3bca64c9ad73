//! `task-pipelines try`: a pipeline's tasks on a laptop, with neither AWS nor a cluster.

use std::process::Command;

use serde_json::{Value, json};

use crate::harness::{Lab, Printed, specs};

/// Runs the command with no cluster, no AWS and no environment.
fn try_out(arguments: &[&str]) -> Printed {
    let mut command = Command::new(env!("CARGO_BIN_EXE_task-pipelines"));
    Printed::by(command.arg("try").args(arguments).env_clear().env("KUBECONFIG", "/nowhere"))
}

fn pipeline(name: &str, spec: &Value) -> Value {
    json!({
        "apiVersion": "taskpipelines.dev/v1alpha1", "kind": "ScheduledTaskPipeline", "metadata": {"name": name},
        "spec": spec,
    })
}

fn secret(data: &Value) -> Value {
    json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "chat"}, "stringData": data})
}

#[tokio::test]
async fn an_example_is_tried_without_a_secret_and_nothing_is_posted() {
    let tried = try_out(&["-f", concat!(env!("CARGO_MANIFEST_DIR"), "/examples/hello.yaml")]);
    assert_eq!((tried.status, &*tried.stderr), (0, ""), "{tried:#?}");
    let (headline, rest) = tried.stdout.split_once('\n').unwrap();
    assert!(headline.starts_with("hello/standup: succeeded in "), "{tried:#?}");
    assert_eq!(rest, "  team (Slack) would show:\n    Stand-up in five minutes\n\n");
}

#[tokio::test]
async fn each_channel_is_shown_and_posted_to_when_that_is_asked_for() {
    let lab = Lab::without_operator().await;
    lab.chat.answer("hook", "api", json!({"status": 503, "body": "closed", "count": -1})).await;
    lab.chat.answer("hook", "good", json!({"status": 200, "body": "fine \u{1b}[31m", "count": -1})).await;
    lab.chat.answer("teams", "office", json!({"status": 404, "body": "gone"})).await;
    let channels = json!([specs::slack(), specs::discord(), specs::telegram(), specs::teams()]);
    let authorization = json!({"name": "Authorization", "secretKeyRef": {"name": "chat", "key": "token"}});
    let spec = json!({
        "schedule": specs::YEARLY, "channels": channels,
        "functions": [{"name": "f", "runtime": "python3.13", "handler": "index.handler", "code": {"inline": "pass"}}],
        "runner": {"environment": {"TELEGRAM_API_URL": lab.chat.telegram("phone")}},
        "tasks": [
            {"name": "broken", "http": {"url": lab.chat.url("hook", "api"), "headers": [authorization]},
             "notify": ["team", "ops", "phone", "office"]},
            {"name": "good", "http": {"url": lab.chat.url("hook", "good")}, "notify": ["team"], "notifyOn": "Failure"},
            {"name": "f", "function": "f"},
        ],
    });
    let file_of = |name: &str, secrets: Value| lab.file(name, &[secret(&secrets), pipeline("site", &spec)]);

    let little = file_of("little", json!({"token": "Bearer canary-token"}));
    let tried = try_out(&["-f", little.to_str().unwrap()]);
    assert_eq!((tried.status, &*tried.stderr), (1, ""), "{tried:#?}");
    for words in [
        "site/f: not tried, as functions run only on AWS",
        "site/broken: failed after ",
        ": HTTP 503 Service Unavailable, expected 2xx: closed\n",
        "  team (Slack) would show:\n    ❌ *broken* (site) failed\n    HTTP 503",
        "  ops (Discord) would show:\n    ❌ broken (site) failed: HTTP 503",
        "  phone (Telegram) would show:\n    ❌ broken (site) failed: HTTP 503",
        "  office (Teams) would show:\n    ❌ broken (site) failed\n    HTTP 503",
        "kubectl --namespace default describe stp site",
        "site/good: succeeded in ",
        "  result:\n    fine \\u{1b}[31m\n",
        "  No channel is notified: `notifyOn` leaves such results out.",
    ] {
        assert!(tried.stdout.contains(words), "no {words:?} in {}", tried.stdout);
    }
    assert!(!tried.stdout.contains("canary"), "{tried:#?}");
    let asked = lab.chat.await_received("hook", "api", 1).await;
    assert_eq!(asked[0].header("authorization"), Some("Bearer canary-token"));
    assert!(lab.chat.received("slack", "team").await.is_empty());

    let all = json!({
        "token": "Bearer canary-token", "slack": lab.chat.url("slack", "team"), "discord": lab.chat.url("discord", "ops"),
        "telegram": crate::harness::BOT_TOKEN, "teams": lab.chat.url("teams", "office"),
    });
    let tried = try_out(&["-f", file_of("all", all).to_str().unwrap(), "--task", "broken", "--post"]);
    assert_eq!(tried.status, 1, "{tried:#?}");
    for words in
        ["team (Slack) shows:", "phone (Telegram) shows:", "office (Teams) did not take:  (HTTP 404 Not Found: gone)"]
    {
        assert!(tried.stdout.contains(words), "no {words:?} in {}", tried.stdout);
    }
    assert!(!tried.stdout.contains("good") && !tried.stdout.contains("canary"), "{tried:#?}");
    for (service, place) in [("slack", "team"), ("discord", "ops"), ("telegram", "phone")] {
        assert_eq!(lab.chat.received(service, place).await.len(), 1, "{service}");
    }
}

#[tokio::test]
async fn what_cannot_be_tried_is_said_with_its_place() {
    let lab = Lab::without_operator().await;
    let good = specs::message(specs::YEARLY);
    let odd =
        specs::one_task(specs::YEARLY, json!({"name": "a", "message": {}, "template": "{{ a", "notify": ["team"]}));
    let path = lab.file("odd", &[pipeline("good", &good), pipeline("odd", &odd)]);
    let path = path.to_str().unwrap();
    for (arguments, words) in [
        (&["-f", path][..], &[":2: spec.tasks[a].template: the template cannot be rendered: syntax error"][..]),
        (
            &["-f", path, "--task", "hello", "--post"],
            &[
                ":1: spec.channels[team].slack.webhookUrl.secretKeyRef: no Secret `chat` with the key `slack` is among \
                 the files",
                "get secret chat -o yaml",
            ],
        ),
        (&["-f", path, "--task", "none"], &["--task none: no pipeline of the files has a task of that name"]),
        (&["-f", "/nowhere.yaml"], &["cannot read /nowhere.yaml"]),
    ] {
        let tried = try_out(arguments);
        assert_eq!(tried.status, 2, "{tried:#?}");
        for words in words {
            assert!(tried.stderr.contains(words), "no {words:?} in {tried:#?}");
        }
    }
}
