//! Which firings are expected, and which of them were missed.
//!
//! Three producers feed this table: reconciles (how a pipeline fires), the recorder of runs (which runs are known), and
//! the reader of the inbox (until when all reports were read). A firing counts as missed only when its grace has passed
//! and the inbox was drained after that, so an operator that was down first reads the reports of the meantime. The
//! table lives in the process only; the next reconciles rebuild it from the status.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use api::{Run, RunTrigger};
use jiff::{SignedDuration, Timestamp};
use parking_lot::Mutex;
use protocol::{PipelineRef, RunRef, Trigger, scheduled_run_id};
use schedule::{Schedule, Window};

use crate::location::Location;
use crate::runs::{MAX_RUNS, due, has_begun, was_due};

/// Time that AWS takes to apply a new or changed schedule. Firings that are due in it are not expected.
const TAKING_OVER: SignedDuration = SignedDuration::from_mins(1);

/// Bounds of the default grace, which is a quarter of the interval between firings.
const GRACE: (SignedDuration, SignedDuration) = (SignedDuration::from_mins(2), SignedDuration::from_hours(1));

/// How a pipeline fires, and what its reports have to say.
#[derive(Clone, Debug)]
pub struct Expectation {
    /// Namespace and name of the pipeline.
    pub pipeline: PipelineRef,
    /// Account and region of its resources.
    pub location: Location,
    /// Its schedule.
    pub schedule: Schedule,
    /// The times between which it fires.
    pub window: Window,
    /// Whether the schedule fires nothing for now.
    pub suspended: bool,
    /// Whether its runs are reported: the sender and the runner are both built in.
    pub reports_runs: bool,
    /// Whether the conditions still have to say that its runs are not reported.
    pub condition_missing: bool,
    /// Since when the schedule has been as it is.
    pub since: Timestamp,
    /// `spec.missedAfterSeconds`: how late a firing may be.
    pub missed_after_seconds: Option<u32>,
    /// `spec.flexibleWindowMinutes`: how much later than due EventBridge may fire.
    pub flexible_window_minutes: Option<u32>,
    /// ARN of its schedule.
    pub schedule_arn: String,
    /// Number of tasks of a firing.
    pub tasks: u32,
    /// Name of the sender function.
    pub sender: String,
    /// Name of the dead-letter queue of firings that were not handed over to the sender, or that the sender failed on.
    pub undelivered: String,
}

/// The expectations of all pipelines, by UID.
#[derive(Debug, Default)]
pub struct Expectations {
    pipelines: Mutex<HashMap<String, Entry>>,
}

#[derive(Debug)]
struct Entry {
    expectation: Expectation,
    /// Due times of the runs in the status that have begun.
    begun: BTreeSet<Timestamp>,
    /// Firings until this time were checked.
    judged: Timestamp,
    /// Runs fired by hand of which some tasks have not begun, by id.
    by_hand: BTreeMap<String, RunRef>,
}

/// A pipeline with runs, or tasks of runs, that are overdue; or one whose conditions still have to say that its runs
/// are not reported.
#[derive(Clone, Debug)]
pub struct Overdue {
    /// UID of the pipeline.
    pub uid: String,
    /// How it fires.
    pub expectation: Expectation,
    /// The overdue runs.
    pub runs: Vec<RunRef>,
}

impl Expectations {
    /// Sets how a pipeline fires, and which of its runs are known.
    pub fn expect(&self, uid: &str, expectation: Expectation, runs: &[Run]) {
        let mut pipelines = self.pipelines.lock();
        let (judged, by_hand) = match pipelines.remove(uid) {
            None => (expectation.since, BTreeMap::new()),
            Some(entry) => (entry.judged.max(expectation.since), entry.by_hand),
        };
        let mut entry = Entry { expectation, begun: BTreeSet::new(), judged, by_hand };
        entry.hear(runs);
        pipelines.insert(uid.to_owned(), entry);
    }

