//! The conditions that follow from runs: whether results reach their channels, and whether firings come.

use api::{Run, RunCounts, RunResult, RunTrigger, ScheduledTaskPipelineSpec};
use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};
use protocol::RunRef;

use super::{entry, mark, task};
use crate::reason::Reported;
use crate::text::bounded_line;

/// Maximum size of a condition's message in bytes. It names a run, and where the run got stuck.
const MAX_MESSAGE: usize = 1024;

/// What is wrong with an overdue run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cause {
    /// Nothing was heard of it.
    Unheard,
    /// Tasks of it lie in the queue, and nothing has moved there for long.
    Stuck,
    /// The queue holds nothing any more, and tasks of it were never reported.
    Lost,
}

impl Cause {
    /// Where the tasks of a run got stuck that was heard of.
    const fn message(self) -> &'static str {
        match self {
            Self::Unheard | Self::Stuck => {
                "it is on the queue, and the runner has not begun: look at the event source mapping, the runner's log \
                 and its concurrency"
            }
            Self::Lost => {
                "it is not on the queue any more, and the runner has not reported it: look at the runner's log and at \
                 the dead-letter queue of tasks"
            }
        }
    }
}

/// Marks a run as missed: all of it if there was no report of it, else the tasks that have not begun.
pub fn missing(runs: &mut Vec<Run>, about: &RunRef, cause: Cause, hop: &str) {
    let known = runs.iter().any(|run| run.run_id == about.run_id);
    match (known, cause) {
        (false, Cause::Unheard) => {
            let mut run = super::unheard_of(about);
            run.counts = RunCounts { missed: about.tasks, ..RunCounts::default() };
            run.message = Some(format!("no report of it: {hop}"));
            runs.push(run);
        }
        // A report has come meanwhile, or the run has become too old to be kept.
        (true, Cause::Unheard) | (false, Cause::Stuck | Cause::Lost) => {}
        (true, Cause::Stuck | Cause::Lost) => {
            let Some(run) = entry(runs, about) else { return };
            if super::waits(run) {
                task::miss(run);
                run.message = run.message.take().or_else(|| Some(cause.message().to_owned()));
            }
        }
    }
}

/// Status, reason and message of a condition.
struct Word {
    type_: &'static str,
    status: &'static str,
    reason: Reported,
    message: String,
}

/// Whether the sender or the runner is the user's own code, which does not report runs.
pub fn reports_nothing(spec: &ScheduledTaskPipelineSpec) -> bool {
    spec.sender.hop.code.is_some() || spec.runner.hop.code.is_some()
}

/// The conditions `Delivering` and `OnTime`, each if a run decides it; both `Unknown` if runs are not reported.
pub fn conditions(
    runs: &[Run],
    spec: &ScheduledTaskPipelineSpec,
    before: &[Condition],
    generation: i64,
    now: Timestamp,
) -> Vec<Condition> {
    let words = if reports_nothing(spec) {
        let message = "a function of your own is between the schedule and the channels, and reports nothing";
        let word =
            |type_| Word { type_, status: "Unknown", reason: Reported::NotReported, message: message.to_owned() };
        vec![word("Delivering"), word("OnTime")]
    } else {
        delivering(runs).into_iter().chain(on_time(runs)).collect()
    };
    let condition = |Word { type_, status, reason, message }| {
        let same = before.iter().find(|old| old.type_ == type_ && old.status == status);
        Condition {
            type_: str::to_owned(type_),
            status: str::to_owned(status),
            reason: reason.to_string(),
            message: bounded_line(&message, MAX_MESSAGE),
            observed_generation: Some(generation),
            last_transition_time: same.map_or_else(
                || Time(now.round(jiff::Unit::Second).unwrap_or(now)),
                |same| same.last_transition_time.clone(),
            ),
        }
    };
    words.into_iter().map(condition).collect()
}

/// Derived from the newest run with a delivery that succeeded or was given up.
fn delivering(runs: &[Run]) -> Option<Word> {
    let newest = runs.iter().find(|run| run.delivered_at.is_some() || !run.undelivered.is_empty())?;
    let type_ = "Delivering";
    Some(match newest.undelivered.first() {
        None => Word {
            type_,
            status: "True",
            reason: Reported::Delivered,
            message: format!("results of the run of {} were delivered to their channels", newest.scheduled_time),
        },
        Some(lost) => {
            let more = match newest.undelivered.len() - 1 {
                0 => String::new(),
                more => format!(" (and {more} more, see runs)"),
            };
            let message = format!(
                "channel `{}` did not get the result of task `{}` of the run of {}: {}{more}; it is in the dead-letter \
                 queue of tasks",
                lost.channel, lost.task, newest.scheduled_time, lost.error
            );
            Word { type_, status: "False", reason: Reported::DeliveryFailed, message }
        }
    })
}

/// Derived from the newest firing of the schedule that has begun or was missed.
fn on_time(runs: &[Run]) -> Option<Word> {
    let begun = |run: &&Run| run.marks.is_empty() || run.marks.bytes().any(|mark| mark != mark::WAITING);
    let last = runs.iter().filter(|run| run.trigger == RunTrigger::Schedule).find(begun)?;
    let type_ = "OnTime";
    Some(if last.result == RunResult::Missed || last.counts.missed > 0 {
        let message = format!(
            "the run of {} is missing {} of its tasks: {}",
            last.scheduled_time,
            last.counts.missed,
            last.message.as_deref().unwrap_or(Cause::Stuck.message())
        );
        Word { type_, status: "False", reason: Reported::Missed, message }
    } else {
        let message = format!("the firing of {} came", last.scheduled_time);
        Word { type_, status: "True", reason: Reported::OnTime, message }
    })
}
