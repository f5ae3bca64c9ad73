//! When the counts of a pipeline's queues can be believed, so that its deletion loses nothing.
//!
//! SQS counts approximately: a message that was sent or moved a moment ago may not be counted, neither in the queue that
//! it left nor in the one that it went to. So a queue that is shown empty is believed to be empty only if nothing of the
//! pipeline moved within the minute before; of a pipeline that was at rest, one count is enough.

use std::collections::HashMap;

use api::{PipelineStatus, QueueDepth, Run, RunResult, ScheduledTaskPipelineSpec};
use jiff::{SignedDuration, Timestamp};
use parking_lot::Mutex;
use pipeline_core::runs::due;
use schedule::Window;

/// Time after which SQS counts right once nothing moves: at least a minute, and what a report takes to arrive.
/// <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_GetQueueAttributes.html>
pub(super) const SETTLES: SignedDuration = SignedDuration::from_secs(65);

/// How long a firing may be on its way to the queue, or to the queue of those that were given up, without a report:
/// Scheduler's minute, and Lambda's two retries after one minute and two more.
/// <https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-error-handling.html>
const ON_ITS_WAY: SignedDuration = SignedDuration::from_mins(5);

/// Tolerated difference between two clocks.
const CLOCKS: SignedDuration = SignedDuration::from_secs(30);

/// When something of each pipeline that is being deleted may have moved last, by UID. Lives in the process; after a
/// restart it is found out anew.
#[derive(Debug, Default)]
pub struct Drains {
    moved: Mutex<HashMap<String, Option<Timestamp>>>,
}

impl Drains {
    /// Notes when something may have moved last, as found out while the schedule is still there, or where nothing is known.
    pub(super) fn found(&self, uid: &str, fires: bool, moved: impl FnOnce() -> Option<Timestamp>) {
        let mut known = self.moved.lock();
        let before = known.get(uid).copied();
        if fires || before.is_none() {
            known.insert(uid.to_owned(), before.flatten().max(moved()));
        }
    }

    /// Notes that messages were seen.
    pub(super) fn saw_messages(&self, uid: &str, now: Timestamp) {
        self.moved.lock().insert(uid.to_owned(), Some(now));
    }

    /// How long it takes until counts can be believed; `None` if they can be.
    pub(super) fn unsettled_for(&self, uid: &str, now: Timestamp) -> Option<SignedDuration> {
        let moved = self.moved.lock().get(uid).copied().flatten()?;
        let left = SETTLES.saturating_sub(now.duration_since(moved));
        left.is_positive().then_some(left)
    }

    /// Drops a pipeline.
    pub fn forget(&self, uid: &str) {
        self.moved.lock().remove(uid);
    }
}

/// When something of a pipeline may have moved last, until `now`, as its spec and its status tell.
pub(super) fn moved(
    spec: &ScheduledTaskPipelineSpec,
    status: &PipelineStatus,
    runs: &[Run],
    now: Timestamp,
) -> Option<Timestamp> {
    let QueueDepth { visible, in_flight, dead_letters: _ } = status.queue.unwrap_or_default();
    if visible + in_flight > 0 || runs.iter().any(|run| run.result == RunResult::Running) {
        return Some(now);
    }
    let reported =
        runs.iter().flat_map(|run| [Some(&run.scheduled_time), run.finished_at.as_ref(), run.delivered_at.as_ref()]);
    let reported = reported.flatten().filter_map(|time| time.parse::<Timestamp>().ok());
    let fired = is_fired(spec, status, runs, now).then_some(now);
    reported.chain(fired).map(|time| time.min(now)).max()
}

