//! Parses a message of the inbox. It is untrusted: anybody who controls a function may have written it.

use jiff::{SignedDuration, Timestamp};
use pipeline_core::names::{MAX_OBJECT_NAME, Part, is_label, is_subdomain};
use pipeline_core::pipeline::MAX_TASKS;
use pipeline_core::text::one_line;
use protocol::{MAX_REPORT, PipelineRef, Report, RunEvent, RunRef, brief};

/// Maximum number of run events in one report: twice those of one task with 20 channels.
const MAX_EVENTS: usize = 44;

/// How far ahead of the operator's clock a timestamp may be.
const SKEW: SignedDuration = SignedDuration::from_mins(10);

/// A well-formed message of an unknown sender. Its content counts once the sender is verified: [`Self::sent_by`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Unverified {
    /// The pipeline that the message claims to be about.
    pub(super) pipeline: PipelineRef,
    /// The function of the pipeline that must have sent it.
    pub(super) part: Part<'static>,
    run: RunRef,
    events: Vec<RunEvent>,
}

/// A report of a run by one of the pipeline's own functions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct RunReport {
    /// UID of the pipeline.
    pub(super) uid: String,
    pub(super) run: RunRef,
    pub(super) events: Vec<RunEvent>,
}

impl Unverified {
    /// Reads a message.
    ///
    /// # Errors
    /// What is wrong with the message; never quotes it.
    pub(super) fn read(body: &str, now: Timestamp) -> Result<Self, &'static str> {
        if body.len() > MAX_REPORT {
            return Err("it is too long");
        }
        let Report { pipeline, run, events } = serde_json::from_str(body).map_err(|_| "it is not a valid report")?;
        check(
            is_label(&pipeline.namespace, 63) && is_subdomain(&pipeline.name, MAX_OBJECT_NAME),
            "it names no pipeline",
        )?;
        check(is_run_id(&run.run_id), "it names no run")?;
        let tasks = usize::try_from(run.tasks).unwrap_or(usize::MAX);
        check((1..=MAX_TASKS).contains(&tasks), "its run has an impossible number of tasks")?;
        let latest = now.saturating_add(SKEW).unwrap_or(Timestamp::MAX);
        let due: Timestamp = run.scheduled_time.parse().map_err(|_| "its run has no valid time")?;
        check(due <= latest, "its run lies in the future")?;
        check((1..=MAX_EVENTS).contains(&events.len()), "it has no events, or too many")?;
        let part = part(&events).ok_or("no single function could have sent all of it")?;
        let events = events.into_iter().map(|one| bounded(one, &run, latest)).collect::<Result<_, _>>()?;
        let run = RunRef { scheduled_time: due.to_string(), ..run };
        Ok(Self { pipeline, part, run, events })
    }

    /// Accepts the message, after its sender was verified to be a function of the pipeline with this UID and the name
    /// in [`Self::pipeline`].
    pub(super) fn sent_by(self, uid: String) -> RunReport {
        RunReport { uid, run: self.run, events: self.events }
    }
}

fn check(holds: bool, otherwise: &'static str) -> Result<(), &'static str> {
    if holds { Ok(()) } else { Err(otherwise) }
}

/// The function that sends these run events; `None` if no single function sends all of them.
fn part(events: &[RunEvent]) -> Option<Part<'static>> {
    let of = |one: &RunEvent| match one {
        RunEvent::Fired { .. } => Part::Sender,
        RunEvent::Started { .. } | RunEvent::Ended { .. } | RunEvent::Delivered { .. } | RunEvent::GaveUp { .. } => {
            Part::Runner
        }
    };
    let first = of(events.first()?);
    events.iter().all(|one| of(one) == first).then_some(first)
}

/// Checks and cleans a run event: names must be valid, times are capped at `latest`, and texts are cut and made free of
/// characters that a terminal or a log would interpret.
fn bounded(event: RunEvent, run: &RunRef, latest: Timestamp) -> Result<RunEvent, &'static str> {
    let named = |name: &str| check(is_label(name, 63), "it names no task or channel");
    let placed =
        |position: u32, attempt: u32| check(position < run.tasks && attempt < 10_000, "its counts are too high");
    let moment = |at: Timestamp| at.min(latest);
    Ok(match event {
        RunEvent::Fired { at, tasks, unsent } => {
            check(u32::try_from(tasks.len()) == Ok(run.tasks), "its task names do not match its number of tasks")?;
            tasks.iter().try_for_each(|task| named(task))?;
            RunEvent::Fired { at: moment(at), tasks, unsent: unsent.map(|text| plain(&text)) }
        }
        RunEvent::Started { at, task, position, attempt } => {
            named(&task)?;
            placed(position, attempt)?;
            RunEvent::Started { at: moment(at), task, position, attempt }
        }
        RunEvent::Ended { at, task, position, attempt, status, again, duration_ms, error } => {
            named(&task)?;
            placed(position, attempt)?;
            let (at, error) = (moment(at), error.map(|text| plain(&text)));
            // Not every JSON parser reads greater integers exactly.
            let duration_ms = duration_ms.min(1 << 53);
            RunEvent::Ended { at, task, position, attempt, status, again, duration_ms, error }
        }
        RunEvent::Delivered { at, task, channel } => {
            named(&task)?;
            named(&channel)?;
            RunEvent::Delivered { at: moment(at), task, channel }
        }
        RunEvent::GaveUp { at, task, channel, reason } => {
            named(&task)?;
            named(&channel)?;
            RunEvent::GaveUp { at: moment(at), task, channel, reason: plain(&reason) }
        }
    })
}

fn is_run_id(text: &str) -> bool {
    text.len() == 16 && text.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit())
}

