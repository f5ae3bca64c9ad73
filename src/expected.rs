//! Which firings are expected, and which of them nobody has heard of.
//!
//! A look says how a pipeline fires, whoever writes its runs which of them are known, and whoever reads the inbox when all
//! of it was read. Only then is a firing that is past its grace called missing: so an operator that was away first hears
//! what happened meanwhile. Kept in the process alone; status has what lasts, and the next look says the rest again.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::{Mutex, MutexGuard, PoisonError};

use jiff::{SignedDuration, Timestamp};
use protocol::{RunRef, Trigger, scheduled_run_id};

use crate::crd::{Run, RunTrigger};
use crate::cron::{Schedule, Window};
use crate::identity::Location;
use crate::runs::{MAX_RUNS, due, has_begun, was_due};

/// A new or changed schedule may miss what is due in its first minute: AWS takes its time to take it over.
const TAKING_OVER: SignedDuration = SignedDuration::from_mins(1);

/// The grace where the spec names none: a quarter of the interval between firings, within these.
const GRACE: (SignedDuration, SignedDuration) = (SignedDuration::from_mins(2), SignedDuration::from_hours(1));

/// How a pipeline fires.
#[derive(Clone, Debug)]
pub struct Expectation {
    /// Its namespace and name.
    pub pipeline: (String, String),
    /// Where it lives.
    pub location: Location,
    /// When it fires.
    pub schedule: Schedule,
    /// Between which times.
    pub window: Window,
    /// Whether the schedule fires nothing for now.
    pub suspended: bool,
    /// Whether runs are to be heard of: no function of the user's own is on the way.
    pub audible: bool,
    /// Whether its conditions are yet to say that nothing is heard of it.
    pub unsaid: bool,
    /// Since when it has fired so.
    pub since: Timestamp,
    /// Seconds that a firing may be late, as the spec says.
    pub missed_after_seconds: Option<u32>,
    /// Minutes later than due that EventBridge may fire.
    pub flexible_window_minutes: Option<u32>,
    /// ARN of its schedule.
    pub schedule_arn: String,
    /// How many tasks a firing has.
    pub tasks: u32,
    /// Name of its sender.
    pub sender: String,
    /// Name of the queue of what did not get to the tasks' queue.
    pub undelivered: String,
}

/// How all pipelines fire, by UID.
#[derive(Debug, Default)]
pub struct Expectations {
    pipelines: Mutex<HashMap<String, Kept>>,
}

#[derive(Debug)]
struct Kept {
    expectation: Expectation,
    /// When runs that have begun were due, of those the status has.
    begun: BTreeSet<Timestamp>,
    /// Firings up to here are accounted for.
    judged: Timestamp,
    /// Runs that were fired by hand and of which not all tasks have begun, by id.
    by_hand: BTreeMap<String, RunRef>,
}

/// A pipeline with runs that nobody has heard of, or not of all their tasks; or one that will never be heard of and does not say so yet.
#[derive(Clone, Debug)]
pub struct Overdue {
    /// Its UID.
    pub uid: String,
    /// How it fires.
    pub expectation: Expectation,
    /// What they would have been.
    pub runs: Vec<RunRef>,
}

impl Expectations {
    /// Takes over how a pipeline fires, and which of its runs are known.
    pub fn expect(&self, uid: &str, expectation: Expectation, runs: &[Run]) {
        let mut pipelines = self.lock();
        let (judged, by_hand) = match pipelines.remove(uid) {
            None => (expectation.since, BTreeMap::new()),
            Some(kept) => (kept.judged.max(expectation.since), kept.by_hand),
        };
        let mut kept = Kept { expectation, begun: BTreeSet::new(), judged, by_hand };
        kept.hear(runs);
        pipelines.insert(uid.to_owned(), kept);
    }

    /// Expects a run that was fired by hand.
    pub fn fired(&self, uid: &str, run: RunRef) {
        if let Some(kept) = self.lock().get_mut(uid) {
            kept.by_hand.insert(run.run_id.clone(), run);
        }
    }

    /// Takes over which runs of a pipeline are known.
    pub fn heard(&self, uid: &str, runs: &[Run]) {
        if let Some(kept) = self.lock().get_mut(uid) {
            kept.hear(runs);
        }
    }

    /// Drops what is known of a pipeline.
    pub fn forget(&self, uid: &str) {
        self.lock().remove(uid);
    }

    /// The pipelines of a place with runs that are past their grace, when all that was reported until `read` is known,
    /// and that nobody has heard of.
    pub fn overdue(&self, location: &Location, read: Timestamp) -> Vec<Overdue> {
        let mut pipelines = self.lock();
        let here = pipelines.iter_mut().filter(|(_, kept)| kept.expectation.location == *location);
        here.filter_map(|(uid, kept)| {
            let until = read.saturating_sub(kept.expectation.grace(read)).unwrap_or(Timestamp::MIN);
            let runs = kept.overdue(until);
            if runs.is_empty() {
                kept.judged = kept.judged.max(until);
            }
            let overdue = Overdue { uid: uid.clone(), expectation: kept.expectation.clone(), runs };
            (!overdue.runs.is_empty() || overdue.expectation.unsaid).then_some(overdue)
        })
        .collect()
    }

