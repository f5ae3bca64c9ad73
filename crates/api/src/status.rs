//! The status of a pipeline.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// State of the pipeline, as the operator last observed it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct PipelineStatus {
    /// `metadata.generation` of the spec that this status is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub observed_generation: Option<i64>,
    /// AWS account that holds the pipeline, fixed at the first reconcile.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub account: Option<String>,
    /// AWS region that holds the pipeline, fixed at the first reconcile.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub region: Option<String>,
    /// Last value of the annotation `taskpipelines.dev/run-now` that was handled.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_run_now: Option<String>,
    /// For the operator's own use: hashes of the last 50 values of `taskpipelines.dev/run-now` that were handled,
    /// newest last. None of them fires again.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub handled_run_now: Vec<String>,
    /// Last value of the annotation `taskpipelines.dev/reconcile-now` that was handled.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_reconcile_now: Option<String>,
    /// Conditions of the types `Ready`, `Reconciling`, `Stalled`, `Delivering` and `OnTime`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["type".into()]))]
    pub conditions: Vec<Condition>,
    /// The schedule as EventBridge has it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub schedule: Option<ScheduleStatus>,
    /// The AWS resources of the pipeline: one row for each that exists or is about to be created.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub resources: Vec<ResourceRow>,
    /// For the operator's own use: keys that `spec.tags` has named and that may still be on AWS. Tags with other keys
    /// are not the pipeline's, and are never changed or removed.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tag_keys: Vec<String>,
    /// Changes that are to be made on AWS, in `Observe` mode or while some are pending: at most 50 resources and 50
    /// fields.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub plan: Vec<Change>,
    /// For the operator's own use: hash of the desired resources when AWS last matched all of them. While it is the
    /// same, differences are changes that others made on AWS.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub in_sync_with: Option<String>,
    /// The last 10 runs, newest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub runs: Vec<Run>,
    /// Number of messages in the pipeline's queues, as last counted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub queue: Option<QueueDepth>,
    /// When the last run was due (RFC 3339).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_run: Option<String>,
    /// How the last run ended, or `Running`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_result: Option<RunResult>,
    /// When the schedule fires next (RFC 3339, in its time zone).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_run: Option<String>,
}

/// Types of the conditions that follow from runs.
pub const NEWS_CONDITIONS: [&str; 2] = ["Delivering", "OnTime"];

impl PipelineStatus {
    /// The condition of a type, if there is one.
    pub fn condition(&self, kind: &str) -> Option<&Condition> {
        self.conditions.iter().find(|condition| condition.type_ == kind)
    }

    /// The fields that the reconciler owns. The fields about runs are owned by the recorder of the inbox, under a field
    /// manager of its own, so that neither overwrites the other.
    #[must_use]
    pub fn without_reports(mut self) -> Self {
        self.runs.clear();
        self.last_run = None;
        self.last_result = None;
        self.conditions.retain(|condition| !NEWS_CONDITIONS.contains(&condition.type_.as_str()));
        self
    }
}

/// The schedule as EventBridge has it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ScheduleStatus {
    /// Schedule expression in EventBridge's syntax, such as `cron(0 9 ? * MON-FRI *)`.
    pub expression: String,
    /// `ENABLED`, or `DISABLED` while the pipeline is suspended.
    pub state: String,
    /// Since when the schedule has been as it is (RFC 3339). Firings before this time are not expected.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub since: Option<String>,
    /// The next 3 firings, in the schedule's time zone; empty for a `rate()` without `startTime` until its phase is known.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub next: Vec<String>,
    /// Possible surprises, such as times that a change to daylight saving time skips.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<String>,
}

/// One AWS resource of the pipeline.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ResourceRow {
    /// Kind of the resource, such as `Queue` or `Function`.
    pub kind: String,
    /// Name of the resource on AWS.
    pub name: String,
    /// Amazon Resource Name; absent until it is known.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub arn: String,
    /// Whether the resource matches the spec, or what is being done about it.
    pub state: ResourceState,
    /// What the resource waits for, why it failed, or what others put on it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
    /// For the operator's own use: whether the resource was never observed to be the pipeline's own. It may not exist,
    /// or belong to somebody else.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub unseen: bool,
}

/// State of an AWS resource.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum ResourceState {
    /// It matches the spec.
    Ready,
    /// It is being created.
    Creating,
    /// It is being changed.
    Updating,
    /// It is being deleted.
    Deleting,
    /// It waits for another resource.
    Waiting,
    /// A call failed; see the message.
    Failed,
    /// It exists and belongs to somebody else.
    Conflict,
}

