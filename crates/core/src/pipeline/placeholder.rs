//! Placeholders of EventBridge Scheduler, which it would replace inside a user's text as well.

use protocol::placeholder::PREFIX;
use serde_json::Value;

use super::refusal::Refusals;

/// Refuses a text that contains a placeholder.
pub(super) fn check(field: &str, text: &str, refusals: &mut Refusals) {
    if text.contains(PREFIX) {
        refusals.invalid_hint(
            field,
            format!("the text contains `{PREFIX}`, which EventBridge replaces"),
            "write it another way; templates can use `scheduledTime`",
        );
    }
}

/// Refuses JSON that contains a placeholder anywhere, keys included.
pub(super) fn check_json(field: &str, value: &Value, refusals: &mut Refusals) {
    match value {
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
        Value::String(text) => check(field, text, refusals),
        Value::Array(items) => {
            for (index, item) in items.iter().enumerate() {
                check_json(&format!("{field}[{index}]"), item, refusals);
            }
        }
        Value::Object(members) => {
            for (key, member) in members {
                check(field, key, refusals);
                check_json(&format!("{field}.{key}"), member, refusals);
            }
        }
    }
}