    /// What was overdue is told, or turned out to be known.
    pub fn judged(&self, uid: &str, runs: &[RunRef]) {
        if let Some(kept) = self.lock().get_mut(uid) {
            kept.by_hand.retain(|id, _| !runs.iter().any(|run| run.run_id == *id));
            let firings = runs.iter().filter(|run| run.trigger == Trigger::Schedule).map(was_due);
            kept.judged = firings.max().map_or(kept.judged, |last| kept.judged.max(last));
            kept.expectation.unsaid = false;
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, Kept>> {
        // Every change is a single assignment, so a panic elsewhere leaves nothing half done.
        self.pipelines.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Kept {
    fn hear(&mut self, runs: &[Run]) {
        let of = |trigger| runs.iter().filter(move |run| run.trigger == trigger);
        self.begun = of(RunTrigger::Schedule).filter(|run| has_begun(run)).map(due).collect();
        for run in of(RunTrigger::Manual) {
            if has_begun(run) {
                self.by_hand.remove(&run.run_id);
            } else {
                self.by_hand.insert(run.run_id.clone(), by_hand(run));
            }
        }
    }

    fn overdue(&self, until: Timestamp) -> Vec<RunRef> {
        if !self.expectation.audible {
            return Vec::new();
        }
        let by_hand = self.by_hand.values().filter(|run| was_due(run) <= until).cloned();
        let firings = self.overdue_firings(until).into_iter().map(|firing| self.expectation.run(firing));
        firings.chain(by_hand).collect()
    }

    fn overdue_firings(&self, until: Timestamp) -> Vec<Timestamp> {
        let Expectation { schedule, window, suspended, since, .. } = &self.expectation;
        if *suspended {
            return Vec::new();
        }
        let from = self.judged.max(since.saturating_add(TAKING_OVER).unwrap_or(Timestamp::MAX));
        let anchor = self.begun.last().copied();
        let expected = schedule.last_between(anchor, from, until, window, MAX_RUNS);
        let near = schedule.rate().map_or(SignedDuration::ZERO, |rate| rate / 2);
        let known = |firing: &Timestamp| self.begun.iter().any(|begun| begun.duration_since(*firing).abs() <= near);
        expected.into_iter().filter(|firing| !known(firing)).collect()
    }
}

impl Expectation {
    /// How late a firing may be.
    fn grace(&self, now: Timestamp) -> SignedDuration {
        let quarter = || {
            let interval = self.schedule.interval(now, &self.window);
            interval.map_or(GRACE.1, |interval| (interval / 4).clamp(GRACE.0, GRACE.1))
        };
        let grace = self.missed_after_seconds.map_or_else(quarter, |seconds| SignedDuration::from_secs(seconds.into()));
        grace + SignedDuration::from_mins(self.flexible_window_minutes.unwrap_or(0).into())
    }

    /// Where a run got lost that nothing is heard of, and what to look at.
    pub fn hop(&self, trigger: Trigger) -> String {
        let Self { sender, undelivered, .. } = self;
        let what = match trigger {
            Trigger::Schedule => "EventBridge Scheduler did not hand it to the sender, or the sender failed",
            Trigger::Manual => "the sender failed",
        };
        format!("{what}; look at the log of {sender} and at queue {undelivered}")
    }

    /// The run that a firing would have been.
    pub fn run(&self, firing: Timestamp) -> RunRef {
        let scheduled_time = firing.to_string();
        RunRef {
            run_id: scheduled_run_id(&self.schedule_arn, &scheduled_time),
            scheduled_time,
            trigger: Trigger::Schedule,
            tasks: self.tasks,
        }
    }
}

/// A run by hand that the status has, and that tells how many tasks it has.
fn by_hand(run: &Run) -> RunRef {
    RunRef {
        run_id: run.run_id.clone(),
        scheduled_time: run.scheduled_time.clone(),
        trigger: Trigger::Manual,
        tasks: u32::try_from(run.marks.len()).unwrap_or(u32::MAX),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::crd::RunResult;
    use crate::cron;
    use crate::runs::{settle, tell};
    use protocol::{News, Status};

    fn at(time: &str) -> Timestamp {
        format!("2026-01-01T{time}Z").parse().unwrap()
    }

    fn expectation(schedule: &str, since: &str) -> Expectation {
        let [partition, account, region] = ["aws", "111122223333", "eu-west-1"].map(str::to_owned);
        Expectation {
            pipeline: ("team-a".to_owned(), "hello".to_owned()),
            location: Location { partition, account, region, endpoint: None },
            schedule: cron::parse(schedule, "UTC").unwrap(),
            window: Window::default(),
            suspended: false,
            audible: true,
            unsaid: false,
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
        let ended =
            News::Ended { at, task, position: 0, attempt: 1, status, again: false, duration_ms: 1, error: None };
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
                "08:49:00", "08:50:00", "08:51:00", "08:52:00", "08:53:00", "08:54:00", "08:55:00", "08:56:00",
                "08:57:00", "08:58:00",
            ],
        );
        let patient = Expectation { missed_after_seconds: Some(1800), flexible_window_minutes: Some(10), ..hourly };
        check(&patient, &[], "09:39:59", &[]);
        check(&patient, &[], "09:40:00", &["09:00:00"]);
    }

    #[test]
    fn nothing_is_missing_that_was_not_to_come() {
        let hourly = expectation("0 * * * *", "08:30:00");
        check(&Expectation { audible: false, ..hourly.clone() }, &[], "12:00:00", &[]);
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
        let own = Expectation { audible: false, unsaid: true, ..expectation("0 * * * *", "08:30:00") };
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
}
