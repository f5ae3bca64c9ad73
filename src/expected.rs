//! Which firings are expected, and which of them nobody has heard of.
//!
//! A look says how a pipeline fires, whoever writes its runs which of them are known, and whoever reads the inbox when all
//! of it was read. Only then is a firing that is past its grace called missing: so an operator that was away first hears
//! what happened meanwhile. Kept in the process alone; status has what lasts, and the next look says the rest again.

use std::collections::{BTreeSet, HashMap};
use std::sync::{Mutex, MutexGuard, PoisonError};

use jiff::{SignedDuration, Timestamp};
use protocol::{RunRef, Trigger, scheduled_run_id};

use crate::crd::{Run, RunTrigger};
use crate::cron::{Schedule, Window};
use crate::identity::Location;
use crate::runs::{MAX_RUNS, due, has_begun};

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
    /// Whether firings are to be heard of: it is not suspended, and no function of the user's own is on the way.
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
    /// What to look at when nothing is heard of a firing.
    pub hop: String,
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
}

/// A pipeline with firings that nobody has heard of, or one that will never be heard of and does not say so yet.
#[derive(Clone, Debug)]
pub struct Overdue {
    /// Its UID.
    pub uid: String,
    /// How it fires.
    pub expectation: Expectation,
    /// When they were due.
    pub firings: Vec<Timestamp>,
}

impl Expectations {
    /// Takes over how a pipeline fires, and which of its runs are known.
    pub fn expect(&self, uid: &str, expectation: Expectation, runs: &[Run]) {
        let mut pipelines = self.lock();
        let judged = pipelines.get(uid).map_or(expectation.since, |kept| kept.judged.max(expectation.since));
        pipelines.insert(uid.to_owned(), Kept { expectation, begun: begun(runs), judged });
    }

    /// Takes over which runs of a pipeline are known.
    pub fn heard(&self, uid: &str, runs: &[Run]) {
        if let Some(kept) = self.lock().get_mut(uid) {
            kept.begun = begun(runs);
        }
    }

    /// Drops what is known of a pipeline.
    pub fn forget(&self, uid: &str) {
        self.lock().remove(uid);
    }

    /// The pipelines of a place with firings that are past their grace, when all that was reported until `read` is known,
    /// and that nobody has heard of.
    pub fn overdue(&self, location: &Location, read: Timestamp) -> Vec<Overdue> {
        let mut pipelines = self.lock();
        let here = pipelines.iter_mut().filter(|(_, kept)| kept.expectation.location == *location);
        here.filter_map(|(uid, kept)| {
            let until = read.saturating_sub(kept.expectation.grace(read)).unwrap_or(Timestamp::MIN);
            let firings = kept.overdue(until);
            if firings.is_empty() {
                kept.judged = kept.judged.max(until);
            }
            let overdue = Overdue { uid: uid.clone(), expectation: kept.expectation.clone(), firings };
            (!overdue.firings.is_empty() || overdue.expectation.unsaid).then_some(overdue)
        })
        .collect()
    }

    /// What was overdue is told, or turned out to be known.
    pub fn judged(&self, uid: &str, last: Option<Timestamp>) {
        if let Some(kept) = self.lock().get_mut(uid) {
            kept.judged = last.map_or(kept.judged, |last| kept.judged.max(last));
            kept.expectation.unsaid = false;
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, Kept>> {
        // Every change is a single assignment, so a panic elsewhere leaves nothing half done.
        self.pipelines.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Kept {
    fn overdue(&self, until: Timestamp) -> Vec<Timestamp> {
        let Expectation { schedule, window, audible, since, .. } = &self.expectation;
        if !audible {
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

/// When the schedule's runs were due that have begun, all of their tasks.
fn begun(runs: &[Run]) -> BTreeSet<Timestamp> {
    runs.iter().filter(|run| run.trigger == RunTrigger::Schedule && has_begun(run)).map(due).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
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
            audible: true,
            unsaid: false,
            since: at(since),
            missed_after_seconds: None,
            flexible_window_minutes: None,
            schedule_arn: "arn:aws:scheduler:eu-west-1:111122223333:schedule/a/a".to_owned(),
            tasks: 1,
            hop: "look".to_owned(),
        }
    }

    /// Runs that were due then, and have ended.
    fn runs(expectation: &Expectation, due: &[&str]) -> Vec<Run> {
        let mut runs = Vec::new();
        for time in due {
            let (at, status) = (at(time), Status::Succeeded);
            let ended = News::Ended {
                at,
                task: "t".to_owned(),
                position: 0,
                attempt: 1,
                status,
                again: false,
                duration_ms: 1,
                error: None,
            };
            tell(&mut runs, &expectation.run(at), &[ended]);
        }
        settle(&mut runs);
        runs
    }

    /// What is overdue when all was read until a time.
    fn check(expectation: &Expectation, heard: &[&str], read: &str, expected: &[&str]) {
        let expectations = Expectations::default();
        expectations.expect("uid", expectation.clone(), &runs(expectation, heard));
        let overdue = expectations.overdue(&expectation.location, at(read));
        let firings: Vec<Timestamp> = overdue.into_iter().flat_map(|overdue| overdue.firings).collect();
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
    fn what_is_never_heard_of_is_said_once() {
        let own = Expectation { audible: false, unsaid: true, ..expectation("0 * * * *", "08:30:00") };
        let expectations = Expectations::default();
        expectations.expect("uid", own.clone(), &[]);
        let [silent] = &expectations.overdue(&own.location, at("12:00:00"))[..] else { panic!("one pipeline") };
        assert!(silent.firings.is_empty());
        expectations.judged("uid", None);
        assert!(expectations.overdue(&own.location, at("13:00:00")).is_empty());
    }

    #[test]
    fn what_was_judged_is_not_judged_again() {
        let hourly = expectation("0 * * * *", "08:30:00");
        let expectations = Expectations::default();
        expectations.expect("uid", hourly.clone(), &[]);
        expectations.judged("uid", Some(at("09:00:00")));
        assert!(expectations.overdue(&hourly.location, at("09:30:00")).is_empty());
        expectations.expect("uid", hourly.clone(), &[]);
        assert!(expectations.overdue(&hourly.location, at("09:30:00")).is_empty());
        expectations.heard("uid", &runs(&hourly, &["10:00:00"]));
        assert!(expectations.overdue(&hourly.location, at("10:30:00")).is_empty());
        assert_eq!(expectations.overdue(&hourly.location, at("11:30:00")).len(), 1);
        expectations.forget("uid");
        assert!(expectations.overdue(&hourly.location, at("11:30:00")).is_empty());
    }
}
