//! Runs a task from the queue: its attempts, its result, and the deliveries of the result.

use std::time::Duration;

use function::Outgoing;
use futures::future::{join, join_all};
use jiff::Timestamp;
use protocol::{
    Action, Channel, Delivery, MAX_DELIVERY_RECEIVES, Message, NotifyOn, Run, RunEvent, Status, TaskResult,
};
use serde_json::Value;
use tokio::time::Instant;

use crate::action::{self, Ended, MAX_TEXT, Time};
use crate::deliver::{self, RESERVE, Verdict};
use crate::events::Fate;
use crate::receive::Receive;
use crate::{Outcome, Runner, channel, events, text};

/// With less time left than this, results are queued instead of posted at once.
const AT_ONCE: Duration = Duration::from_secs(10);

/// Maximum nesting of a result's parsed form. The delivery that contains it is nested a little deeper, and `serde_json`
/// parses 128 levels.
/// <https://docs.rs/serde_json/latest/serde_json/struct.Deserializer.html#method.disable_recursion_limit>
const MAX_DEPTH: usize = 100;

/// Pause before a result that could not be queued is retried: short, so that the same process may still hold it.
const HAND_OVER_AGAIN: Duration = Duration::from_secs(10);

/// Bytes of a result as JSON: with the largest channel beside it, a message of SQS (1 MiB) holds it.
const MAX_RESULT: usize = 700_000;

/// Makes the n-th attempt at a task, unless it has used up its attempts. `at_work` marks the message as one whose task has
/// begun.
pub(crate) async fn run(
    runner: &Runner,
    run: Run,
    receive: Receive,
    at_work: impl Future<Output = ()>,
    until: Instant,
) -> Outcome {
    if let Some(left) = runner.queue.left_of(&run.id()) {
        return hand_over(runner, &run, left, until).await;
    }
    let started = Instant::now();
    let task = &run.task;
    let limit = Duration::from_secs(task.timeout_seconds.into());
    let pause = Duration::from_secs(task.backoff_seconds.into());
    let number = receive.number.min(task.attempts);
    let ended = if receive.may_begin(task.attempts, pause) {
        let left = until.duration_since(started).saturating_sub(RESERVE);
        let limit = limit.min(left);
        // What begins later than this would have less than half of the time that it may take.
        let begin_by = started + limit.min(left.saturating_sub(limit / 2));
        let time = Time { limit, begin_by, end: started + left };
        let work = action::perform(runner, &run, number, time);
        if may_repeat(&task.action) { work.await } else { join(work, at_work).await.0 }
    } else {
        Ended::failed(format!("the runner stopped, or could not start, at attempt {number}"))
    };
    if let Some(wait) = receive.unbegun().filter(|_| ended.not_begun && receive.number < MAX_DELIVERY_RECEIVES) {
        let Run { run_id, .. } = &run;
        tracing::warn!(runId = run_id, task = task.name, error = ended.error, "task could not begin, put off");
        return Outcome::Again(wait);
    }
    let result = result(&run, number, ended, started.elapsed());
    log(&result);
    let ended = events::ended(&run, &result);
    if result.status == Status::Failed && receive.number < task.attempts {
        events::report_run(runner, &run, vec![ended]).await;
        return Outcome::Again(pause);
    }
    let Announced { left, events } = announce(runner, &run, &result, until).await;
    let outcome = hand_over(runner, &run, left, until).await;
    events::report_run(runner, &run, [ended].into_iter().chain(events).collect()).await;
    outcome
}

/// Whether a task may be begun any number of times.
fn may_repeat(action: &Action) -> bool {
    match action {
        Action::Message => true,
        Action::Http(_) | Action::Function { .. } => false,
    }
}

/// Queues the deliveries of a result. Those that the queue does not accept are kept in the process, and sent when the
/// message comes back to it: so the task is not run again, and no channel gets its result twice.
async fn hand_over(runner: &Runner, run: &Run, deliveries: Vec<Outgoing>, until: Instant) -> Outcome {
    match runner.queue.send_or_keep(&run.id(), deliveries, until).await {
        Ok(()) => Outcome::Done,
        Err(error) => {
            tracing::error!(runId = run.run_id, task = run.task.name, %error, "result not handed over, tried again");
            Outcome::Again(HAND_OVER_AGAIN)
        }
    }
}

pub(crate) fn result(run: &Run, attempt: u32, ended: Ended, duration: Duration) -> TaskResult {
    let Ended { text, error, may_be_stale: _, not_begun: _ } = ended;
    let result = TaskResult {
        pipeline: run.pipeline.clone(),
        task: run.task.name.clone(),
        run_id: run.run_id.clone(),
        scheduled_time: run.scheduled_time.clone(),
        trigger: run.trigger,
        attempt,
        status: if error.is_some() { Status::Failed } else { Status::Succeeded },
        json: serde_json::from_str(&text).ok().filter(|json| is_within(json, MAX_DEPTH)),
        text,
        error,
        duration_ms: u64::try_from(duration.as_millis()).unwrap_or(u64::MAX),
    };
    within(result, MAX_RESULT)
}

/// Whether JSON has at most this many levels.
fn is_within(json: &Value, levels: usize) -> bool {
    let mut members: Box<dyn Iterator<Item = &Value>> = match json {
        Value::Array(items) => Box::new(items.iter()),
        Value::Object(members) => Box::new(members.values()),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => return true,
    };
    levels > 0 && members.all(|member| is_within(member, levels - 1))
}