    /// Expects a run that was fired by hand.
    pub fn fired(&self, uid: &str, run: RunRef) {
        if let Some(entry) = self.pipelines.lock().get_mut(uid) {
            entry.by_hand.insert(run.run_id.clone(), run);
        }
    }

    /// Updates which runs of a pipeline are known.
    pub fn heard(&self, uid: &str, runs: &[Run]) {
        if let Some(entry) = self.pipelines.lock().get_mut(uid) {
            entry.hear(runs);
        }
    }

    /// Drops a pipeline.
    pub fn forget(&self, uid: &str) {
        self.pipelines.lock().remove(uid);
    }

    /// The pipelines of an account and region with overdue runs, given that all reports until `read` were recorded:
    /// runs whose grace has passed without a report.
    pub fn overdue(&self, location: &Location, read: Timestamp) -> Vec<Overdue> {
        let mut pipelines = self.pipelines.lock();
        let here = pipelines.iter_mut().filter(|(_, entry)| entry.expectation.location == *location);
        here.filter_map(|(uid, entry)| {
            let until = read.saturating_sub(entry.expectation.grace(read)).unwrap_or(Timestamp::MIN);
            let runs = entry.overdue(until);
            if runs.is_empty() {
                entry.judged = entry.judged.max(until);
            }
            let overdue = Overdue { uid: uid.clone(), expectation: entry.expectation.clone(), runs };
            (!overdue.runs.is_empty() || overdue.expectation.condition_missing).then_some(overdue)
        })
        .collect()
    }

    /// Marks overdue runs as handled: they were written as missed, or a report of them has arrived.
    pub fn judged(&self, uid: &str, runs: &[RunRef]) {
        if let Some(entry) = self.pipelines.lock().get_mut(uid) {
            entry.by_hand.retain(|id, _| !runs.iter().any(|run| run.run_id == *id));
            let firings = runs.iter().filter(|run| run.trigger == Trigger::Schedule).map(was_due);
            entry.judged = firings.max().map_or(entry.judged, |last| entry.judged.max(last));
            entry.expectation.condition_missing = false;
        }
    }
}

impl Entry {
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
        if !self.expectation.reports_runs {
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
    /// The time after which a firing without a report counts as missed.
    fn grace(&self, now: Timestamp) -> SignedDuration {
        let quarter = || {
            let interval = self.schedule.interval(now, &self.window);
            interval.map_or(GRACE.1, |interval| (interval / 4).clamp(GRACE.0, GRACE.1))
        };
        let grace = self.missed_after_seconds.map_or_else(quarter, |seconds| SignedDuration::from_secs(seconds.into()));
        grace + SignedDuration::from_mins(self.flexible_window_minutes.unwrap_or(0).into())
    }

    /// Where a run without a report may have got lost, and what to check.
    pub fn hop(&self, trigger: Trigger) -> String {
        let Self { sender, undelivered, .. } = self;
        let what = match trigger {
            Trigger::Schedule => "EventBridge Scheduler did not hand it to the sender, or the sender failed",
            Trigger::Manual => "the sender failed",
        };
        format!("{what}; look at the log of {sender} and at queue {undelivered}")
    }

    /// The run of a firing of the schedule.
    pub(crate) fn run(&self, firing: Timestamp) -> RunRef {
        let scheduled_time = firing.to_string();
        RunRef {
            run_id: scheduled_run_id(&self.schedule_arn, &scheduled_time),
            scheduled_time,
            trigger: Trigger::Schedule,
            tasks: self.tasks,
        }
    }
}

/// A reference to a run that was fired by hand and is in the status. Its marks tell the number of its tasks.
fn by_hand(run: &Run) -> RunRef {
    RunRef {
        run_id: run.run_id.clone(),
        scheduled_time: run.scheduled_time.clone(),
        trigger: Trigger::Manual,
        tasks: u32::try_from(run.marks.len()).unwrap_or(u32::MAX),
    }
}

#[cfg(test)]
mod tests;
