//! One firing of a schedule, as the sender receives it.

use data_encoding::BASE32_NOPAD;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::{Channel, Task};

/// The texts that EventBridge Scheduler replaces inside a schedule's Input.
/// <https://docs.aws.amazon.com/scheduler/latest/UserGuide/managing-schedule-context-attributes.html>
pub mod placeholder {
    /// What all of them begin with; refused in a user's own text.
    pub const PREFIX: &str = "<aws.scheduler.";
    /// The schedule's ARN.
    pub const SCHEDULE_ARN: &str = "<aws.scheduler.schedule-arn>";
    /// The time the schedule was due, such as `2022-03-22T18:59:43Z`.
    pub const SCHEDULED_TIME: &str = "<aws.scheduler.scheduled-time>";
}

/// The pipeline that fired.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PipelineRef {
    /// Namespace of the custom resource.
    pub namespace: String,
    /// Name of the custom resource.
    pub name: String,
}

/// What made a run happen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Trigger {
    /// The schedule.
    #[default]
    Schedule,
    /// A person, by the annotation `taskpipelines.dev/run-now`.
    Manual,
}

/// The Input of a schedule: all that one firing needs.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Firing {
    /// ARN of the schedule; on the way in, [`placeholder::SCHEDULE_ARN`].
    pub schedule_arn: String,
    /// When the schedule was due; on the way in, [`placeholder::SCHEDULED_TIME`].
    pub scheduled_time: String,
    /// What fired it.
    #[serde(default)]
    pub trigger: Trigger,
    /// Whose firing it is.
    pub pipeline: PipelineRef,
    /// Name of the SSM parameter that holds the secrets of channels and headers; absent when there are none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parameter: Option<String>,
    /// What to run: one message each.
    pub tasks: Vec<Task>,
    /// Where results can go, without their secrets.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub channels: Vec<Channel>,
}

/// The id of the run that a schedule starts at a time: the same for every hand-over of that firing, since Scheduler
/// delivers at least once. 16 characters of lower-case base32.
pub fn run_id(schedule_arn: &str, scheduled_time: &str) -> String {
    let mut hash = Sha256::new();
    hash.update(schedule_arn.as_bytes());
    hash.update([0]);
    hash.update(scheduled_time.as_bytes());
    BASE32_NOPAD.encode(&hash.finalize()[..10]).to_ascii_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_firing_handed_over_twice_is_one_run() {
        let arn = "arn:aws:scheduler:eu-west-1:111122223333:schedule/a/a";
        let id = run_id(arn, "2026-01-01T09:00:00Z");
        assert_eq!(id, run_id(arn, "2026-01-01T09:00:00Z"));
        assert_ne!(id, run_id(arn, "2026-01-01T09:01:00Z"));
        assert_ne!(id, run_id("arn:aws:scheduler:eu-west-1:111122223333:schedule/b/b", "2026-01-01T09:00:00Z"));
        assert_eq!(id.len(), 16);
    }
}
