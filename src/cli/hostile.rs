//! What the commands show of texts that are made to forge their output.

use api::{Action, Change, FieldChange};
use pipeline_core::plan::render::{self, Style};
use pipeline_core::plan::report::PlanReport;
use pipeline_core::resource::{Id, Kind};
use pipeline_core::text::is_hidden;
use serde_json::json;

use super::orphans::search::{self, Orphan};
use super::{terminal, trial};
use crate::kubernetes::preflight::{Finding, lines};

/// A line of its own, sequences that clear and colour, and a text turned around.
const HOSTILE: [&str; 4] =
    ["a\nPlan: 0 to do.", "\x1b[2J\u{9b}31m\x07", "\x1b[32mok\x1b[0m", "\u{202e}gpj\u{2066}\u{200b}"];

fn orphan(text: &str) -> Orphan {
    let text = text.to_owned();
    Orphan {
        kind: "Queue".to_owned(),
        name: text.clone(),
        arn: text.clone(),
        namespace: text.clone(),
        pipeline: text.clone(),
        uid: text.clone(),
        account: text.clone(),
        region: text.clone(),
        messages: Some(1),
        enabled: None,
        id: Id { kind: Kind::Queue, name: text },
    }
}

fn plan(text: &str) -> PlanReport {
    let text = text.to_owned();
    let changes =
        vec![FieldChange { field: text.clone(), from: text.clone(), to: "b".to_owned(), forces_replacement: true }];
    let change = Change {
        action: Action::Update,
        kind: text.clone(),
        name: text.clone(),
        drift: true,
        note: Some(text.clone()),
        changes,
    };
    PlanReport {
        namespace: text.clone(),
        name: text.clone(),
        cluster: text.clone(),
        account: text.clone(),
        region: text.clone(),
        plan: vec![change],
        not_compared: vec![text],
    }
}

fn tried(text: &str) -> [String; 2] {
    let pipeline = json!({"namespace": text, "name": text});
    let result = json!({
        "pipeline": pipeline, "task": text, "runId": text, "scheduledTime": "", "trigger": "Manual", "attempt": 1,
        "status": "Failed", "text": "", "error": text, "durationMs": 1,
    });
    let channel = json!({"name": text, "target": {"webhook": {"url": {"plain": "https://example.com"}}}});
    let run = json!({
        "runId": text, "scheduledTime": "", "trigger": "Manual", "pipeline": pipeline,
        "task": {"name": text, "action": "message", "timeoutSeconds": 1, "attempts": 1, "backoffSeconds": 1}, "channels": [],
    });
    let delivery =
        json!({"runId": text, "task": text, "pipeline": pipeline, "channel": channel, "body": {"text": "a"}});
    let run = serde_json::from_value(run).unwrap();
    let delivery = serde_json::from_value(delivery).unwrap();
    [trial::headline(&run, &serde_json::from_value(result).unwrap()), trial::shown(&delivery, "shows", "")]
}

#[test]
fn no_text_of_others_adds_a_line_or_steers_a_terminal() {
    let printed = |text: &str| {
        let [tried, posted] = tried(text);
        [
            render::text(&plan(text), Style::default()),
            search::text(&[orphan(text)]),
            lines(&[Finding::of("AWS", Err(text.to_owned()))]),
            tried,
            posted,
            terminal::json(&plan(text)).unwrap(),
        ]
    };
    let plain = printed("text");
    for text in HOSTILE {
        for (shown, expected) in printed(text).iter().zip(&plain) {
            assert!(!shown.contains(|character| is_hidden(character) && character != '\n'), "{text:?}: {shown:?}");
            assert_eq!(shown.lines().count(), expected.lines().count(), "{text:?}: {shown:?}");
        }
    }
}
