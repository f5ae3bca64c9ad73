//! Applies the events of a report to the runs.

use api::{Run, Undelivered};
use jiff::Timestamp;
use protocol::{RunEvent, RunRef, Status};

use super::task::{self, TaskReport};
use super::{MAX_ROWS, entry, mark};

/// Applies events of one run. [`super::settle`] has to be called afterwards.
pub fn tell(runs: &mut Vec<Run>, about: &RunRef, events: &[RunEvent]) {
    let Some(run) = entry(runs, about) else { return };
    for one in events {
        add(run, one);
    }
}

fn add(run: &mut Run, event: &RunEvent) {
    match event {
        RunEvent::Fired { at: _, tasks, unsent } => {
            if tasks.len() <= MAX_ROWS {
                for (position, name) in (0..).zip(tasks) {
                    let row =
                        TaskReport { name, position, mark: mark::WAITING, attempts: 0, duration_ms: None, error: None };
                    task::see(run, row);
                }
            }
            let stuck =
                unsent.as_ref().map(|reason| format!("the sender could not put all of it on the queue: {reason}"));
            run.message = run.message.take().max(stuck);
        }
        RunEvent::Started { at, task: name, position, attempt } => {
            first(&mut run.started_at, *at);
            let (position, attempts) = (*position, *attempt);
            task::see(
                run,
                TaskReport { name, position, mark: mark::RUNNING, attempts, duration_ms: None, error: None },
            );
        }
        RunEvent::Ended { at, task: name, position, attempt, status, again, duration_ms, error } => {
            let began = i64::try_from(*duration_ms)
                .ok()
                .and_then(|ms| at.checked_sub(jiff::SignedDuration::from_millis(ms)).ok());
            first(&mut run.started_at, began.unwrap_or(*at));
            let mark = match (status, again) {
                (Status::Succeeded, _) => mark::SUCCEEDED,
                (Status::Failed, false) => mark::FAILED,
                (Status::Failed, true) => mark::RUNNING,
            };
            if mark != mark::RUNNING {
                last(&mut run.finished_at, *at);
            }
            let (position, attempts, duration_ms) = (*position, *attempt, Some(*duration_ms));
            task::see(run, TaskReport { name, position, mark, attempts, duration_ms, error: error.clone() });
        }
        RunEvent::Delivered { at, task: _, channel: _ } => last(&mut run.delivered_at, *at),
        RunEvent::GaveUp { at: _, task, channel, reason } => {
            run.undelivered.push(Undelivered { task: task.clone(), channel: channel.clone(), error: reason.clone() });
        }
    }
}

/// Keeps the earlier of two moments.
fn first(known: &mut Option<String>, at: Timestamp) {
    if moment(known.as_ref()).is_none_or(|known| at < known) {
        *known = Some(to_seconds(at));
    }
}

/// Keeps the later of two moments.
fn last(known: &mut Option<String>, at: Timestamp) {
    if moment(known.as_ref()).is_none_or(|known| at > known) {
        *known = Some(to_seconds(at));
    }
}

fn moment(known: Option<&String>) -> Option<Timestamp> {
    known?.parse().ok()
}

/// A timestamp rounded to milliseconds: enough to tell two attempts apart.
fn to_seconds(at: Timestamp) -> String {
    at.round(jiff::Unit::Millisecond).unwrap_or(at).to_string()
}
