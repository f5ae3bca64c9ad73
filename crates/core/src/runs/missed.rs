//! Which firings are expected, and which of them were missed.
//!
//! Three producers feed this table: reconciles (how a pipeline fires), the recorder of runs (which runs are known), and
//! the reader of the inbox (until when all reports were read). A firing counts as missed only when its grace has passed
//! and the inbox was drained after that, so an operator that was down first reads the reports of the meantime. The
//! table lives in the process only; the next reconciles rebuild it from the status.
//!
//! A run that was heard of came. What of it has not begun waits in the queue, and may do so for as long as there is
//! something in front of it: it counts as missed only once the queue holds nothing any more, or nothing has moved for
//! long.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use api::{Run, RunTrigger};
use jiff::{SignedDuration, Timestamp};
use parking_lot::Mutex;
use protocol::{PipelineRef, RunRef, Trigger, scheduled_run_id};
use schedule::{Schedule, Window};

use crate::location::Location;
use crate::runs::verdict::Cause;
use crate::runs::{MAX_RUNS, due, progress, waits, was_due};

/// Time that AWS takes to apply a new or changed schedule. Firings that are due in it are not expected.
const TAKING_OVER: SignedDuration = SignedDuration::from_mins(1);

/// Bounds of the default grace, which is a quarter of the interval between firings.
const GRACE: (SignedDuration, SignedDuration) = (SignedDuration::from_mins(2), SignedDuration::from_hours(1));

/// How much the time in a firing may differ from the time that was asked for: EventBridge Scheduler keeps to the minute.
/// <https://docs.aws.amazon.com/scheduler/latest/UserGuide/schedule-types.html>
const NEAR: SignedDuration = SignedDuration::from_secs(30);

/// Time that SQS takes to count right once nothing is sent any more.
/// <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_GetQueueAttributes.html>
const SETTLES: SignedDuration = SignedDuration::from_mins(1);

/// Time between two counts of a queue in which tasks wait.
const COUNTED: SignedDuration = SignedDuration::from_secs(30);

/// Time without a report of the runner after which the tasks in a queue are stuck, unless its tasks may take longer.
const STUCK: SignedDuration = SignedDuration::from_hours(1);

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
    /// How long its queue of tasks keeps a message.
    pub retention: SignedDuration,
    /// The longest that a task which has begun may go without a report of it: until it ends, or begins once more.
    pub silence: SignedDuration,
}

/// The expectations of all pipelines, by UID.
#[derive(Debug, Default)]
pub struct Expectations {
    pipelines: Mutex<HashMap<String, Entry>>,
}

#[derive(Debug)]
struct Entry {
    expectation: Expectation,
    /// Due times of the schedule's runs in the status.
    heard: BTreeSet<Timestamp>,
    /// Firings until this time were checked.
    judged: Timestamp,
    /// Runs fired by hand of which nothing was heard yet, by id.
    by_hand: BTreeMap<String, RunRef>,
    /// Runs of which some tasks have not begun, by id.
    waiting: BTreeMap<String, RunRef>,
    /// What the runner has reported of all runs.
    progress: u64,
    /// When that changed last.
    moved: Timestamp,
    /// When the queue of tasks was counted last while runs waited.
    counted: Option<Timestamp>,
    /// Since when all counts showed it empty.
    empty_since: Option<Timestamp>,
}

/// A pipeline with runs, or tasks of runs, that are overdue; or one whose conditions still have to say that its runs
/// are not reported.
#[derive(Clone, Debug)]
pub struct Overdue {
    /// UID of the pipeline.
    pub uid: String,
    /// How it fires.
    pub expectation: Expectation,
    /// The overdue runs, and what is wrong with each.
    pub runs: Vec<(RunRef, Cause)>,
}

impl Expectations {
    /// Sets how a pipeline fires, and which of its runs are known by `now`.
    pub fn expect(&self, uid: &str, expectation: Expectation, runs: &[Run], now: Timestamp) {
        let mut pipelines = self.pipelines.lock();
        let mut entry = match pipelines.remove(uid) {
            None => Entry::new(expectation, now),
            Some(entry) => Entry { judged: entry.judged.max(expectation.since), expectation, ..entry },
        };
        entry.hear(runs, now);
        pipelines.insert(uid.to_owned(), entry);
    }

    /// Expects a run that was fired by hand.
    pub fn fired(&self, uid: &str, run: RunRef) {
        if let Some(entry) = self.pipelines.lock().get_mut(uid) {
            entry.by_hand.insert(run.run_id.clone(), run);
        }
    }

