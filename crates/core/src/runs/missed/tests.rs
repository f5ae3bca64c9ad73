//! Firings that are expected, and clocks that are wrong.

use super::*;
use crate::partition::Partition;
use crate::runs::{settle, tell};
use api::RunResult;
use protocol::{RunEvent, Status};

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
        retention: SignedDuration::from_hours(96),
        silence: SignedDuration::from_mins(5),
    }
}

/// Runs with these due times, which have succeeded.
fn runs(expectation: &Expectation, due: &[&str]) -> Vec<Run> {
    let mut runs = Vec::new();
    for time in due {
        come(&mut runs, expectation, at(time));
    }
    runs
}

/// Reports that the run due at this time has succeeded.
fn come(runs: &mut Vec<Run>, expectation: &Expectation, at: Timestamp) {
    let (task, status) = ("t".to_owned(), Status::Succeeded);
    let ended =
        RunEvent::Ended { at, task, position: 0, attempt: 1, status, again: false, duration_ms: 1, error: None };
    tell(runs, &expectation.run(at), &[ended]);
    settle(runs);
}

/// Checks which firings are overdue when all reports until `read` were recorded.
fn check(expectation: &Expectation, heard: &[&str], read: &str, expected: &[&str]) {
    let expectations = Expectations::default();
    expectations.expect("uid", expectation.clone(), &runs(expectation, heard), at("08:00:00"));
    let overdue = expectations.overdue(&expectation.location, at(read));
    let firings: Vec<Timestamp> = overdue.iter().flat_map(|it| &it.runs).map(|(run, _)| was_due(run)).collect();
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
fn the_time_in_a_firing_may_be_off_by_half_a_minute_and_by_the_flexible_window() {
    let hourly = expectation("0 * * * *", "08:30:00");
    check(&hourly, &["09:00:30"], "09:30:00", &[]);
    check(&hourly, &["08:59:43"], "09:30:00", &[]);
    check(&hourly, &["09:00:31"], "09:30:00", &["09:00:00"]);
    check(&hourly, &["08:59:29"], "09:30:00", &["09:00:00"]);
    let flexible = Expectation { flexible_window_minutes: Some(10), ..hourly };
    check(&flexible, &["09:10:30"], "09:45:00", &[]);
    check(&flexible, &["09:10:31"], "09:45:00", &["09:00:00"]);
    check(&flexible, &["08:59:00"], "09:45:00", &["09:00:00"]);
    check(&expectation("at(2026-01-01T09:00:00)", "08:30:00"), &["09:00:17"], "10:30:00", &[]);
}

#[test]
fn a_run_stands_for_one_firing_and_the_one_that_did_not_come_is_named() {
    let often = Expectation { missed_after_seconds: Some(120), ..expectation("* * * * *", "08:57:00") };
    check(&often, &["09:00:00", "09:00:59", "09:02:01"], "09:04:00", &["08:59:00"]);
    check(&often, &["08:59:00", "09:00:30", "09:02:00"], "09:04:00", &["09:01:00"]);
    let flexible = Expectation { flexible_window_minutes: Some(5), ..often };
    check(&flexible, &["08:59:00", "09:01:00", "09:02:00"], "09:09:00", &["09:00:00"]);
    check(&flexible, &["08:59:00", "09:00:00", "09:04:10", "09:04:40"], "09:09:00", &[]);
}

#[test]
fn a_run_by_hand_is_missing_until_it_is_heard_of_also_while_suspended() {
    let hourly = Expectation { suspended: true, ..expectation("0 * * * *", "08:30:00") };
    let expectations = Expectations::default();
    expectations.expect("uid", hourly.clone(), &[], at("08:40:00"));
    let run = RunRef { trigger: Trigger::Manual, tasks: 2, ..hourly.run(at("08:40:00")) };
    expectations.fired("uid", run.clone());
    assert!(expectations.awaits_run_by_hand("uid"));
    let overdue = |time: &str| -> Vec<(RunRef, Cause)> {
        expectations.overdue(&hourly.location, at(time)).into_iter().flat_map(|overdue| overdue.runs).collect()
    };
    assert!(overdue("08:54:59").is_empty());
    assert_eq!(overdue("08:55:00"), [(run.clone(), Cause::Unheard)]);
    let mut runs = Vec::new();
    tell(&mut runs, &run, &[RunEvent::Fired { at: at("08:41:00"), tasks: Vec::new(), unsent: None }]);
    settle(&mut runs);
    expectations.heard("uid", &runs, at("08:41:00"));
    assert!(overdue("08:55:00").is_empty());
    assert!(!expectations.awaits_run_by_hand("uid"));
    expectations.fired("uid", run.clone());
    expectations.judged("uid", &[(run, Cause::Unheard)]);
    assert!(overdue("09:30:00").is_empty());
}

/// A run of three tasks, due at nine, of which one has ended and two wait.
fn waiting(expectation: &Expectation) -> Vec<Run> {
    let about = RunRef { tasks: 3, ..expectation.run(at("09:00:00")) };
    let tasks: Vec<String> = ["t", "u", "v"].map(str::to_owned).into();
    let ended = RunEvent::Ended {
        at: at("09:00:05"),
        task: "t".to_owned(),
        position: 0,
        attempt: 1,
        status: Status::Succeeded,
        again: false,
        duration_ms: 1,
        error: None,
    };
    let mut runs = Vec::new();
    tell(&mut runs, &about, &[RunEvent::Fired { at: at("09:00:01"), tasks, unsent: None }, ended]);
    settle(&mut runs);
    runs
}

/// Why the waiting run is missed, when the queue was counted at these times and all was read until the last of them.
fn cause(expectations: &Expectations, expectation: &Expectation, counts: &[(&str, u64)]) -> Option<Cause> {
    let mut found = None;
    for (time, messages) in counts {
        for uid in expectations.uncounted(&expectation.location, at(time)) {
            expectations.counted(&uid, *messages, at(time));
        }
        let overdue = expectations.overdue(&expectation.location, at(time));
        found = overdue.iter().flat_map(|overdue| &overdue.runs).map(|(_, cause)| *cause).next();
    }
    found
}

#[test]
fn tasks_that_wait_in_the_queue_are_not_missed() {
    let rare = Expectation { missed_after_seconds: Some(120), ..expectation("0 9 * * *", "08:30:00") };
    let made = || {
        let expectations = Expectations::default();
        expectations.expect("uid", rare.clone(), &waiting(&rare), at("09:00:10"));
        expectations
    };
    assert!(made().uncounted(&rare.location, at("09:01:59")).is_empty(), "they are in time");
    assert_eq!(cause(&made(), &rare, &[("09:02:00", 2), ("09:30:00", 2), ("10:00:09", 1)]), None);
    assert_eq!(cause(&made(), &rare, &[("09:02:00", 2), ("10:00:10", 2)]), Some(Cause::Stuck));
    assert_eq!(cause(&made(), &rare, &[("09:02:00", 0), ("09:02:59", 0)]), None, "the count may be wrong");
    assert_eq!(cause(&made(), &rare, &[("09:02:00", 0), ("09:03:00", 0)]), Some(Cause::Lost));
    assert_eq!(cause(&made(), &rare, &[("09:02:00", 0), ("09:02:40", 1), ("09:03:20", 0)]), None);
    // What the runner does to any run shows that the queue moves.
    let moving = made();
    let mut runs = waiting(&rare);
    come(&mut runs, &rare, at("08:00:00"));
    moving.heard("uid", &runs, at("09:50:00"));
    assert_eq!(cause(&moving, &rare, &[("10:49:59", 2)]), None);
    assert_eq!(cause(&moving, &rare, &[("10:50:00", 2)]), Some(Cause::Stuck));
    // A run that is merely fired does not.
    let fired = made();
    let mut runs = waiting(&rare);
    let manual = RunRef { trigger: Trigger::Manual, run_id: "by-hand".to_owned(), ..rare.run(at("09:50:00")) };
    tell(&mut runs, &manual, &[RunEvent::Fired { at: at("09:50:00"), tasks: Vec::new(), unsent: None }]);
    fired.heard("uid", &runs, at("09:50:00"));
    assert_eq!(cause(&fired, &rare, &[("10:00:10", 3)]), Some(Cause::Stuck));
}

#[test]
fn a_long_back_off_is_waited_for_and_the_queues_retention_is_the_limit() {
    let made = |silence: SignedDuration, retention: SignedDuration| {
        let missed_after_seconds = Some(120);
        let rare = Expectation { missed_after_seconds, retention, silence, ..expectation("0 9 * * *", "08:30:00") };
        let expectations = Expectations::default();
        expectations.expect("uid", rare.clone(), &waiting(&rare), at("09:00:10"));
        (expectations, rare)
    };
    let (days, hours, short) = (SignedDuration::from_hours(96), SignedDuration::from_hours(3), SignedDuration::ZERO);
    let (patient, rare) = made(hours, days);
    assert_eq!(cause(&patient, &rare, &[("12:00:09", 2)]), None);
    assert_eq!(cause(&patient, &rare, &[("12:00:10", 2)]), Some(Cause::Stuck));
    let (forgetful, rare) = made(short, SignedDuration::from_mins(30));
    assert_eq!(cause(&forgetful, &rare, &[("09:29:59", 2)]), None);
    assert_eq!(cause(&forgetful, &rare, &[("09:30:00", 2)]), Some(Cause::Lost));
}

#[test]
fn what_is_never_heard_of_is_said_once() {
    let own = Expectation { reports_runs: false, condition_missing: true, ..expectation("0 * * * *", "08:30:00") };
    let expectations = Expectations::default();
    expectations.expect("uid", own.clone(), &[], at("08:30:00"));
    let [silent] = &expectations.overdue(&own.location, at("12:00:00"))[..] else { panic!("one pipeline") };
    assert!(silent.runs.is_empty());
    expectations.judged("uid", &[]);
    assert!(expectations.overdue(&own.location, at("13:00:00")).is_empty());
}

#[test]
fn what_was_judged_is_not_judged_again() {
    let hourly = expectation("0 * * * *", "08:30:00");
    let expectations = Expectations::default();
    expectations.expect("uid", hourly.clone(), &[], at("08:30:00"));
    expectations.judged("uid", &[(hourly.run(at("09:00:00")), Cause::Unheard)]);
    assert!(expectations.overdue(&hourly.location, at("09:30:00")).is_empty());
    expectations.expect("uid", hourly.clone(), &[], at("08:30:00"));
    assert!(expectations.overdue(&hourly.location, at("09:30:00")).is_empty());
    expectations.heard("uid", &runs(&hourly, &["10:00:00"]), at("10:00:00"));
    assert!(expectations.overdue(&hourly.location, at("10:30:00")).is_empty());
    assert_eq!(expectations.overdue(&hourly.location, at("11:30:00")).len(), 1);
    expectations.forget("uid");
    assert!(expectations.overdue(&hourly.location, at("11:30:00")).is_empty());
}

/// The firings that are overdue when all reports until `read`, by our clock, were recorded. Marks them as handled.
fn told(expectations: &Expectations, expectation: &Expectation, read: &str) -> Vec<Timestamp> {
    let overdue = expectations.overdue(&expectation.location, at(read));
    let runs: Vec<(RunRef, Cause)> = overdue.into_iter().flat_map(|overdue| overdue.runs).collect();
    if !runs.is_empty() {
        expectations.judged("uid", &runs);
    }
    runs.iter().map(|(run, _)| was_due(run)).collect()
}

#[test]
fn a_clock_that_goes_back_calls_nothing_missing_twice() {
    let hourly = expectation("0 * * * *", "08:30:00");
    let expectations = Expectations::default();
    expectations.expect("uid", hourly.clone(), &[], at("08:30:00"));
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
    expectations.expect("uid", hourly.clone(), &runs(&hourly, &["09:00:00"]), at("09:00:00"));
    // It is 09:20, and our clock is an hour ahead.
    let early = told(&expectations, &hourly, "10:20:00");
    assert_eq!(early, [at("10:00:00")]);
    let mut known = runs(&hourly, &["09:00:00"]);
    crate::runs::missing(&mut known, &hourly.run(early[0]), Cause::Unheard, "nobody knows");
    settle(&mut known);
    assert_eq!(known[0].result, RunResult::Missed);

    come(&mut known, &hourly, early[0]);
    assert_eq!((known.len(), known[0].result), (2, RunResult::Succeeded));
    expectations.heard("uid", &known, at("10:20:00"));
    assert_eq!(told(&expectations, &hourly, "10:50:00"), []);
    assert_eq!(told(&expectations, &hourly, "11:20:00"), [at("11:00:00")]);
}
