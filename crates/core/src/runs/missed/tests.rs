//! Firings that are expected, and clocks that are wrong.

use super::*;
use crate::partition::Partition;
use crate::runs::{settle, tell};
use api::RunResult;
use protocol::{News, Status};

fn at(time: &str) -> Timestamp {
    format!("2026-01-01T{time}Z").parse().unwrap()
}

fn expectation(schedule: &str, since: &str) -> Expectation {
    let [account, region] = ["111122223333", "eu-west-1"].map(str::to_owned);
    Expectation {
        pipeline: PipelineRef { namespace: "team-a".to_owned(), name: "hello".to_owned() },
        location: Location { partition: Partition::Aws, account, region, endpoint: None },
        schedule: schedule::parse(schedule, "UTC").unwrap(),
        window: Window::default(),
        suspended: false,
        reports_runs: true,
        condition_missing: false,
        since: at(since),
        missed_after_seconds: None,
        flexible_window_minutes: None,
        schedule_arn: "arn:aws:scheduler:eu-west-1:111122223333:schedule/a/a".to_owned(),
        tasks: 1,
        sender: "sender".to_owned(),
        undelivered: "undelivered-dlq".to_owned(),
    }
}

/// Runs that were due then, and have ended.
fn runs(expectation: &Expectation, due: &[&str]) -> Vec<Run> {
    let mut runs = Vec::new();
    for time in due {
        come(&mut runs, expectation, at(time));
    }
    runs
}

/// The news that a run has ended well.
fn come(runs: &mut Vec<Run>, expectation: &Expectation, at: Timestamp) {
    let (task, status) = ("t".to_owned(), Status::Succeeded);
    let ended = News::Ended { at, task, position: 0, attempt: 1, status, again: false, duration_ms: 1, error: None };
    tell(runs, &expectation.run(at), &[ended]);
    settle(runs);
}

/// What is overdue when all was read until a time.
fn check(expectation: &Expectation, heard: &[&str], read: &str, expected: &[&str]) {
    let expectations = Expectations::default();
    expectations.expect("uid", expectation.clone(), &runs(expectation, heard));
    let overdue = expectations.overdue(&expectation.location, at(read));
    let firings: Vec<Timestamp> = overdue.iter().flat_map(|overdue| &overdue.runs).map(was_due).collect();
    assert_eq!(firings, expected.iter().map(|time| at(time)).collect::<Vec<_>>(), "{expectation:?}");
}

#[test]
fn a_firing_is_missing_when_its_grace_is_over_and_nobody_has_heard_of_it() {
    let hourly = expectation("0 * * * *", "08:30:00");
    check(&hourly, &[], "09:14:59", &[]);
    check(&hourly, &[], "09:15:00", &["09:00:00"]);
    check(&hourly, &["09:00:00"], "09:15:00", &[]);
    check(&hourly, &["09:00:00", "11:00:00"], "12:00:00", &["10:00:00"]);
    let minutely = expectation("* * * * *", "08:00:30");
    check(
        &minutely,
        &[],
        "09:00:00",
        &[
            "08:49:00", "08:50:00", "08:51:00", "08:52:00", "08:53:00", "08:54:00", "08:55:00", "08:56:00", "08:57:00",
            "08:58:00",
        ],
    );
    let patient = Expectation { missed_after_seconds: Some(1800), flexible_window_minutes: Some(10), ..hourly };
    check(&patient, &[], "09:39:59", &[]);
    check(&patient, &[], "09:40:00", &["09:00:00"]);
}

#[test]
fn nothing_is_missing_that_was_not_to_come() {
    let hourly = expectation("0 * * * *", "08:30:00");
    check(&Expectation { reports_runs: false, ..hourly.clone() }, &[], "12:00:00", &[]);
    check(&Expectation { suspended: true, ..hourly.clone() }, &[], "12:00:00", &[]);
    check(&Expectation { since: at("11:59:30"), ..hourly.clone() }, &[], "12:30:00", &[]);
    let window = Window { start: Some(at("09:30:00")), end: Some(at("10:30:00")) };
    check(&Expectation { window, ..hourly }, &[], "13:00:00", &["10:00:00"]);
    let past = expectation("at(2026-01-01T08:00:00)", "08:30:00");
    check(&past, &[], "12:00:00", &[]);
    check(&expectation("at(2026-01-01T09:00:00)", "08:30:00"), &[], "10:00:00", &["09:00:00"]);
}

#[test]
fn a_rate_is_expected_from_the_first_firing_on_whatever_its_seconds() {
    let rate = expectation("rate(10 minutes)", "08:30:00");
    check(&rate, &[], "12:00:00", &[]);
    check(&rate, &["08:30:07"], "08:42:36", &[]);
    check(&rate, &["08:30:07"], "08:42:37", &["08:40:07"]);
    check(&rate, &["08:30:07", "08:40:09"], "08:42:40", &[]);
}