/// Whether a firing of the schedule may be on its way: one was due lately, and was not heard of.
fn is_fired(spec: &ScheduledTaskPipelineSpec, status: &PipelineStatus, runs: &[Run], now: Timestamp) -> bool {
    if spec.suspend {
        return false;
    }
    // What cannot be parsed was never made, or fires as an earlier spec said.
    let Ok(schedule) = schedule::parse(&spec.schedule, &spec.time_zone) else { return true };
    let window =
        Window { start: spec.start_time.as_ref().map(|time| time.0), end: spec.end_time.as_ref().map(|time| time.0) };
    let next = || status.schedule.as_ref()?.next.first()?.parse().ok();
    let known = runs.first().map(due).or(window.start).or_else(next);
    if schedule.rate().is_some() && known.is_none() {
        return true;
    }
    let late = SignedDuration::from_mins(spec.flexible_window_minutes.unwrap_or(0).into());
    let from = now.saturating_sub(late + ON_ITS_WAY).unwrap_or(Timestamp::MIN);
    let until = now.saturating_add(CLOCKS).unwrap_or(now);
    let is_heard = |firing: Timestamp| {
        let after = |run: &Run| due(run).duration_since(firing);
        runs.iter().any(|run| !run.marks.is_empty() && after(run) >= -CLOCKS && after(run) <= late + CLOCKS)
    };
    schedule.last_between(known, from, until, &window, 1).last().is_some_and(|firing| !is_heard(*firing))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    const NOW: &str = "2026-03-01T12:00:00Z";

    fn at(time: &str) -> Timestamp {
        format!("2026-03-01T{time}Z").parse().unwrap()
    }

    /// Checks when something may have moved last in a pipeline with this spec and status.
    fn check(spec: &Value, status: &Value, expected: Option<&str>) {
        let mut whole = json!({"schedule": "@daily", "tasks": [{"name": "a", "message": {}}]});
        whole.as_object_mut().unwrap().extend(spec.as_object().unwrap().clone());
        let spec = serde_json::from_value(whole).unwrap();
        let parsed: PipelineStatus = serde_json::from_value(status.clone()).unwrap();
        let found = moved(&spec, &parsed, &parsed.runs, NOW.parse().unwrap());
        assert_eq!(found, expected.map(at), "{spec:?} with {status}");
    }

    fn run(due: &str, result: &str, finished: Option<&str>) -> Value {
        let time = |time: &str| format!("2026-03-01T{time}Z");
        json!({"runId": due, "scheduledTime": time(due), "trigger": "Schedule", "result": result, "marks": "s",
               "finishedAt": finished.map(time), "counts": {"succeeded": 1, "failed": 0, "running": 0, "missed": 0}})
    }

    #[test]
    fn runs_that_were_under_way_and_messages_are_signs_of_life() {
        check(&json!({}), &json!({}), None);
        check(&json!({}), &json!({"runs": [run("00:00:00", "Succeeded", None)]}), Some("00:00:00"));
        check(&json!({}), &json!({"runs": [run("00:00:00", "Failed", Some("11:59:10"))]}), Some("11:59:10"));
        check(&json!({}), &json!({"runs": [run("00:00:00", "Running", None)]}), Some("12:00:00"));
        let queue = |visible: u64, dead_letters: u64| json!({"queue": {"visible": visible, "inFlight": 0, "deadLetters": dead_letters}});
        check(&json!({}), &queue(1, 0), Some("12:00:00"));
        check(&json!({}), &queue(0, 3), None);
    }

    #[test]
    fn a_firing_that_was_due_lately_may_be_on_its_way() {
        check(&json!({"schedule": "56 11 * * *"}), &json!({}), Some("12:00:00"));
        let heard = json!({"runs": [run("11:56:00", "Succeeded", Some("11:56:20"))]});
        check(&json!({"schedule": "56 11 * * *"}), &heard, Some("11:56:20"));
        check(&json!({"schedule": "58 11 * * *"}), &heard, Some("12:00:00"));
        check(&json!({"schedule": "0 12 * * *", "suspend": true}), &json!({}), None);
        check(&json!({"schedule": "30 11 * * *"}), &json!({}), None);
        check(&json!({"schedule": "30 11 * * *", "flexibleWindowMinutes": 60}), &json!({}), Some("12:00:00"));
        check(&json!({"schedule": "0 12 * * *", "endTime": "2026-02-01T00:00:00Z"}), &json!({}), None);
        check(&json!({"schedule": "at(2026-03-01T12:00:10)"}), &json!({}), Some("12:00:00"));
        check(&json!({"schedule": "rate(1 hour)"}), &json!({}), Some("12:00:00"));
        check(
            &json!({"schedule": "rate(1 hour)"}),
            &json!({"runs": [run("09:30:00", "Succeeded", None)]}),
            Some("09:30:00"),
        );
        check(&json!({"schedule": "rate(1 hour)", "startTime": "2026-03-01T08:59:00Z"}), &json!({}), Some("12:00:00"));
    }

    #[test]
    fn counts_are_believed_a_minute_after_the_last_sign_of_life() {
        let drains = Drains::default();
        drains.found("quiet", true, || None);
        drains.found("quiet", false, || unreachable!("it is found out once, when the schedule is gone"));
        assert_eq!(drains.unsettled_for("quiet", at("12:00:00")), None);
        drains.found("busy", false, || Some(at("11:59:00")));
        drains.found("busy", true, || Some(at("12:00:00")));
        drains.found("busy", true, || None);
        assert_eq!(drains.unsettled_for("busy", at("12:01:00")), Some(SignedDuration::from_secs(5)));
        assert_eq!(drains.unsettled_for("busy", at("12:01:05")), None);
        drains.saw_messages("busy", at("12:01:04"));
        assert_eq!(drains.unsettled_for("busy", at("12:01:05")), Some(SignedDuration::from_secs(64)));
        drains.forget("busy");
        assert_eq!(drains.unsettled_for("busy", at("12:01:05")), None);
    }
}
