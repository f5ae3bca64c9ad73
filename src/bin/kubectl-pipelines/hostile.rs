//! What every command shows of texts that are made to forge its output.

use api::{PipelineStatus, ScheduledTaskPipeline, Stored};
use jiff::Timestamp;
use pipeline_core::dead_letters::{DeadLetter, Origin};
use pipeline_core::plan::render::{self, Style};
use pipeline_core::text::{is_hidden, printable_coloured};
use serde_json::{Value, json};
use task_pipelines::cli::lint;
use task_pipelines::kubernetes::preflight;

use crate::output::{self, Output};
use crate::{dlq, lint as linted, list, logs, next, runs, status, tree};

/// A line of its own, sequences that clear, hide and colour (of seven bits and of eight), a bell, texts turned around,
/// and letters that are not seen.
const HOSTILE: [&str; 7] = [
    "a\nReady:     True",
    "a\r\u{85}\u{2028}b\u{2029}",
    "\x1b[2J\x1b[H\x1b]0;title\x07",
    "\x1b[8mhidden\x1b[0m",
    "\u{9b}2J\u{90}\x08\x7f\t",
    "\u{202e}gpj.exe\u{2066}\u{2069}\u{200e}\u{61c}",
    "a\u{200b}\u{feff}\u{ad}\u{2060}\u{e0041}",
];

/// A pipeline with this text wherever a text may come from others.
fn stored(text: &str) -> Stored {
    let spec = json!({"schedule": "@daily", "timeZone": "UTC", "suspend": true, "tasks": []});
    let mut pipeline = ScheduledTaskPipeline::new(text, serde_json::from_value(spec).unwrap());
    pipeline.metadata.namespace = Some(text.to_owned());
    pipeline.metadata.annotations = Some([(api::annotation::SUSPEND_REASON.to_owned(), text.to_owned())].into());
    pipeline.spec.schedule = text.to_owned();
    pipeline.spec.time_zone = text.to_owned();
    pipeline.status = Some(told(text));
    Stored { pipeline, unreadable: None }
}

fn told(text: &str) -> PipelineStatus {
    let condition = |type_: &str| json!({"type": type_, "status": "False", "reason": text, "message": text, "lastTransitionTime": "2026-01-01T09:00:00Z"});
    let row = |kind: &str, state: &str| json!({"kind": kind, "name": text, "arn": format!("arn:aws:sqs:{text}:1:{text}"), "state": state, "message": text});
    let run = |message: Value, error: Value| {
        json!({
            "runId": text, "scheduledTime": "2026-01-01T09:00:00Z", "trigger": "Schedule", "result": "Failed",
            "counts": {"succeeded": 0, "failed": 1, "running": 0, "missed": 0}, "message": message,
            "tasks": [{"name": text, "result": "Failed", "attempts": 1, "error": error}],
            "undelivered": [{"task": text, "channel": text, "error": text}],
        })
    };
    serde_json::from_value(json!({
        "account": text, "region": text, "conditions": [condition("Ready")],
        "schedule": {"expression": text, "state": text, "next": [text]},
        "resources": [row("Queue", "Failed"), row("Function", "Ready"), row(text, "Creating")],
        "plan": [{
            "action": "Update", "kind": text, "name": text, "note": text, "drift": true,
            "changes": [{"field": text, "from": "b", "to": text}, {"field": "c", "from": text, "to": ""}],
        }],
        "runs": [run(json!(text), Value::Null), run(Value::Null, json!(text)), run(Value::Null, Value::Null)],
    }))
    .unwrap()
}

fn letter(text: &str) -> DeadLetter {
    let text = text.to_owned();
    DeadLetter {
        id: text.clone(),
        queue: Origin::Tasks,
        what: text.clone(),
        run: Some(text.clone()),
        sent: None,
        why: text.clone(),
        body: json!({"a": text}),
    }
}

/// What each command prints, by its name.
fn printed(text: &str, colour: bool) -> Vec<(&'static str, String)> {
    let stored = stored(text);
    let (now, told) = (Timestamp::UNIX_EPOCH, told(text));
    let next = |schedule: &str| {
        let mut pipeline = stored.pipeline.clone();
        pipeline.spec.schedule = schedule.to_owned();
        "UTC".clone_into(&mut pipeline.spec.time_zone);
        next::page(&pipeline, 2, now).unwrap()
    };
    let document = |output| output::document(output, &told).unwrap().unwrap();
    vec![
        ("list", list::lines(std::slice::from_ref(&stored), now)),
        ("status", status::page(&stored, &told, now, colour)),
        ("tree", tree::tree(&stored.pipeline, &tree::resources(&told), colour)),
        ("plan", render::changes(&told.plan, Style { colour, width: None })),
        ("plan, narrow", render::changes(&told.plan, Style { colour, width: Some(10) })),
        ("next", next("@daily")),
        ("runs", runs::lines(&told.runs, now)),
        ("logs", logs::text(now, text, text)),
        ("dlq list", dlq::lines(&[letter(text)], now)),
        ("dlq show", dlq::in_full(&letter(text))),
        ("check", preflight::lines(&[preflight::Finding::of("operator", Err(text.to_owned()))])),
        ("lint", linted::lines(&[lint::Finding { place: text.to_owned(), problem: text.to_owned() }])),
        ("json", document(Output::Json)),
        ("yaml", document(Output::Yaml)),
    ]
}

#[test]
fn no_text_of_others_adds_a_line_or_steers_a_terminal() {
    let plain = printed("text", false);
    for text in HOSTILE {
        for ((command, shown), (_, expected)) in printed(text, false).into_iter().zip(&plain) {
            let hidden = shown.find(|character| is_hidden(character) && character != '\n');
            assert_eq!(hidden, None, "{command} of {text:?}: {shown:?}");
            // YAML has another form then.
            let lines = |text: &str| text.lines().count();
            assert!(command == "yaml" || lines(&shown) == lines(expected), "{command} of {text:?}: {shown:?}");
        }
        for (command, shown) in printed(text, true) {
            let colours = shown.split('\x1b').skip(1);
            for colour in colours {
                let ours = ["[0m", "[31m", "[32m", "[33m"].iter().any(|ours| colour.starts_with(ours));
                assert!(ours, "{command} of {text:?}: {shown:?}");
            }
            assert_eq!(printable_coloured(&shown), shown, "{command}: as the terminal gets it");
        }
    }
}

#[test]
fn documents_hold_the_text_as_it_is() {
    for text in HOSTILE {
        let told = told(text);
        let json = output::document(Output::Json, &told).unwrap().unwrap();
        let yaml = output::document(Output::Yaml, &told).unwrap().unwrap();
        assert_eq!(serde_json::from_str::<PipelineStatus>(&json).unwrap(), told);
        assert_eq!(serde_saphyr::from_str::<PipelineStatus>(&yaml).unwrap(), told);
    }
}
