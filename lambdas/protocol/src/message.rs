//! Messages of the pipeline's queue.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{Channel, PipelineRef, RunRef, Task, TaskResult, Trigger};

/// Receives after which the runner gives a delivery up: with the waits between them, about four hours.
pub const MAX_DELIVERY_RECEIVES: u32 = 25;

/// Receives after which the queue itself gives a message up (`maxReceiveCount` of its redrive policy), for tasks of up to
/// `attempts` attempts.
///
/// Always more than the runner makes use of: one more than a task's attempts or a delivery's tries, in which the runner
/// says that they are used up, and `beside - 1` for receives in which it did not get to work at all.
pub fn redrive_count(beside: u32, attempts: u32) -> u32 {
    beside.max(1).saturating_add(attempts.max(MAX_DELIVERY_RECEIVES))
}

/// The body of one SQS message.
///
/// Two kinds, so that a rate limit of a chat never runs a task twice, and a failing channel never repeats a message in
/// another.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "camelCase")]
pub enum Message {
    /// Run this task.
    Run(Run),
    /// Deliver this text to this channel.
    Deliver(Delivery),
}

/// One task of one firing.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Run {
    /// Id of the run that it belongs to.
    pub run_id: String,
    /// When the run was due, RFC 3339.
    pub scheduled_time: String,
    /// What fired it.
    #[serde(default)]
    pub trigger: Trigger,
    /// Whose task it is.
    pub pipeline: PipelineRef,
    /// Name of the SSM parameter with the secrets, if the pipeline has any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parameter: Option<String>,
    /// What to do.
    pub task: Task,
    /// The task's place among the run's tasks, from 0.
    #[serde(default)]
    pub position: u32,
    /// How many tasks the run has; 0 in messages of before this was told.
    #[serde(default)]
    pub tasks: u32,
    /// The channels that the task notifies.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub channels: Vec<Channel>,
}

impl Run {
    /// Id of this message: the SQS deduplication id, and the name of the work in logs.
    pub fn id(&self) -> String {
        format!("{}/{}", self.run_id, self.task.name)
    }

    /// The run, for the operator.
    pub fn run(&self) -> RunRef {
        RunRef {
            run_id: self.run_id.clone(),
            scheduled_time: self.scheduled_time.clone(),
            trigger: self.trigger,
            tasks: self.tasks,
        }
    }

    /// SQS message group on a FIFO queue: runs of one task never overlap.
    pub fn group(&self) -> String {
        format!("task/{}", self.task.name)
    }
}

/// One result on its way to one channel.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Delivery {
    /// Id of the run whose result it is.
    pub run_id: String,
    /// When the run was due, RFC 3339.
    #[serde(default)]
    pub scheduled_time: String,
    /// What fired it.
    #[serde(default)]
    pub trigger: Trigger,
    /// How many tasks it has; 0 in messages of before this was told.
    #[serde(default)]
    pub tasks: u32,
    /// Name of the task whose result it is.
    pub task: String,
    /// Whose task it is.
    pub pipeline: PipelineRef,
    /// Name of the SSM parameter with the secrets, if the pipeline has any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parameter: Option<String>,
    /// The channel to deliver to.
    pub channel: Channel,
    /// What is posted.
    pub body: Body,
    /// When the channel may be asked again, as it said itself: a FIFO queue knows no delay of a single message, and no
    /// queue one above 15 minutes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub not_before: Option<Timestamp>,
    /// Why it was given up, in a dead-letter queue. A message that comes back from there is tried again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gave_up: Option<String>,
}

impl Delivery {
    /// Id of this message: the SQS deduplication id, and the name of the work in logs.
    pub fn id(&self) -> String {
        let suffix = if self.gave_up.is_some() { "/gave-up" } else { "" };
        format!("{}/{}/{}{suffix}", self.run_id, self.task, self.channel.name)
    }

    /// The run, for the operator.
    pub fn run(&self) -> RunRef {
        RunRef {
            run_id: self.run_id.clone(),
            scheduled_time: self.scheduled_time.clone(),
            trigger: self.trigger,
            tasks: self.tasks,
        }
    }

    /// SQS message group on a FIFO queue: deliveries to one channel keep their order.
    pub fn group(&self) -> String {
        format!("channel/{}", self.channel.name)
    }
}

/// What a channel gets.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Body {
    /// Rendered and escaped for the channel's service, and within its limits.
    Text(String),
    /// The same in the service's rich form: the JSON that it is posted.
    Rich(Value),
    /// The whole result, for a generic webhook.
    Result(Box<TaskResult>),
}

#[cfg(test)]
mod tests {
    use super::*;

    /// SQS's greatest redrive count is 1,000, and the API's greatest `maxReceiveCount` and `attempts` 900 and 10.
    /// <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SetQueueAttributes.html>
    #[test]
    fn the_queue_takes_the_largest_count() {
        assert!(redrive_count(900, 10) <= 1000);
    }

    #[test]
    fn the_queue_gives_up_after_the_runner() {
        for beside in 1..=900 {
            for attempts in 1..=50 {
                let receives = redrive_count(beside, attempts);
                assert!(receives > MAX_DELIVERY_RECEIVES && receives > attempts, "{beside} and {attempts}: {receives}");
            }
        }
    }
}
