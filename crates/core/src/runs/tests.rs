use api::{ScheduledTaskPipelineSpec, TaskResult, Undelivered};
use proptest::prelude::*;
use protocol::{RunEvent, Status};
use serde_json::json;

use super::*;

fn run(id: &str, minute: u32, tasks: u32) -> RunRef {
    let scheduled_time = format!("2026-01-01T09:{minute:02}:00Z");
    RunRef { run_id: id.to_owned(), scheduled_time, trigger: Trigger::Schedule, tasks }
}

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_767_258_000 + second).unwrap()
}

fn fired(names: &[&str]) -> RunEvent {
    RunEvent::Fired { at: at(1), tasks: names.iter().map(ToString::to_string).collect(), unsent: None }
}

fn ended(position: u32, attempt: u32, status: Status, again: bool) -> RunEvent {
    let error = (status == Status::Failed).then(|| format!("attempt {attempt} failed"));
    let task = format!("t{position}");
    RunEvent::Ended {
        at: at(i64::from(attempt) * 10),
        task,
        position,
        attempt,
        status,
        again,
        duration_ms: 1500,
        error,
    }
}

fn settled(reports: &[(RunRef, Vec<RunEvent>)]) -> Vec<Run> {
    let mut runs = Vec::new();
    for (about, events) in reports {
        tell(&mut runs, about, events);
        settle(&mut runs);
    }
    runs
}

fn spec() -> ScheduledTaskPipelineSpec {
    serde_json::from_value(json!({"schedule": "@hourly", "tasks": [{"name": "t0", "message": {}}]})).unwrap()
}

/// The conditions as `type status reason`.
fn words(runs: &[Run]) -> Vec<String> {
    let conditions = conditions(runs, &spec(), &[], 1, at(0));
    conditions.iter().map(|it| format!("{} {} {}", it.type_, it.status, it.reason)).collect()
}

#[test]
fn a_run_goes_from_fired_to_its_result() {
    let about = run("r", 0, 2);
    let steps = [
        (fired(&["t0", "t1"]), RunResult::Running, ".."),
        (ended(0, 1, Status::Succeeded, false), RunResult::Running, "s."),
        (ended(1, 1, Status::Failed, true), RunResult::Running, "sr"),
        (ended(1, 2, Status::Failed, false), RunResult::Partial, "sf"),
    ];
    let mut runs = Vec::new();
    for (events, result, marks) in steps {
        tell(&mut runs, &about, &[events]);
        settle(&mut runs);
        assert_eq!((runs[0].result, runs[0].marks.as_str()), (result, marks));
    }
    let run = &runs[0];
    assert_eq!((run.counts.succeeded, run.counts.failed, run.counts.running), (1, 1, 0));
    let rows: Vec<_> = run.tasks.iter().map(|row| (row.name.as_str(), row.result, row.attempts)).collect();
    assert_eq!(rows, [("t0", TaskResult::Succeeded, 1), ("t1", TaskResult::Failed, 2)]);
    assert_eq!(run.tasks[1].error.as_deref(), Some("attempt 2 failed"));
    assert_eq!(run.started_at.as_deref(), Some("2026-01-01T09:00:08.5Z"));
    assert_eq!(run.finished_at.as_deref(), Some("2026-01-01T09:00:20Z"));
}

#[test]
fn the_last_ten_runs_are_kept_newest_first_and_none_is_pushed_out_by_an_older_one() {
    let of = |minute: u32| (run(&format!("r{minute}"), minute, 1), vec![ended(0, 1, Status::Succeeded, false)]);
    let mut reports: Vec<_> = (1..13).map(of).collect();
    reports.push(of(0));
    let ids: Vec<String> = settled(&reports).into_iter().map(|run| run.run_id).collect();
    assert_eq!(ids, (3..13).rev().map(|minute| format!("r{minute}")).collect::<Vec<_>>());
}

