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

/// Which pipeline, in its cluster.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
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
    /// EventBridge Scheduler, at a time of the schedule.
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
    /// The token of the annotation that fired it, if it was a person.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub token: Option<String>,
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

impl Firing {
    /// The id of its run: the same for every hand-over of the firing, since Scheduler and the operator hand over at least
    /// once. 16 characters of lower-case base32.
    pub fn run_id(&self) -> String {
        match &self.token {
            None => scheduled_run_id(&self.schedule_arn, &self.scheduled_time),
            // No time begins so.
            Some(token) => scheduled_run_id(&self.schedule_arn, &format!("run-now {token}")),
        }
    }
}

/// The id of the run that a schedule starts at a time.
pub fn scheduled_run_id(schedule_arn: &str, scheduled_time: &str) -> String {
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
        let firing = |schedule: &str, time: &str, token: Option<&str>| Firing {
            schedule_arn: format!("arn:aws:scheduler:eu-west-1:111122223333:schedule/{schedule}/{schedule}"),
            scheduled_time: time.to_owned(),
            trigger: Trigger::default(),
            token: token.map(str::to_owned),
            pipeline: PipelineRef { namespace: "default".to_owned(), name: "p".to_owned() },
            parameter: None,
            tasks: Vec::new(),
            channels: Vec::new(),
        };
        let id = |schedule: &str, time: &str, token| firing(schedule, time, token).run_id();
        let first = id("a", "2026-01-01T09:00:00Z", None);
        assert_eq!(first.len(), 16);
        assert_eq!(first, id("a", "2026-01-01T09:00:00Z", None));
        assert_ne!(first, id("a", "2026-01-01T09:01:00Z", None));
        assert_ne!(first, id("b", "2026-01-01T09:00:00Z", None));
        let by_hand = id("a", "2026-01-01T09:00:00Z", Some("one"));
        assert_ne!(by_hand, first);
        assert_eq!(by_hand, id("a", "2026-01-01T10:00:00Z", Some("one")), "whenever it is handed over");
        assert_ne!(by_hand, id("a", "2026-01-01T09:00:00Z", Some("two")));
    }
}
