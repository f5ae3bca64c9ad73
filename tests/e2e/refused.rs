//! Specs that cannot work: who says so, and how.

use serde_json::{Value, json};

use crate::harness::{Lab, condition, specs};

/// Who refuses a spec.
enum By {
    /// The API server, with these words.
    ApiServer(&'static [&'static str]),
    /// The operator, with this reason and these words.
    Operator(&'static str, &'static [&'static str]),
}

/// A message to Slack, changed.
fn with(change: Value) -> Value {
    specs::merged(specs::message(specs::YEARLY), change)
}

/// The same with one other task.
fn with_task(task: Value) -> Value {
    specs::one_task(specs::YEARLY, task)
}

fn bad_schedules() -> Vec<(&'static str, Value, By)> {
    use By::{ApiServer, Operator};
    vec![
        (
            "cron",
            with(json!({"schedule": "61 9 * * *"})),
            Operator("InvalidSpec", &["spec.schedule", "`61`", "minute", "0"]),
        ),
        (
            "words",
            with(json!({"schedule": "tomorrow"})),
            Operator("InvalidSpec", &["spec.schedule", "`tomorrow`", "Unix cron has 5 fields"]),
        ),
        (
            "either-day",
            with(json!({"schedule": "0 9 1 * 1"})),
            Operator("InvalidSpec", &["spec.schedule", "`0 9 1 * 1`", "two pipelines"]),
        ),
        (
            "zone",
            with(json!({"timeZone": "Europe/Berln"})),
            Operator("InvalidSpec", &["spec.timeZone", "`Europe/Berln`", "`Europe/Berlin`"]),
        ),
        (
            "past",
            with(json!({"schedule": "at(2020-01-01T00:00:00)"})),
            Operator("InvalidSpec", &["spec.schedule", "at(2020-01-01T00:00:00)", "set a later time"]),
        ),
        (
            "ended",
            with(json!({"endTime": "2020-01-01T00:00:00Z"})),
            Operator("InvalidSpec", &["spec.endTime", "has passed", "set a later time"]),
        ),
        (
            "backwards",
            with(json!({"startTime": "2099-01-01T00:00:00Z", "endTime": "2098-01-01T00:00:00Z"})),
            ApiServer(&["endTime must be after startTime"]),
        ),
    ]
}

fn bad_tasks() -> Vec<(&'static str, Value, By)> {
    use By::{ApiServer, Operator};
    let task = |name: &str| json!({"name": name, "message": {}});
    let many: Vec<Value> = (0..101).map(|number| task(&format!("t{number}"))).collect();
    let large: Vec<Value> = (0..40)
        .map(|number| json!({"name": format!("t{number}"), "message": {}, "template": "x".repeat(8000)}))
        .collect();
    vec![
        (
            "template",
            with_task(json!({"name": "hello", "message": {}, "template": "{% if %}"})),
            Operator("InvalidSpec", &["spec.tasks[hello].template", "line 1"]),
        ),
        (
            "filter",
            with_task(json!({"name": "hello", "message": {}, "template": "{{ task | shout }}"})),
            Operator("InvalidSpec", &["spec.tasks[hello].template", "shout"]),
        ),
        (
            "placeholder",
            with_task(json!({"name": "hello", "message": {}, "template": "<aws.scheduler.execution-id>"})),
            Operator("InvalidSpec", &["spec.tasks[hello].template", "`<aws.scheduler.`"]),
        ),
        (
            "unknown-channel",
            with_task(json!({"name": "hello", "message": {}, "notify": ["nobody"]})),
            ApiServer(&["notify must be the name of one of channels"]),
        ),
        ("duplicate", with(json!({"tasks": [task("twin"), task("twin")]})), ApiServer(&["spec.tasks", "twin"])),
        ("no-tasks", with(json!({"tasks": []})), ApiServer(&["at least one task"])),
        ("many-tasks", with(json!({"tasks": many})), ApiServer(&["spec.tasks", "100"])),
        (
            "two-kinds",
            with_task(json!({"name": "both", "message": {}, "http": {"url": "https://example.com"}})),
            ApiServer(&["exactly one of message, http"]),
        ),
        ("no-kind", with_task(json!({"name": "neither"})), ApiServer(&["exactly one of message, http"])),
        ("name", with_task(task("Not_A_Name")), ApiServer(&["spec.tasks[0].name", "Not_A_Name"])),
        ("misspelt", with(json!({"shedule": "@daily"})), ApiServer(&["shedule"])),
        (
            "large",
            with(json!({"tasks": large})),
            Operator("InvalidSpec", &["spec.tasks", "262144", "split the pipeline"]),
        ),
    ]
}

fn bad_addresses_and_settings() -> Vec<(&'static str, Value, By)> {
    use By::{ApiServer, Operator};
    let url = |url: &str| with_task(json!({"name": "get", "http": {"url": url}}));
    vec![
        ("no-url", url("example.com/health"), ApiServer(&["spec.tasks[0].http.url", "http"])),
        ("ftp", url("ftp://example.com"), ApiServer(&["spec.tasks[0].http.url", "http"])),
        (
            "password",
            url("https://user:hunter2@example.com"),
            Operator("InvalidSpec", &["spec.tasks[get].http.url", "`example.com`", "secretKeyRef"]),
        ),
        (
            "port",
            url("https://example.com:99999"),
            Operator("InvalidSpec", &["spec.tasks[get].http.url", "write an absolute URL"]),
        ),
        (
            "runner-timeout",
            with(json!({"runner": {"timeoutSeconds": 3}})),
            Operator("InvalidSpec", &["spec.runner.timeoutSeconds", "25 s"]),
        ),
        (
            "visibility",
            with(json!({"queue": {"visibilityTimeoutSeconds": 5}})),
            Operator("InvalidSpec", &["spec.queue.visibilityTimeoutSeconds", "25"]),
        ),
        (
            "fifo-batch",
            with(json!({"concurrencyPolicy": "Queue", "runner": {"batchSize": 2}})),
            ApiServer(&["batchSize"]),
        ),
        ("tag", with(json!({"tags": {"aws:mine": "x"}})), ApiServer(&["aws:"])),
        (
            "reserved",
            with(json!({"runner": {"environment": {"AWS_REGION": "moon"}}})),
            Operator("InvalidSpec", &["spec.runner.environment.AWS_REGION", "remove it"]),
        ),
        (
            "no-secret",
            with(
                json!({"channels": [{"name": "team", "slack": {"webhookUrl": {"secretKeyRef": {"name": "none", "key": "k"}}}}]}),
            ),
            Operator("SecretMissing", &["spec.channels[team].slack.webhookUrl", "`none`", "kubectl"]),
        ),
        (
            "no-key",
            with(
                json!({"channels": [{"name": "team", "slack": {"webhookUrl": {"secretKeyRef": {"name": "chat", "key": "k"}}}}]}),
            ),
            Operator("SecretMissing", &["spec.channels[team].slack.webhookUrl", "`chat`", "`k`"]),
        ),
        (
            "region",
            with(json!({"aws": {"region": "eu-west-1"}})),
            Operator("NotAllowed", &["spec.aws.region", "`eu-west-1`", "configuration"]),
        ),
        (
            "telegram",
            with(json!({"channels": [{"name": "team", "telegram": {
                "botToken": {"secretKeyRef": {"name": "chat", "key": "slack"}}, "chatId": "ops",
            }}]})),
            Operator(
                "InvalidSpec",
                &["spec.channels[team].telegram.chatId: `ops`", "@alerts", "not a valid bot token"],
            ),
        ),
    ]
}

/// Applies each, checks who refuses it and with which words, and that AWS stays untouched.
async fn check(cases: Vec<(&'static str, Value, By)>) {
    let lab = Lab::new().await;
    let mut by_operator = Vec::new();
    for (name, spec, by) in cases {
        match by {
            By::ApiServer(words) => {
                let answer = lab.try_apply(name, spec).await.expect_err(name);
                says(name, &answer, words);
            }
            By::Operator(reason, words) => {
                lab.apply(name, spec).await;
                by_operator.push((name, reason, words));
            }
        }
    }
    for (name, reason, words) in by_operator {
        says(name, &lab.not_ready(name, reason).await, words);
        let pipeline = lab.get(name).await;
        assert_eq!(condition(&pipeline, "Stalled").map(|stalled| stalled.reason.as_str()), Some(reason), "{name}");
        assert_eq!(condition(&pipeline, "Reconciling"), None, "{name}");
    }
    assert_eq!(lab.strict.writes().await, Vec::<String>::new());
}

fn says(name: &str, text: &str, words: &[&str]) {
    for word in words {
        assert!(text.contains(word), "{name}: no `{word}` in: {text}");
    }
}

#[tokio::test]
async fn a_schedule_that_cannot_work_is_refused_with_what_to_write() {
    check(bad_schedules()).await;
}

#[tokio::test]
async fn a_task_that_cannot_work_is_refused_with_its_name() {
    check(bad_tasks()).await;
}

#[tokio::test]
async fn an_address_or_setting_that_cannot_work_is_refused_with_its_field() {
    check(bad_addresses_and_settings()).await;
}

#[tokio::test]
async fn a_running_pipeline_goes_on_as_it_was_when_an_edit_is_refused() {
    let lab = Lab::new().await;
    let good = specs::message(specs::YEARLY);
    lab.apply("steady", good.clone()).await;
    lab.ready("steady").await;
    let before = lab.aws.schedule(&lab.names("steady").schedule).await;
    lab.strict.forget_calls().await;

    for bad in [json!({"schedule": "61 * * * *"}), json!({"timeZone": "Moon/Base"})] {
        lab.apply("steady", specs::merged(good.clone(), bad)).await;
        lab.not_ready("steady", "InvalidSpec").await;
        let status = lab.get("steady").await.status.unwrap();
        assert_eq!(status.resources.len(), 14, "what there is, is still listed");
    }
    let refusal = lab.try_apply("steady", specs::merged(good.clone(), json!({"concurrencyPolicy": "Queue"}))).await;
    says("steady", &refusal.unwrap_err(), &["concurrencyPolicy cannot be changed"]);

    lab.apply("steady", good).await;
    let pipeline = lab.ready("steady").await;
    assert_eq!(condition(&pipeline, "Stalled"), None);
    lab.resync("steady").await;
    assert_eq!(lab.strict.writes().await, Vec::<String>::new());
    let after = lab.aws.schedule(&lab.names("steady").schedule).await;
    assert_eq!(before.last_modification_date(), after.last_modification_date());
}
