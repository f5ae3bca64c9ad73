//! What the operator reports.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// State of the pipeline, as last seen.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct PipelineStatus {
    /// Generation of the spec that the rest of the status speaks of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub observed_generation: Option<i64>,
    /// AWS account that holds the pipeline, fixed at the first reconcile.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub account: Option<String>,
    /// AWS region that holds the pipeline, fixed at the first reconcile.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub region: Option<String>,
    /// Last token of the annotation `taskpipelines.dev/run-now` that was handled.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_run_now: Option<String>,
    /// Hashes of the last 50 tokens of `taskpipelines.dev/run-now` that were handled, the newest last: none acts twice.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub handled_run_now: Vec<String>,
    /// Last token of the annotation `taskpipelines.dev/reconcile-now` that was handled.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_reconcile_now: Option<String>,
    /// `Ready`, `Reconciling`, `Stalled`, `Delivering` and `OnTime`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["type".into()]))]
    pub conditions: Vec<Condition>,
    /// The schedule as EventBridge has it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub schedule: Option<ScheduleStatus>,
    /// One row per AWS resource.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub resources: Vec<ResourceRow>,
    /// Keys of tags that `spec.tags` has named and that may be on AWS: tags with other keys, which are not the pipeline's, are
    /// never changed or removed.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tag_keys: Vec<String>,
    /// What would be done, in `Observe` mode or while something is pending: at most 50 resources and 50 fields.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub plan: Vec<Change>,
    /// Hash of all that was wanted when AWS last had it all. While it is still that, what differs was changed on AWS.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub in_sync_with: Option<String>,
    /// The last 10 runs.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub runs: Vec<Run>,
    /// Messages in the queues.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub queue: Option<QueueDepth>,
    /// When the last run was due.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_run: Option<String>,
    /// How the last run ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_result: Option<RunResult>,
    /// When the schedule fires next.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_run: Option<String>,
}

/// Conditions that news of runs are about.
pub const NEWS_CONDITIONS: [&str; 2] = ["Delivering", "OnTime"];

impl PipelineStatus {
    /// The condition of a type, if it was ever said.
    pub fn condition(&self, kind: &str) -> Option<&Condition> {
        self.conditions.iter().find(|condition| condition.type_ == kind)
    }

    /// The part that reconciles write. The rest, what is known of runs, is written by the reader of the inbox, under a field
    /// manager of its own: so neither ever overwrites the other.
    #[must_use]
    pub fn without_news(mut self) -> Self {
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
    /// Expression, as EventBridge has it.
    pub expression: String,
    /// `ENABLED` or `DISABLED`.
    pub state: String,
    /// Since when it fires so: from then on firings are expected.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub since: Option<String>,
    /// The next 3 firings, in the schedule's time zone; empty for `rate()` until its phase is known.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub next: Vec<String>,
    /// What may surprise, such as dates that daylight saving skips.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<String>,
}

/// One AWS resource.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ResourceRow {
    /// Kind, such as `Queue`.
    pub kind: String,
    /// Name on AWS.
    pub name: String,
    /// Amazon Resource Name.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub arn: String,
    /// State.
    pub state: ResourceState,
    /// What it waits for, or why it failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
    /// Whether it was never seen to be the pipeline's own: it may not be there, or be somebody else's.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub unseen: bool,
}

/// State of an AWS resource.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum ResourceState {
    /// As wanted.
    Ready,
    /// Being made.
    Creating,
    /// Being changed.
    Updating,
    /// Being deleted.
    Deleting,
    /// Something else must come first.
    Waiting,
    /// AWS refused.
    Failed,
    /// It exists and belongs to somebody else.
    Conflict,
}

/// One step of the plan.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Change {
    /// What would be done.
    pub action: Action,
    /// Kind of the resource.
    pub kind: String,
    /// Name of the resource on AWS.
    pub name: String,
    /// Whether it was changed on AWS, outside of the pipeline: it had been in sync with all that is wanted now.
    #[serde(default, skip_serializing_if = "is_false")]
    pub drift: bool,
    /// What AWS is waited for, or whose the resource is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
    /// What would change.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub changes: Vec<FieldChange>,
}

/// What would be done about one resource.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
pub enum Action {
    /// Make it.
    Create,
    /// Change it.
    Update,
    /// Delete it and make another, since AWS cannot change it.
    Replace,
    /// Make an earlier pipeline's of the same name this one's.
    TakeOver,
    /// Delete it.
    Delete,
    /// Wait until AWS is done with it.
    Wait,
    /// Leave it alone, and all else with it: it is somebody else's.
    Conflict,
    /// Nothing.
    InSync,
}

/// One thing that differs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct FieldChange {
    /// The field, or where in it: `memorySize`, `policy`, `environment.LOG`, `input.tasks[hello].template`, `tags.team`.
    pub field: String,
    /// What it is; empty when unset.
    pub from: String,
    /// What it should be; empty when to be unset.
    pub to: String,
    /// Whether this is why the resource must be replaced.
    #[serde(default, skip_serializing_if = "is_false")]
    pub forces_replacement: bool,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde calls it so")]
const fn is_false(flag: &bool) -> bool {
    !*flag
}

/// One run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Run {
    /// Id of the run.
    pub run_id: String,
    /// When it was due.
    pub scheduled_time: String,
    /// What fired it.
    pub trigger: RunTrigger,
    /// How it ended.
    pub result: RunResult,
    /// When its first task started.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub started_at: Option<String>,
    /// When the last of its tasks ended that has.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub finished_at: Option<String>,
    /// Tasks by result.
    pub counts: RunCounts,
    /// Where it got stuck, if it is `Missed` or some of its tasks are.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
    /// The tasks: all of a run of up to 10, else those that did not succeed, 10 at most.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tasks: Vec<TaskRun>,
    /// One letter a task, in the order they had when the run was fired: `s` succeeded, `f` failed, `r` running, `m`
    /// missed, `.` not heard of yet.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub marks: String,
    /// When a channel last got one of its results.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub delivered_at: Option<String>,
    /// Results that a channel will not get, 10 at most.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub undelivered: Vec<Undelivered>,
}

/// A result that a channel will not get.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Undelivered {
    /// Name of the task.
    pub task: String,
    /// Name of the channel.
    pub channel: String,
    /// What the channel's service said, cut at 256 characters.
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
    /// All its tasks did.
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
    /// It did what it should.
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
    /// Tasks that have not ended.
    pub running: u32,
    /// Tasks that never started.
    pub missed: u32,
}

/// One task of a run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct TaskRun {
    /// Name of the task.
    pub name: String,
    /// Its result.
    pub result: TaskResult,
    /// How often it was tried.
    pub attempts: u32,
    /// How long its last attempt took, in milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub duration_ms: Option<u64>,
    /// Why it failed, cut at 256 characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}

/// Messages in the queues.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct QueueDepth {
    /// Messages that wait.
    pub visible: u64,
    /// Messages that the runner has.
    pub in_flight: u64,
    /// Messages in the two dead-letter queues.
    pub dead_letters: u64,
}