/// Shrinks a result to a limit: drops its parsed form, then cuts its text. The latter is only needed for unusual
/// characters, which JSON writes as six.
fn within(mut result: TaskResult, limit: usize) -> TaskResult {
    let size = |result: &TaskResult| serde_json::to_string(result).map_or(usize::MAX, |json| json.len());
    let mut bytes = MAX_TEXT;
    while size(&result) > limit && bytes > 0 {
        if result.json.take().is_none() {
            bytes /= 2;
            result.text = text::fit_bytes(&result.text, bytes.max(text::MARKER.len_utf8()));
        }
    }
    result
}

fn log(result: &TaskResult) {
    let TaskResult { run_id, task, attempt, status, error, duration_ms, .. } = result;
    let error = error.as_deref();
    match status {
        Status::Succeeded => tracing::info!(runId = run_id, task, attempt, durationMs = duration_ms, "task succeeded"),
        Status::Failed => tracing::warn!(runId = run_id, task, attempt, durationMs = duration_ms, error, "task failed"),
    }
}

/// The outcome of posting a result to its channels at once.
struct Announced {
    /// Deliveries that are left for the queue, and those that were given up, for its dead-letter queue.
    left: Vec<Outgoing>,
    /// Events of the deliveries that ended.
    events: Vec<RunEvent>,
}

/// Posts a result to its channels while there is time.
async fn announce(runner: &Runner, run: &Run, result: &TaskResult, until: Instant) -> Announced {
    let deliveries = deliveries(run, result).into_iter().map(|delivery| at_once(runner, delivery, until));
    let (left, events): (Vec<_>, Vec<_>) = join_all(deliveries).await.into_iter().unzip();
    Announced { left: left.into_iter().flatten().collect(), events: events.into_iter().flatten().collect() }
}

/// The delivery to each channel; none if the task does not notify of such results.
pub(crate) fn deliveries(run: &Run, result: &TaskResult) -> Vec<Delivery> {
    if !is_notified(run.task.notify_on, result.status) {
        return Vec::new();
    }
    let delivery = |channel: &Channel| Delivery {
        run_id: run.run_id.clone(),
        scheduled_time: run.scheduled_time.clone(),
        trigger: run.trigger,
        tasks: run.tasks,
        task: run.task.name.clone(),
        pipeline: run.pipeline.clone(),
        parameter: run.parameter.clone(),
        body: channel::body(&channel.target, &run.task, result),
        channel: channel.clone(),
        not_before: None,
        gave_up: None,
    };
    run.channels.iter().map(delivery).collect()
}

fn is_notified(on: NotifyOn, status: Status) -> bool {
    match (on, status) {
        (NotifyOn::Always, Status::Succeeded | Status::Failed)
        | (NotifyOn::Failure, Status::Failed)
        | (NotifyOn::Success, Status::Succeeded) => true,
        (NotifyOn::Failure, Status::Succeeded) | (NotifyOn::Success, Status::Failed) => false,
    }
}

/// Posts one delivery. Returns a message for the queue if it has to be tried again, or for the dead-letter queue if it
/// is given up.
async fn at_once(runner: &Runner, delivery: Delivery, until: Instant) -> (Option<Outgoing>, Option<RunEvent>) {
    let time = until.duration_since(Instant::now());
    if time < AT_ONCE {
        return (Some(Outgoing::new(&Message::Deliver(delivery))), None);
    }
    let fate = match deliver::post(runner, &delivery, time.saturating_sub(RESERVE)).await {
        Verdict::Delivered => Fate::Delivered,
        Verdict::Never { reason, .. } => Fate::GivenUp(reason),
        Verdict::Later { retry_after, .. } => {
            let wait = deliver::wait(0, retry_after);
            let not_before = Some(Timestamp::now() + wait);
            let later = Outgoing::new(&Message::Deliver(Delivery { not_before, ..delivery })).after(wait);
            return (Some(later), None);
        }
    };
    let event = events::of_delivery(&delivery, &fate);
    let left = match fate {
        Fate::Delivered => None,
        Fate::GivenUp(reason) => Some(Outgoing::given_up(delivery, reason)),
    };
    (left, Some(event))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample(text: &str) -> TaskResult {
        serde_json::from_value(serde_json::json!({
            "pipeline": {"namespace": "default", "name": "p"}, "task": "t", "runId": "r", "attempt": 1,
            "scheduledTime": "2026-01-01T09:00:00Z", "trigger": "Schedule", "status": "Succeeded", "text": text,
            "json": [text], "durationMs": 1,
        }))
        .unwrap()
    }

    #[test]
    fn a_result_loses_its_parsed_form_first_and_then_some_text() {
        assert_eq!(within(sample("text"), MAX_RESULT), sample("text"));

        let plain = within(sample(&"x".repeat(MAX_TEXT)), 300_000);
        assert_eq!((plain.json, plain.text.len()), (None, MAX_TEXT));

        let escaped = within(sample(&"\u{1}".repeat(MAX_TEXT)), MAX_RESULT);
        assert!(serde_json::to_string(&escaped).unwrap().len() <= MAX_RESULT);
        assert!(escaped.text.ends_with(text::MARKER));
    }

    #[test]
    fn who_wants_to_know_what() {
        for (on, succeeded, failed) in
            [(NotifyOn::Always, true, true), (NotifyOn::Failure, false, true), (NotifyOn::Success, true, false)]
        {
            assert_eq!(is_notified(on, Status::Succeeded), succeeded);
            assert_eq!(is_notified(on, Status::Failed), failed);
        }
    }
}