    /// Whether a run that was fired by hand has not been heard of yet.
    pub fn awaits_run_by_hand(&self, uid: &str) -> bool {
        self.pipelines.lock().get(uid).is_some_and(|entry| !entry.by_hand.is_empty())
    }

    /// Updates which runs of a pipeline are known by `now`.
    pub fn heard(&self, uid: &str, runs: &[Run], now: Timestamp) {
        if let Some(entry) = self.pipelines.lock().get_mut(uid) {
            entry.hear(runs, now);
        }
    }

    /// UIDs of the pipelines of an account and region whose queues of tasks have to be counted before
    /// [`Expectations::overdue`] can judge the runs that wait in them.
    pub fn uncounted(&self, location: &Location, now: Timestamp) -> Vec<String> {
        let mut pipelines = self.pipelines.lock();
        let here = pipelines.iter_mut().filter(|(_, entry)| entry.expectation.location == *location);
        let due = here.filter_map(|(uid, entry)| {
            if !entry.has_late_tasks(now) {
                (entry.counted, entry.empty_since) = (None, None);
                return None;
            }
            let recent = entry.counted.is_some_and(|at| now.duration_since(at) < COUNTED);
            (!recent).then(|| uid.clone())
        });
        due.collect()
    }

    /// Takes a count of the messages in a pipeline's queue of tasks, those that the runner has among them.
    pub fn counted(&self, uid: &str, messages: u64, now: Timestamp) {
        if let Some(entry) = self.pipelines.lock().get_mut(uid) {
            entry.counted = Some(now);
            entry.empty_since = if messages == 0 { entry.empty_since.or(Some(now)) } else { None };
        }
    }

    /// Drops a pipeline.
    pub fn forget(&self, uid: &str) {
        self.pipelines.lock().remove(uid);
    }

    /// The pipelines of an account and region with overdue runs, given that all reports until `read` were recorded:
    /// runs whose grace has passed without a report, and those whose tasks will not begin any more.
    pub fn overdue(&self, location: &Location, read: Timestamp) -> Vec<Overdue> {
        let mut pipelines = self.pipelines.lock();
        let here = pipelines.iter_mut().filter(|(_, entry)| entry.expectation.location == *location);
        here.filter_map(|(uid, entry)| {
            let until = entry.expectation.grace_passed(read);
            let mut runs = entry.unheard(until);
            if runs.is_empty() {
                entry.judged = entry.judged.max(until);
            }
            runs.extend(entry.waiting.values().filter_map(|run| Some((run.clone(), entry.cause(run, read)?))));
            let overdue = Overdue { uid: uid.clone(), expectation: entry.expectation.clone(), runs };
            (!overdue.runs.is_empty() || overdue.expectation.condition_missing).then_some(overdue)
        })
        .collect()
    }

    /// Marks overdue runs as handled: they were written as missed, or a report of them has arrived.
    pub fn judged(&self, uid: &str, runs: &[(RunRef, Cause)]) {
        if let Some(entry) = self.pipelines.lock().get_mut(uid) {
            let unheard = || runs.iter().filter(|(_, cause)| *cause == Cause::Unheard).map(|(run, _)| run);
            entry.by_hand.retain(|id, _| !unheard().any(|run| run.run_id == *id));
            let firings = unheard().filter(|run| run.trigger == Trigger::Schedule).map(was_due);
            entry.judged = firings.max().map_or(entry.judged, |last| entry.judged.max(last));
            entry.expectation.condition_missing = false;
        }
    }
}

impl Entry {
    fn new(expectation: Expectation, now: Timestamp) -> Self {
        Self {
            judged: expectation.since,
            expectation,
            heard: BTreeSet::new(),
            by_hand: BTreeMap::new(),
            waiting: BTreeMap::new(),
            progress: progress(&[]),
            moved: now,
            counted: None,
            empty_since: None,
        }
    }

    fn hear(&mut self, runs: &[Run], now: Timestamp) {
        self.heard = runs.iter().filter(|run| run.trigger == RunTrigger::Schedule).map(due).collect();
        self.by_hand.retain(|id, _| !runs.iter().any(|run| run.run_id == *id));
        self.waiting = runs.iter().filter(|run| waits(run)).map(|run| (run.run_id.clone(), reference(run))).collect();
        let progress = progress(runs);
        if progress != self.progress {
            (self.progress, self.moved) = (progress, now);
        }
    }