#[test]
fn a_large_run_shows_what_did_not_succeed() {
    let status = |position: u32| if position.is_multiple_of(5) { Status::Failed } else { Status::Succeeded };
    let events: Vec<RunEvent> = (0..100).map(|position| ended(position, 1, status(position), false)).collect();
    let runs = settled(&[(run("r", 0, 100), events)]);
    assert_eq!((runs[0].counts.succeeded, runs[0].counts.failed), (80, 20));
    assert_eq!(runs[0].tasks.len(), 10);
    assert!(runs[0].tasks.iter().all(|row| row.result == TaskResult::Failed));
}

#[test]
fn what_contradicts_what_is_known_is_left_out() {
    let events = || vec![ended(0, 1, Status::Succeeded, false)];
    let runs = settled(&[(run("r", 0, 1), events()), (run("r", 0, 2), vec![ended(1, 1, Status::Failed, false)])]);
    assert_eq!((runs.len(), runs[0].result), (1, RunResult::Succeeded));
    let beyond = settled(&[(run("r", 0, 1), vec![ended(7, 1, Status::Failed, false)])]);
    assert_eq!((beyond[0].marks.as_str(), beyond[0].tasks.len()), (".", 0));
}

#[test]
fn a_missing_firing_is_missed_until_news_of_it_come() {
    let mut runs = settled(&[(run("r0", 0, 1), vec![ended(0, 1, Status::Succeeded, false)])]);
    assert_eq!(words(&runs), ["OnTime True OnTime"]);
    missing(&mut runs, &run("r1", 1, 1), Cause::Unheard, "look at the sender");
    settle(&mut runs);
    assert_eq!((runs[0].result, runs[0].counts.missed), (RunResult::Missed, 1));
    assert_eq!(runs[0].message.as_deref(), Some("no report of it: look at the sender"));
    assert_eq!(words(&runs), ["OnTime False Missed"]);
    // An edit may have changed how many tasks there are.
    tell(&mut runs, &run("r1", 1, 2), &[fired(&["t0", "t1"])]);
    settle(&mut runs);
    assert_eq!((runs[0].result, runs[0].marks.as_str()), (RunResult::Running, ".."));
    missing(&mut runs, &run("r1", 1, 2), Cause::Unheard, "look at the sender");
    settle(&mut runs);
    assert_eq!(runs[0].result, RunResult::Running, "a report has come before it was called missed");
    let mut lost = runs.clone();
    for (runs, cause, message) in [
        (&mut runs, Cause::Stuck, "it is on the queue, "),
        (&mut lost, Cause::Lost, "it is not on the queue any more, "),
    ] {
        missing(runs, &run("r1", 1, 2), cause, "look at the sender");
        settle(runs);
        assert_eq!(runs[0].result, RunResult::Missed);
        assert!(runs[0].message.as_ref().is_some_and(|said| said.starts_with(message)), "{:?}", runs[0].message);
    }
    missing(&mut lost, &run("old", 1, 2), Cause::Lost, "look at the sender");
    assert_eq!(lost.len(), 2, "it has become too old to be kept");
    let late = [ended(0, 1, Status::Succeeded, false), ended(1, 1, Status::Succeeded, false)];
    tell(&mut runs, &run("r1", 1, 2), &late);
    settle(&mut runs);
    assert_eq!((runs[0].result, runs[0].message.as_deref()), (RunResult::Succeeded, None));
    assert_eq!(words(&runs), ["OnTime True OnTime"]);
}

#[test]
fn the_newest_run_says_whether_results_get_to_their_channels() {
    let gave_up =
        || RunEvent::GaveUp { at: at(1), task: "t0".into(), channel: "team".into(), reason: String::from("404: gone") };
    let delivered = RunEvent::Delivered { at: at(2), task: "t0".into(), channel: "ops".into() };
    let lost = settled(&[(run("r0", 0, 1), vec![gave_up(), delivered.clone(), gave_up()])]);
    let expected = Undelivered { task: "t0".into(), channel: "team".into(), error: "404: gone".into() };
    assert_eq!(lost[0].undelivered, [expected]);
    assert_eq!(words(&lost), ["Delivering False DeliveryFailed"]);
    let well = settled(&[(run("r0", 0, 1), vec![gave_up()]), (run("r1", 1, 1), vec![delivered])]);
    assert_eq!(words(&well), ["Delivering True Delivered"]);
}

