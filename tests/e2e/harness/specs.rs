//! Specs that many tests begin with.

use serde_json::{Value, json};

/// A channel `team` on Slack; its URL is in the Secret `chat`.
pub(crate) fn slack() -> Value {
    json!({"name": "team", "slack": {"webhookUrl": {"secretKeyRef": {"name": "chat", "key": "slack"}}}})
}

/// A channel `ops` on Discord; its URL is in the Secret `chat`.
pub(crate) fn discord() -> Value {
    json!({"name": "ops", "discord": {"webhookUrl": {"secretKeyRef": {"name": "chat", "key": "discord"}}}})
}

/// A channel `phone` on Telegram; its token is in the Secret `chat`.
pub(crate) fn telegram() -> Value {
    let token = json!({"secretKeyRef": {"name": "chat", "key": "telegram"}});
    json!({"name": "phone", "telegram": {"botToken": token, "chatId": "@alerts", "threadId": 7}})
}

/// A channel `office` on Teams; its URL is in the Secret `chat`.
pub(crate) fn teams() -> Value {
    json!({"name": "office", "teams": {"webhookUrl": {"secretKeyRef": {"name": "chat", "key": "teams"}}}})
}

/// One task, and the channel `team` that it may notify.
pub(crate) fn one_task(schedule: &str, task: Value) -> Value {
    json!({"schedule": schedule, "tasks": [task], "channels": [slack()]})
}

/// A message to Slack.
pub(crate) fn message(schedule: &str) -> Value {
    one_task(schedule, json!({"name": "hello", "message": {}, "template": "Hello", "notify": ["team"]}))
}

/// A schedule that does not fire while a test runs.
pub(crate) const YEARLY: &str = "0 9 29 2 *";

/// The same, as EventBridge says it.
pub(crate) const LEAP_DAY: &str = "cron(0 9 29 2 ? *)";

/// A schedule that fires when it is made, and then no more while a test runs.
pub(crate) const AT_ONCE: &str = "rate(12 hours)";

/// A zip without files: its end record alone.
pub(crate) const EMPTY_ZIP: [u8; 22] = *b"PK\x05\x06\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0";

/// JSON merge patch, as `kubectl patch --type merge` does it.
pub(crate) fn merged(mut target: Value, patch: Value) -> Value {
    merge(&mut target, patch);
    target
}

fn merge(target: &mut Value, patch: Value) {
    match (target, patch) {
        (Value::Object(target), Value::Object(patch)) => {
            for (key, value) in patch {
                if value.is_null() {
                    target.remove(&key);
                } else {
                    merge(target.entry(key).or_insert(Value::Null), value);
                }
            }
        }
        (target, patch) => *target = patch,
    }
}