#[test]
fn a_run_by_hand_is_missing_until_all_of_its_tasks_have_begun_also_while_suspended() {
    let hourly = Expectation { suspended: true, ..expectation("0 * * * *", "08:30:00") };
    let expectations = Expectations::default();
    expectations.expect("uid", hourly.clone(), &[]);
    let run = RunRef { trigger: Trigger::Manual, tasks: 2, ..hourly.run(at("08:40:00")) };
    expectations.fired("uid", run.clone());
    let overdue = |time: &str| -> Vec<RunRef> {
        expectations.overdue(&hourly.location, at(time)).into_iter().flat_map(|overdue| overdue.runs).collect()
    };
    assert!(overdue("08:54:59").is_empty());
    assert_eq!(overdue("08:55:00"), std::slice::from_ref(&run));
    let mut runs = Vec::new();
    let began = |position| News::Started { at: at("08:41:00"), task: "t".to_owned(), position, attempt: 1 };
    tell(&mut runs, &run, &[began(0)]);
    settle(&mut runs);
    // An operator that was started anew knows it by its status alone.
    expectations.forget("uid");
    expectations.expect("uid", hourly.clone(), &runs);
    assert_eq!(overdue("08:55:00"), std::slice::from_ref(&run));
    tell(&mut runs, &run, &[began(1)]);
    settle(&mut runs);
    expectations.heard("uid", &runs);
    assert!(overdue("08:55:00").is_empty());
    expectations.fired("uid", run.clone());
    expectations.judged("uid", &[run]);
    assert!(overdue("09:55:00").is_empty());
}

#[test]
fn what_is_never_heard_of_is_said_once() {
    let own = Expectation { reports_runs: false, condition_missing: true, ..expectation("0 * * * *", "08:30:00") };
    let expectations = Expectations::default();
    expectations.expect("uid", own.clone(), &[]);
    let [silent] = &expectations.overdue(&own.location, at("12:00:00"))[..] else { panic!("one pipeline") };
    assert!(silent.runs.is_empty());
    expectations.judged("uid", &[]);
    assert!(expectations.overdue(&own.location, at("13:00:00")).is_empty());
}

#[test]
fn what_was_judged_is_not_judged_again() {
    let hourly = expectation("0 * * * *", "08:30:00");
    let expectations = Expectations::default();
    expectations.expect("uid", hourly.clone(), &[]);
    expectations.judged("uid", &[hourly.run(at("09:00:00"))]);
    assert!(expectations.overdue(&hourly.location, at("09:30:00")).is_empty());
    expectations.expect("uid", hourly.clone(), &[]);
    assert!(expectations.overdue(&hourly.location, at("09:30:00")).is_empty());
    expectations.heard("uid", &runs(&hourly, &["10:00:00"]));
    assert!(expectations.overdue(&hourly.location, at("10:30:00")).is_empty());
    assert_eq!(expectations.overdue(&hourly.location, at("11:30:00")).len(), 1);
    expectations.forget("uid");
    assert!(expectations.overdue(&hourly.location, at("11:30:00")).is_empty());
}

/// The times of the firings that are missing when all was read until this time, of our clock. They are told.
fn told(expectations: &Expectations, expectation: &Expectation, read: &str) -> Vec<Timestamp> {
    let overdue = expectations.overdue(&expectation.location, at(read));
    let runs: Vec<RunRef> = overdue.into_iter().flat_map(|overdue| overdue.runs).collect();
    if !runs.is_empty() {
        expectations.judged("uid", &runs);
    }
    runs.iter().map(was_due).collect()
}

#[test]
fn a_clock_that_goes_back_calls_nothing_missing_twice() {
    let hourly = expectation("0 * * * *", "08:30:00");
    let expectations = Expectations::default();
    expectations.expect("uid", hourly.clone(), &[]);
    assert_eq!(told(&expectations, &hourly, "10:20:00"), [at("09:00:00"), at("10:00:00")]);
    for again in ["09:20:00", "10:20:00", "11:10:00"] {
        assert_eq!(told(&expectations, &hourly, again), []);
    }
    assert_eq!(told(&expectations, &hourly, "11:20:00"), [at("11:00:00")]);
}

#[test]
fn what_a_clock_that_runs_ahead_calls_missing_is_taken_back_when_it_comes() {
    let hourly = expectation("0 * * * *", "08:30:00");
    let expectations = Expectations::default();
    expectations.expect("uid", hourly.clone(), &runs(&hourly, &["09:00:00"]));
    // It is 09:20, and our clock is an hour ahead.
    let early = told(&expectations, &hourly, "10:20:00");
    assert_eq!(early, [at("10:00:00")]);
    let mut known = runs(&hourly, &["09:00:00"]);
    crate::runs::missing(&mut known, &hourly.run(early[0]), "nobody knows");
    settle(&mut known);
    assert_eq!(known[0].result, RunResult::Missed);

    come(&mut known, &hourly, early[0]);
    assert_eq!((known.len(), known[0].result), (2, RunResult::Succeeded));
    expectations.heard("uid", &known);
    assert_eq!(told(&expectations, &hourly, "10:50:00"), []);
    assert_eq!(told(&expectations, &hourly, "11:20:00"), [at("11:00:00")]);
}
