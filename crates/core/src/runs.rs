//! The runs of a pipeline, computed from the events that its sender and runner report.
//!
//! Updates form a join-semilattice (commutative, associative, idempotent): events may arrive late, twice or in any
//! order, and the same events always give the same runs. Each value only ever grows in its own order: a task from
//! waiting to done, a time to the first or the last of its kind. Pure; other modules decide what is written, and where.

mod events;
pub mod missed;
mod task;
mod verdict;

use std::hash::{DefaultHasher, Hash as _, Hasher as _};

use api::{Run, RunCounts, RunResult, RunTrigger};
use jiff::Timestamp;
use protocol::{RunRef, Trigger};

pub use events::tell;
pub use verdict::{Cause, conditions, missing, reports_nothing};

/// Number of runs that are kept, the newest.
pub const MAX_RUNS: usize = 10;

/// Number of tasks that a run shows.
const MAX_ROWS: usize = 10;

/// Maximum size of all runs in bytes: keeps the status below 64 KB with everything else in it.
const MAX_BYTES: usize = 30_000;

/// Marks of tasks in [`Run::marks`], in ascending order: an update never lowers a task's mark.
pub(crate) mod mark {
    /// No report of the task yet.
    pub(crate) const WAITING: u8 = b'.';
    /// It did not begin in time.
    pub(crate) const MISSED: u8 = b'm';
    /// An attempt has begun, and its end is not reported yet.
    pub(crate) const RUNNING: u8 = b'r';
    /// The last attempt failed.
    pub(crate) const FAILED: u8 = b'f';
    /// An attempt succeeded.
    pub(crate) const SUCCEEDED: u8 = b's';

    /// The rank of a mark in this order.
    pub(crate) fn rank(mark: u8) -> usize {
        [WAITING, MISSED, RUNNING, FAILED, SUCCEEDED].iter().position(|known| *known == mark).unwrap_or_default()
    }
}

/// The run that events are about, added if it is not known yet; `None` if they contradict what is known.
fn entry<'runs>(runs: &'runs mut Vec<Run>, about: &RunRef) -> Option<&'runs mut Run> {
    let at = runs.iter().position(|run| run.run_id == about.run_id).unwrap_or_else(|| {
        runs.push(unheard_of(about));
        runs.len() - 1
    });
    let run = runs.get_mut(at)?;
    let tasks = usize::try_from(about.tasks).ok()?;
    if run.marks.is_empty() {
        run.marks = char::from(mark::WAITING).to_string().repeat(tasks);
        // It was called missed, and has come.
        run.message = None;
    }
    (run.marks.len() == tasks).then_some(run)
}

/// A run of which nothing was reported yet.
fn unheard_of(about: &RunRef) -> Run {
    Run {
        run_id: about.run_id.clone(),
        scheduled_time: about.scheduled_time.clone(),
        trigger: match about.trigger {
            Trigger::Schedule => RunTrigger::Schedule,
            Trigger::Manual => RunTrigger::Manual,
        },
        result: RunResult::Running,
        started_at: None,
        finished_at: None,
        counts: RunCounts::default(),
        message: None,
        tasks: Vec::new(),
        marks: String::new(),
        delivered_at: None,
        undelivered: Vec::new(),
    }
}

/// Brings runs into the form that the status shows: newest first, the last [`MAX_RUNS`], with results derived from
/// their tasks, and within their size.
pub fn settle(runs: &mut Vec<Run>) {
    runs.sort_by(|a, b| (due(b), &b.run_id).cmp(&(due(a), &a.run_id)));
    runs.truncate(MAX_RUNS);
    for run in &mut *runs {
        task::settle(run);
        conclude(run);
    }
    fit(runs);
}

/// When a run was due.
pub fn due(run: &Run) -> Timestamp {
    run.scheduled_time.parse().unwrap_or(Timestamp::MIN)
}

/// When the run that events are about was due.
pub fn was_due(about: &RunRef) -> Timestamp {
    about.scheduled_time.parse().unwrap_or(Timestamp::MIN)
}

/// Whether some tasks of a run have not begun, and were not reported as missed either.
pub(crate) fn waits(run: &Run) -> bool {
    run.marks.bytes().any(|mark| mark == mark::WAITING)
}

/// A hash of all that the runner has reported. A run that was merely fired does not change it.
pub(crate) fn progress(runs: &[Run]) -> u64 {
    let mut hasher = DefaultHasher::new();
    let begun = |run: &&Run| run.marks.bytes().any(|one| mark::rank(one) >= mark::rank(mark::RUNNING));
    for run in runs.iter().filter(begun) {
        let attempts: Vec<u32> = run.tasks.iter().map(|task| task.attempts).collect();
        let Run { run_id, marks, started_at, finished_at, delivered_at, undelivered, .. } = run;
        (run_id, marks, started_at, finished_at, delivered_at, undelivered.len(), attempts).hash(&mut hasher);
    }
    hasher.finish()
}

/// Derives result and counts from the marks.
fn conclude(run: &mut Run) {
    if run.marks.is_empty() {
        // Without a report, the number of tasks is not known.
        run.result = RunResult::Missed;
        return;
    }
    let count =
        |marks: &[u8]| u32::try_from(run.marks.bytes().filter(|mark| marks.contains(mark)).count()).unwrap_or(0);
    let counts = RunCounts {
        succeeded: count(&[mark::SUCCEEDED]),
        failed: count(&[mark::FAILED]),
        running: count(&[mark::WAITING, mark::RUNNING]),
        missed: count(&[mark::MISSED]),
    };
    run.result = match counts {
        RunCounts { succeeded: 0, failed: 0, missed: 1.., .. } if count(&[mark::RUNNING]) == 0 => RunResult::Missed,
        RunCounts { running: 1.., .. } => RunResult::Running,
        RunCounts { failed: 0, missed: 0, .. } => RunResult::Succeeded,
        RunCounts { succeeded: 0, .. } => RunResult::Failed,
        RunCounts { .. } => RunResult::Partial,
    };
    if counts.missed == 0 && count(&[mark::WAITING]) == 0 {
        // All tasks have begun, so the message about where they got stuck is out of date.
        run.message = None;
    }
    run.counts = counts;
}

/// Shrinks runs to [`MAX_BYTES`], the oldest first: drops texts, then tasks. The newest run keeps everything.
fn fit(runs: &mut [Run]) {
    let without_texts = |run: &mut Run| {
        run.tasks.iter_mut().for_each(|task| task.error = None);
        run.undelivered.iter_mut().for_each(|lost| lost.error.clear());
    };
    let without_tasks = |run: &mut Run| {
        run.tasks.clear();
        run.undelivered.truncate(1);
    };
    let bytes = |runs: &[Run]| serde_json::to_string(runs).map_or(0, |json| json.len());
    for shorten in [&without_texts as &dyn Fn(&mut Run), &without_tasks] {
        for oldest in (1..runs.len()).rev() {
            if bytes(runs) <= MAX_BYTES {
                return;
            }
            shorten(&mut runs[oldest]);
        }
    }
}

#[cfg(test)]
mod tests;
