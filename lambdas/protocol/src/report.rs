//! Reports: the sender and the runner tell the operator what happened to a run.
//!
//! Reports are best effort. Nothing waits for them, and a lost, late or repeated report changes nothing that is run or
//! delivered.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::text::cut_characters;
use crate::{PipelineRef, Status, Trigger};

/// Maximum length of an error or a reason in characters; longer texts are cut.
pub const MAX_ERROR: usize = 256;

/// Maximum size of a report in bytes: a hundred names of tasks, or 20 deliveries with their reasons, and a margin.
pub const MAX_REPORT: usize = 32 * 1024;

/// Events of one run: the body of a message in the inbox.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Report {
    /// Whose run it is.
    pub pipeline: PipelineRef,
    /// The run that the events are about.
    #[serde(flatten)]
    pub run: RunRef,
    /// What happened, oldest first.
    // Its name in messages that are under way when the operator is replaced.
    #[serde(rename = "news")]
    pub events: Vec<RunEvent>,
}

/// Identifies a run, with all that a reader needs who does not know it yet.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RunRef {
    /// Id of the run: 16 lower-case letters and digits.
    pub run_id: String,
    /// When it was due, RFC 3339.
    pub scheduled_time: String,
    /// What fired it.
    pub trigger: Trigger,
    /// How many tasks it has.
    pub tasks: u32,
}

/// One event of a run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "camelCase", rename_all_fields = "camelCase")]
pub enum RunEvent {
    /// The sender has processed the firing.
    Fired {
        /// When the sender had sent the messages.
        at: Timestamp,
        /// Names of the tasks, in their order.
        tasks: Vec<String>,
        /// Why some messages did not reach the queue; absent if all did.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        unsent: Option<String>,
    },
    /// An attempt at a task has begun. Sent only for attempts that take longer than a second.
    Started {
        /// When the attempt began.
        at: Timestamp,
        /// Name of the task.
        task: String,
        /// Its place among the run's tasks, from 0.
        position: u32,
        /// Number of the attempt, from 1.
        attempt: u32,
    },
    /// An attempt ended.
    Ended {
        /// When it ended.
        at: Timestamp,
        /// Name of the task.
        task: String,
        /// Its place among the run's tasks, from 0.
        position: u32,
        /// Number of the attempt, from 1.
        attempt: u32,
        /// How the attempt ended.
        status: Status,
        /// Whether there will be another attempt.
        again: bool,
        /// How long it took, in milliseconds.
        duration_ms: u64,
        /// Why it failed.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        error: Option<String>,
    },
    /// A channel got a result.
    Delivered {
        /// When the channel took it.
        at: Timestamp,
        /// Name of the task.
        task: String,
        /// Name of the channel.
        channel: String,
    },
    /// A channel will not get a result.
    GaveUp {
        /// When the delivery was given up.
        at: Timestamp,
        /// Name of the task.
        task: String,
        /// Name of the channel.
        channel: String,
        /// The answer of the channel's service.
        reason: String,
    },
}

/// Cuts an error or a reason to the length that a report allows.
pub fn brief(text: &str) -> String {
    cut_characters(text, MAX_ERROR)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_largest_report_stays_within_its_limit() {
        let at = "2026-01-01T09:00:00Z".parse().unwrap();
        let name = "n".repeat(40);
        let reason = brief(&"\u{1}".repeat(1000));
        let size = |events: Vec<RunEvent>| {
            let pipeline = PipelineRef { namespace: "n".repeat(63), name: "p".repeat(253) };
            serde_json::to_string(&Report { pipeline, run: RunRef::default(), events }).unwrap().len()
        };
        assert!(size(vec![RunEvent::Fired { at, tasks: vec![name.clone(); 100], unsent: Some(reason) }]) < MAX_REPORT);
        // Control characters never get this far: they are shown, not sent.
        let reason = brief(&"é".repeat(1000));
        let gave_up = RunEvent::GaveUp { at, task: name.clone(), channel: name, reason };
        assert!(size(vec![gave_up; 20]) < MAX_REPORT);
    }

    #[test]
    fn what_is_long_is_cut_on_a_character() {
        assert_eq!(brief(&"é".repeat(256)), "é".repeat(256));
        assert_eq!(brief(&"é".repeat(257)), format!("{}…", "é".repeat(255)));
    }
}
