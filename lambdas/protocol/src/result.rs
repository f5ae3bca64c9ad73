//! The result of a task.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{PipelineRef, Trigger};

/// How a task ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Status {
    /// It did what it should.
    Succeeded,
    /// Its last attempt failed.
    Failed,
}

/// The result of a task's last attempt: what templates see, and what a generic webhook receives as JSON.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TaskResult {
    /// Whose task it was.
    pub pipeline: PipelineRef,
    /// Name of the task.
    pub task: String,
    /// Id of the run.
    pub run_id: String,
    /// When the run was due, RFC 3339.
    pub scheduled_time: String,
    /// What fired it.
    pub trigger: Trigger,
    /// Number of the attempt, from 1.
    pub attempt: u32,
    /// How it ended.
    pub status: Status,
    /// What it returned, as text; cut at 200 KB.
    pub text: String,
    /// The same parsed, where it is JSON.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub json: Option<Value>,
    /// Why it failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// How long the attempt took, in milliseconds.
    pub duration_ms: u64,
}