/// Reduces a text to one printable line of up to 256 characters.
fn plain(text: &str) -> String {
    brief(&one_line(text))
}

#[cfg(test)]
mod tests {
    use pipeline_core::runs;
    use proptest::prelude::*;
    use serde_json::{Value, json};

    use super::*;

    fn now() -> Timestamp {
        "2026-01-01T09:00:00Z".parse().unwrap()
    }

    fn report(change: impl Fn(&mut Value)) -> String {
        let mut report = json!({
            "pipeline": {"namespace": "team-a", "name": "hello"}, "runId": "abcdefghij234567",
            "scheduledTime": "2026-01-01T09:00:00Z", "trigger": "Schedule", "tasks": 2,
            "news": [{"kind": "ended", "at": "2026-01-01T09:00:01Z", "task": "t", "position": 0, "attempt": 1,
                      "status": "Failed", "again": false, "durationMs": 3, "error": "no"}],
        });
        change(&mut report);
        report.to_string()
    }

    fn read(change: impl Fn(&mut Value)) -> Result<Unverified, &'static str> {
        Unverified::read(&report(change), now())
    }

    #[test]
    fn what_a_function_says_is_read() {
        let report = read(|_| ()).unwrap();
        assert_eq!((report.part, report.run.tasks, report.events.len()), (Part::Runner, 2, 1));
        let fired = json!([{"kind": "fired", "at": "2026-01-01T09:00:00Z", "tasks": ["a", "b"]}]);
        assert_eq!(read(|report| report["news"] = fired.clone()).unwrap().part, Part::Sender);
    }

    #[test]
    fn what_no_function_says_is_refused() {
        let cases: [(&str, Value, &str); 10] = [
            ("/pipeline/namespace", json!("../secrets"), "it names no pipeline"),
            ("/pipeline/name", json!("a/b"), "it names no pipeline"),
            ("/runId", json!("A\nforged line"), "it names no run"),
            ("/tasks", json!(101), "its run has an impossible number of tasks"),
            ("/scheduledTime", json!("soon"), "its run has no valid time"),
            ("/scheduledTime", json!("9999-01-01T00:00:00Z"), "its run lies in the future"),
            ("/news", json!([]), "it has no events, or too many"),
            ("/news/0/task", json!("<!channel>"), "it names no task or channel"),
            ("/news/0/position", json!(2), "its counts are too high"),
            ("/news/0/kind", json!("bribed"), "it is not a valid report"),
        ];
        for (at, value, expected) in cases {
            assert_eq!(read(|report| *report.pointer_mut(at).unwrap() = value.clone()), Err(expected), "{at}");
        }
        assert_eq!(Unverified::read(&"x".repeat(10 << 20), now()), Err("it is too long"));
    }

    #[test]
    fn texts_can_neither_forge_a_line_nor_turn_one_around() {
        let text = format!("a\r\n{{\"level\":\"ERROR\"}}\u{1b}[2J\u{202e}b{}", "é".repeat(300));
        let report = read(|report| report["news"][0]["error"] = json!(text)).unwrap();
        let RunEvent::Ended { error: Some(error), .. } = &report.events[0] else { panic!("{report:?}") };
        assert!(error.starts_with(r#"a  {"level":"ERROR"}\u{1b}[2J\u{202e}b"#), "{error}");
        assert_eq!(error.chars().count(), 256);
    }

    /// Every value of a report, as JSON pointers.
    const PLACES: [&str; 16] = [
        "/pipeline",
        "/pipeline/namespace",
        "/pipeline/name",
        "/runId",
        "/scheduledTime",
        "/trigger",
        "/tasks",
        "/news",
        "/news/0",
        "/news/0/kind",
        "/news/0/at",
        "/news/0/task",
        "/news/0/position",
        "/news/0/attempt",
        "/news/0/durationMs",
        "/news/0/error",
    ];

    /// Values that an attacker may put in place of the expected ones.
    fn odd() -> impl Strategy<Value = Value> {
        prop_oneof![
            any::<i64>().prop_map(Value::from),
            "\\PC{0,40}".prop_map(Value::from),
            (1_usize..20_000).prop_map(|length| Value::from("\u{1b}x\n".repeat(length))),
            prop::sample::select(vec![
                json!(null),
                json!(u64::MAX),
                json!(1.5),
                json!([]),
                json!({}),
                json!(["a"]),
                json!("2026-01-01T09:00:00.123456789+14:00"),
                json!("9999-12-31T23:59:59Z"),
                json!("started"),
                json!("undelivered"),
            ]),
        ]
    }

    proptest! {
        #[test]
        fn anything_is_read_or_refused(body in ".{0,300}") {
            prop_assert!(Unverified::read(&body, now()).is_err());
        }

        #[test]
        fn of_a_broken_report_runs_stay_small_and_plain(
            breaks in prop::collection::vec((prop::sample::select(&PLACES[..]), odd()), 1..4)
        ) {
            let text = report(|report| {
                for (place, value) in &breaks {
                    // An earlier replacement may have removed this place.
                    if let Some(found) = report.pointer_mut(place) {
                        *found = value.clone();
                    }
                }
            });
            if let Ok(report) = Unverified::read(&text, now()) {
                let mut all = Vec::new();
                runs::tell(&mut all, &report.run, &report.events);
                runs::settle(&mut all);
                let told = serde_json::to_string(&all).unwrap();
                prop_assert!(told.len() < 4_096, "{}", told);
                // Control characters would show up as JSON escapes.
                prop_assert!(!told.contains("\\u001b") && !told.contains("\\n"), "{}", told);
            }
        }
    }
}
