//! Which firings are expected, and which of them nobody has heard of.
//!
//! Three producers feed this table: reconciles (how a pipeline fires), the recorder of runs (which runs are known), and the
//! reader of the inbox (until when all reports were read). A firing counts as missed only when its grace has passed and the
//! inbox was read to its end after that: an operator that was away first hears what happened meanwhile. Kept in the process
//! alone; the status has what lasts, and the next reconcile says the rest again.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use api::{Run, RunTrigger};
use jiff::{SignedDuration, Timestamp};
use parking_lot::Mutex;
use protocol::{PipelineRef, RunRef, Trigger, scheduled_run_id};
use schedule::{Schedule, Window};

use crate::location::Location;
use crate::runs::{MAX_RUNS, due, has_begun, was_due};

/// A new or changed schedule may miss what is due in its first minute: AWS takes its time to take it over.
const TAKING_OVER: SignedDuration = SignedDuration::from_mins(1);

/// The grace where the spec names none: a quarter of the interval between firings, within these.
const GRACE: (SignedDuration, SignedDuration) = (SignedDuration::from_mins(2), SignedDuration::from_hours(1));

/// How a pipeline fires.
#[derive(Clone, Debug)]
pub struct Expectation {
    /// Which pipeline.
    pub pipeline: PipelineRef,
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
    /// UID of the pipeline.
    pub uid: String,
    /// How it fires.
    pub expectation: Expectation,
    /// What they would have been.
    pub runs: Vec<RunRef>,
}

impl Expectations {
    /// Takes over how a pipeline fires, and which of its runs are known.
    pub fn expect(&self, uid: &str, expectation: Expectation, runs: &[Run]) {
        let mut pipelines = self.pipelines.lock();
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
        if let Some(kept) = self.pipelines.lock().get_mut(uid) {
            kept.by_hand.insert(run.run_id.clone(), run);
        }
    }

    /// Takes over which runs of a pipeline are known.
    pub fn heard(&self, uid: &str, runs: &[Run]) {
        if let Some(kept) = self.pipelines.lock().get_mut(uid) {
            kept.hear(runs);
        }
    }

    /// Drops what is known of a pipeline.
    pub fn forget(&self, uid: &str) {
        self.pipelines.lock().remove(uid);
    }

    /// The pipelines of a place with runs that are past their grace, when all that was reported until `read` is known,
    /// and that nobody has heard of.
    pub fn overdue(&self, location: &Location, read: Timestamp) -> Vec<Overdue> {
        let mut pipelines = self.pipelines.lock();
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

    /// The overdue firings were reported as missed, or a report of them has arrived.
    pub fn judged(&self, uid: &str, runs: &[RunRef]) {
        if let Some(kept) = self.pipelines.lock().get_mut(uid) {
            kept.by_hand.retain(|id, _| !runs.iter().any(|run| run.run_id == *id));
            let firings = runs.iter().filter(|run| run.trigger == Trigger::Schedule).map(was_due);
            kept.judged = firings.max().map_or(kept.judged, |last| kept.judged.max(last));
            kept.expectation.unsaid = false;
        }
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
mod tests;