#[test]
fn with_a_function_of_ones_own_nothing_is_known() {
    let code = json!({"inline": "def handler(event, context): ..."});
    let own = json!({"schedule": "@hourly", "tasks": [{"name": "t0", "message": {}}], "sender": {"code": code}});
    let conditions = conditions(&[], &serde_json::from_value(own).unwrap(), &[], 1, at(0));
    let words: Vec<_> =
        conditions.iter().map(|it| (it.type_.as_str(), it.status.as_str(), it.reason.as_str())).collect();
    assert_eq!(words, [("Delivering", "Unknown", "NotReported"), ("OnTime", "Unknown", "NotReported")]);
}

#[test]
fn runs_stay_small_whatever_they_say() {
    let long = "é".repeat(256);
    let events: Vec<RunEvent> = (0..100)
        .flat_map(|position| {
            let task = format!("{position:0>40}");
            let reason = long.clone();
            let gave_up = RunEvent::GaveUp { at: at(1), task: task.clone(), channel: "c".repeat(40), reason };
            let (status, error) = (Status::Failed, Some(long.clone()));
            [
                RunEvent::Ended { at: at(1), task, position, attempt: 1, status, again: false, duration_ms: 1, error },
                gave_up,
            ]
        })
        .collect();
    let reports: Vec<_> = (0..10).map(|minute| (run(&format!("r{minute}"), minute, 100), events.clone())).collect();
    let runs = settled(&reports);
    assert!(serde_json::to_string(&runs).unwrap().len() <= MAX_BYTES);
    assert!(runs[0].tasks[0].error.is_some(), "the newest keeps its texts");
}

/// A report with any event of one of two runs with three tasks each, including runs without an event from the sender.
fn any_report() -> impl Strategy<Value = (RunRef, Vec<RunEvent>)> {
    let events = prop_oneof![
        Just(fired(&["t0", "t1", "t2"])),
        (0_u32..3, 1_u32..4).prop_map(|(position, attempt)| RunEvent::Started {
            at: at(i64::from(attempt) * 10 - 5),
            task: format!("t{position}"),
            position,
            attempt,
        }),
        (0_u32..3, 1_u32..4, any::<bool>(), any::<bool>()).prop_map(|(position, attempt, good, again)| {
            let status = if good { Status::Succeeded } else { Status::Failed };
            ended(position, attempt, status, again && !good)
        }),
        (0_i64..9, 0_u32..3).prop_map(|(second, task)| RunEvent::Delivered {
            at: at(second),
            task: format!("t{task}"),
            channel: "c".into()
        }),
        (0_u32..3).prop_map(|task| RunEvent::GaveUp {
            at: at(1),
            task: format!("t{task}"),
            channel: "c".into(),
            reason: String::from("no"),
        }),
    ];
    (0_u32..2, prop::collection::vec(events, 1..3))
        .prop_map(|(number, events)| (run(&format!("r{number}"), number, 3), events))
}

proptest! {
    #[test]
    fn news_that_are_late_doubled_or_out_of_order_change_nothing(
        reports in prop::collection::vec(any_report(), 0..12),
        order in prop::collection::vec(any::<prop::sample::Index>(), 0..24),
    ) {
        let expected = settled(&reports);
        let mut shuffled = reports.clone();
        for index in &order {
            if !shuffled.is_empty() {
                let one = shuffled.remove(index.index(shuffled.len()));
                shuffled.push(one.clone());
                shuffled.push(one);
            }
        }
        prop_assert_eq!(settled(&shuffled), expected);
    }
}