/// One resource that is to be changed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Change {
    /// What is to be done with the resource.
    pub action: Action,
    /// Kind of the resource.
    pub kind: String,
    /// Name of the resource on AWS.
    pub name: String,
    /// Whether the difference is drift: AWS matched the present spec before, and somebody else changed it.
    #[serde(default, skip_serializing_if = "is_false")]
    pub drift: bool,
    /// What the operator waits for, or who owns the resource.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
    /// Fields that are to be changed.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub changes: Vec<FieldChange>,
}

/// What is to be done with one resource.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
pub enum Action {
    /// Create it.
    Create,
    /// Change it.
    Update,
    /// Delete and create it, since AWS cannot change these fields.
    Replace,
    /// Make it this pipeline's: it belongs to an earlier pipeline of the same name.
    TakeOver,
    /// Delete it.
    Delete,
    /// Wait until AWS has finished a change of it.
    Wait,
    /// Nothing, for it or any other resource: it belongs to somebody else.
    Conflict,
    /// Nothing: it matches the spec.
    InSync,
}

/// One field that differs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct FieldChange {
    /// Name of the field, or a path into it: `memorySize`, `policy`, `environment.LOG`, `input.tasks[hello].template`,
    /// `tags.team`.
    pub field: String,
    /// Value on AWS; empty if unset.
    pub from: String,
    /// Value that the spec asks for; empty if it is to be unset.
    pub to: String,
    /// Whether AWS cannot change this field, so that the resource must be replaced.
    #[serde(default, skip_serializing_if = "is_false")]
    pub forces_replacement: bool,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde calls it so")]
const fn is_false(flag: &bool) -> bool {
    !*flag
}

/// One run: what a firing of the schedule or of `run-now` started.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Run {
    /// Id of the run: 16 lower-case letters and digits, as in the functions' logs.
    pub run_id: String,
    /// When the run was due (RFC 3339).
    pub scheduled_time: String,
    /// What started the run.
    pub trigger: RunTrigger,
    /// How the run ended, or `Running`.
    pub result: RunResult,
    /// When its first task started (RFC 3339).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub started_at: Option<String>,
    /// When the task that ended last did so (RFC 3339).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub finished_at: Option<String>,
    /// Number of tasks by result.
    pub counts: RunCounts,
    /// Where the run got stuck, if all or some of its tasks were missed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
    /// The tasks: all of a run of up to 10, else those that did not succeed, 10 at most.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tasks: Vec<TaskRun>,
    /// One letter for each task, in the order of the spec when the run was fired: `s` succeeded, `f` failed, `r`
    /// running, `m` missed, `.` no report yet.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub marks: String,
    /// When a result of the run was last delivered to a channel (RFC 3339).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub delivered_at: Option<String>,
    /// Results that could not be delivered to a channel, at most 10.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub undelivered: Vec<Undelivered>,
}

/// A result that could not be delivered to a channel.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Undelivered {
    /// Name of the task.
    pub task: String,
    /// Name of the channel.
    pub channel: String,
    /// The answer of the channel's service, cut at 256 characters.
    pub error: String,
}

/// What fired a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum RunTrigger {
    /// The schedule.
    Schedule,
    /// The annotation `taskpipelines.dev/run-now`.
    Manual,
}

/// How a run ended, or that it has not.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
pub enum RunResult {
    /// All its tasks succeeded.
    Succeeded,
    /// None of its tasks succeeded.
    Failed,
    /// Some of its tasks succeeded.
    Partial,
    /// Some of its tasks have not ended.
    Running,
    /// None of its tasks began in time.
    Missed,
}

/// How a task of a run ended, or that it has not.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum TaskResult {
    /// An attempt succeeded.
    Succeeded,
    /// Its last attempt failed.
    Failed,
    /// It has not ended: it runs, waits for another attempt, or lies in the queue.
    Running,
    /// It did not begin in time.
    Missed,
}

/// Tasks of a run by result.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct RunCounts {
    /// Tasks that succeeded.
    pub succeeded: u32,
    /// Tasks whose last attempt failed.
    pub failed: u32,
    /// Tasks that wait or run.
    pub running: u32,
    /// Tasks that did not start in time.
    pub missed: u32,
}

/// One task of a run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct TaskRun {
    /// Name of the task.
    pub name: String,
    /// How the task ended, or `Running`.
    pub result: TaskResult,
    /// Number of attempts so far.
    pub attempts: u32,
    /// Duration of the last attempt, in milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub duration_ms: Option<u64>,
    /// Why the last attempt failed, cut at 256 characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}

/// Number of messages in the pipeline's queues, as last counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct QueueDepth {
    /// Messages that wait to be processed.
    pub visible: u64,
    /// Messages that the runner is processing, or that wait for a retry.
    pub in_flight: u64,
    /// Messages in the two dead-letter queues.
    pub dead_letters: u64,
}