    /// The runs until a time of which nothing was heard.
    fn unheard(&self, until: Timestamp) -> Vec<(RunRef, Cause)> {
        if !self.expectation.reports_runs {
            return Vec::new();
        }
        let by_hand = self.by_hand.values().filter(|run| was_due(run) <= until).cloned();
        let firings = self.unheard_firings(until).into_iter().map(|firing| self.expectation.run(firing));
        firings.chain(by_hand).map(|run| (run, Cause::Unheard)).collect()
    }

    fn unheard_firings(&self, until: Timestamp) -> Vec<Timestamp> {
        let Expectation { schedule, window, suspended, since, .. } = &self.expectation;
        if *suspended {
            return Vec::new();
        }
        let from = self.judged.max(since.saturating_add(TAKING_OVER).unwrap_or(Timestamp::MAX));
        let anchor = self.heard.last().copied();
        let expected = schedule.last_between(anchor, from, until, window, MAX_RUNS);
        let near = schedule.rate().map_or(NEAR, |rate| rate / 2);
        without(expected, self.heard.clone(), near, self.expectation.flexible_window())
    }

    /// Whether tasks should have begun by now, and have not.
    fn has_late_tasks(&self, now: Timestamp) -> bool {
        let until = self.expectation.grace_passed(now);
        self.waiting.values().any(|run| was_due(run) <= until)
    }

    /// Why the waiting tasks of a run will not begin any more, if they won't.
    fn cause(&self, run: &RunRef, read: Timestamp) -> Option<Cause> {
        let Expectation { retention, silence, .. } = &self.expectation;
        let grace = self.expectation.grace(read);
        let passed = |since: Timestamp, time: SignedDuration| read.duration_since(since) >= time;
        let due = was_due(run);
        if !passed(due, grace) {
            return None;
        }
        let late = due.saturating_add(grace).unwrap_or(Timestamp::MAX);
        // What was taken from the queue was reported before.
        let is_empty = || {
            let since = self.empty_since?.max(late);
            Some(since <= read && self.counted?.duration_since(since) >= SETTLES)
        };
        if passed(due, *retention) || is_empty() == Some(true) {
            return Some(Cause::Lost);
        }
        passed(self.moved.max(due), STUCK.max(*silence).max(grace)).then_some(Cause::Stuck)
    }
}

/// The firings of which no run was heard. A run is of the firing that it is nearest to, else of one before it within the
/// flexible `window`.
fn without(
    firings: Vec<Timestamp>,
    mut heard: BTreeSet<Timestamp>,
    near: SignedDuration,
    window: SignedDuration,
) -> Vec<Timestamp> {
    let mut take = |firing: Timestamp, before: SignedDuration, after: SignedDuration| {
        let from = firing.saturating_sub(before).unwrap_or(Timestamp::MIN);
        let to = firing.saturating_add(after).unwrap_or(Timestamp::MAX);
        let nearest = heard.range(from..=to).min_by_key(|at| at.duration_since(firing).abs()).copied();
        nearest.is_some_and(|at| heard.remove(&at))
    };
    let late: Vec<Timestamp> = firings.into_iter().filter(|firing| !take(*firing, near, near)).collect();
    late.into_iter().filter(|firing| !take(*firing, near, window + near)).collect()
}

impl Expectation {
    /// The time after which a firing without a report counts as missed.
    fn grace(&self, now: Timestamp) -> SignedDuration {
        let quarter = || {
            let interval = self.schedule.interval(now, &self.window);
            interval.map_or(GRACE.1, |interval| (interval / 4).clamp(GRACE.0, GRACE.1))
        };
        let grace = self.missed_after_seconds.map_or_else(quarter, |seconds| SignedDuration::from_secs(seconds.into()));
        grace + self.flexible_window()
    }

    /// What was due until this time has had its grace by `read`.
    fn grace_passed(&self, read: Timestamp) -> Timestamp {
        read.saturating_sub(self.grace(read)).unwrap_or(Timestamp::MIN)
    }

    fn flexible_window(&self) -> SignedDuration {
        SignedDuration::from_mins(self.flexible_window_minutes.unwrap_or(0).into())
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

/// A reference to a run in the status. Its marks tell the number of its tasks.
fn reference(run: &Run) -> RunRef {
    RunRef {
        run_id: run.run_id.clone(),
        scheduled_time: run.scheduled_time.clone(),
        trigger: match run.trigger {
            RunTrigger::Schedule => Trigger::Schedule,
            RunTrigger::Manual => Trigger::Manual,
        },
        tasks: u32::try_from(run.marks.len()).unwrap_or(u32::MAX),
    }
}

#[cfg(test)]
mod tests;
