//! The sender: one firing of a schedule becomes one message a task.
//!
//! It fails only if a message did not reach the queue; Lambda then hands the firing over again. The same process sends
//! only the missing messages; another process, which does not know them, sends all messages with the same ids.

use std::time::{Duration, SystemTime};

use function::{Outgoing, Queue, Unsent};
use jiff::Timestamp;
use lambda_runtime::Diagnostic;
use protocol::{Firing, Message, Report, Run, RunEvent, RunRef, Task, brief, placeholder};
use serde::Serialize;
use serde_json::Value;
use tokio::time::Instant;

/// Time of the invocation that is reserved for a report and for its answer, after sending: at most a quarter of all.
const RESERVE: Duration = Duration::from_secs(3);

/// The answer of the sender.
#[derive(Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Sent {
    run_id: String,
    sent: usize,
}

/// Why a firing did not become messages.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The event does not come from a schedule of the operator.
    #[error("the event is not a firing of a pipeline: {0}")]
    Malformed(serde_json::Error),
    /// A placeholder was not replaced by EventBridge Scheduler.
    #[error("the event is not a firing of a pipeline: `{field}` still holds its placeholder `{value}`")]
    Placeholder {
        /// Name of the field in the event.
        field: &'static str,
        /// Value of the field.
        value: String,
    },
    /// The queue did not accept all messages.
    #[error("run `{run_id}`: {unsent}")]
    Unsent {
        /// Id of the run.
        run_id: String,
        /// The messages that were not accepted.
        unsent: Unsent,
    },
}

impl From<Error> for Diagnostic {
    fn from(error: Error) -> Self {
        let error_type = match error {
            Error::Malformed(_) | Error::Placeholder { .. } => "MalformedFiring",
            Error::Unsent { .. } => "Unsent",
        };
        Self { error_type: error_type.into(), error_message: error.to_string() }
    }
}

/// Sends the messages of one firing, with retries until shortly before the deadline.
///
/// # Errors
/// The event is not a firing, or the queue did not take all messages.
pub async fn handle(queue: &Queue, event: Value, deadline: SystemTime) -> Result<Sent, Error> {
    let left = deadline.duration_since(SystemTime::now()).unwrap_or_default();
    let result = send(queue, event, Instant::now() + left.saturating_sub(RESERVE.min(left / 4))).await;
    match &result {
        Ok(Sent { run_id, sent }) => tracing::info!(runId = run_id, sent, "run started"),
        Err(error) => tracing::error!(%error, "firing not sent"),
    }
    result
}

async fn send(queue: &Queue, event: Value, until: Instant) -> Result<Sent, Error> {
    let firing = parse(event)?;
    let run_id = firing.run_id();
    let tasks: Vec<String> = firing.tasks.iter().map(|task| task.name.clone()).collect();
    let run = RunRef {
        run_id: run_id.clone(),
        scheduled_time: firing.scheduled_time.clone(),
        trigger: firing.trigger,
        tasks: count(tasks.len()),
    };
    let pipeline = firing.pipeline.clone();
    let all = || runs(firing, &run_id).map(|run| Outgoing::new(&Message::Run(run))).collect();
    let messages: Vec<_> = queue.left_of(&run_id).unwrap_or_else(all);
    let sent = messages.len();
    let result = queue.send_or_keep(&run_id, messages, until).await;
    let unsent = result.as_ref().err().map(|unsent| brief(&unsent.to_string()));
    let fired = RunEvent::Fired { at: Timestamp::now(), tasks, unsent };
    queue.report(&Report { pipeline, run, events: vec![fired] }).await;
    match result {
        Ok(()) => Ok(Sent { run_id, sent }),
        Err(unsent) => Err(Error::Unsent { run_id, unsent }),
    }
}

fn count(tasks: usize) -> u32 {
    u32::try_from(tasks).unwrap_or(u32::MAX)
}

fn parse(event: Value) -> Result<Firing, Error> {
    let firing: Firing = serde_json::from_value(event).map_err(Error::Malformed)?;
    for (field, value) in [("scheduleArn", &firing.schedule_arn), ("scheduledTime", &firing.scheduled_time)] {
        if value.starts_with(placeholder::PREFIX) {
            return Err(Error::Placeholder { field, value: value.clone() });
        }
    }
    Ok(firing)
}

/// One message for each task, with only the channels that the task notifies.
fn runs(firing: Firing, run_id: &str) -> impl Iterator<Item = Run> {
    let Firing { schedule_arn: _, scheduled_time, trigger, token: _, pipeline, parameter, tasks, channels } = firing;
    let total = count(tasks.len());
    (0..).zip(tasks).map(move |(position, task)| Run {
        run_id: run_id.to_owned(),
        scheduled_time: scheduled_time.clone(),
        trigger,
        pipeline: pipeline.clone(),
        parameter: parameter.clone(),
        position,
        tasks: total,
        channels: channels.iter().filter(|channel| notifies(&task, &channel.name)).cloned().collect(),
        task,
    })
}

fn notifies(task: &Task, channel: &str) -> bool {
    task.notify.iter().any(|name| name == channel)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn firing(tasks: &[(String, Vec<usize>)], channels: usize) -> Firing {
        let tasks: Vec<_> = tasks
            .iter()
            .map(|(name, notify)| {
                json!({
                    "name": name, "action": "message", "notify": notify.iter().map(|at| format!("c{at}")).collect::<Vec<_>>(),
                    "timeoutSeconds": 10, "attempts": 1, "backoffSeconds": 30,
                })
            })
            .collect();
        let channels: Vec<_> = (0..channels)
            .map(|at| json!({"name": format!("c{at}"), "target": {"slack": {"url": format!("key{at}")}}}))
            .collect();
        serde_json::from_value(json!({
            "scheduleArn": "arn", "scheduledTime": "2026-01-01T09:00:00Z",
            "pipeline": {"namespace": "default", "name": "p"}, "tasks": tasks, "channels": channels,
        }))
        .unwrap()
    }

    proptest! {
        #[test]
        fn each_task_gets_one_message_with_its_channels_alone(
            notify in prop::collection::vec(prop::collection::vec(0_usize..4, 0..4), 1..30)
        ) {
            let tasks: Vec<_> = notify.into_iter().enumerate().map(|(at, notify)| (format!("t{at}"), notify)).collect();
            let runs: Vec<_> = runs(firing(&tasks, 4), "run").collect();
            prop_assert_eq!(runs.len(), tasks.len());
            for (run, (name, notify)) in runs.iter().zip(&tasks) {
                prop_assert_eq!(&run.task.name, name);
                for at in 0..4 {
                    let is_there = run.channels.iter().any(|channel| channel.name == format!("c{at}"));
                    prop_assert_eq!(is_there, notify.contains(&at));
                }
            }
        }
    }

    #[test]
    fn a_malformed_event_is_told_what_is_wrong_with_it() {
        for (event, expected) in [
            (json!({}), "the event is not a firing of a pipeline: missing field `scheduleArn`"),
            (
                json!({"scheduleArn": "a", "scheduledTime": "<aws.scheduler.scheduled-time>", "tasks": [],
                       "pipeline": {"namespace": "n", "name": "p"}}),
                "the event is not a firing of a pipeline: `scheduledTime` still holds its placeholder \
                 `<aws.scheduler.scheduled-time>`",
            ),
        ] {
            assert_eq!(parse(event).unwrap_err().to_string(), expected);
        }
    }
}
