//! The custom resource itself.

#![expect(clippy::duplicated_attributes, reason = "each printer column has a name and a type")]

use std::collections::BTreeMap;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use kube::{CustomResource, KubeSchema};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Channel, Function, Layer, PipelineStatus, Runner, Sender, Task, schema};

/// A pipeline on AWS that runs tasks on a schedule: EventBridge Scheduler, a Lambda sender, an SQS queue, a Lambda
/// runner, and the channels that get the results.
#[derive(CustomResource, Clone, Debug, Default, PartialEq, Serialize, Deserialize, KubeSchema)]
#[kube(
    group = "taskpipelines.dev",
    version = "v1alpha1",
    kind = "ScheduledTaskPipeline",
    plural = "scheduledtaskpipelines",
    shortname = "pipelines",
    shortname = "stp",
    category = "aws",
    namespaced,
    status = "PipelineStatus",
    doc = "Runs tasks on a schedule on AWS and posts their results to chats.",
    printcolumn(name = "Schedule", type_ = "string", json_path = ".spec.schedule"),
    printcolumn(name = "TimeZone", type_ = "string", json_path = ".spec.timeZone"),
    printcolumn(name = "Suspend", type_ = "boolean", json_path = ".spec.suspend"),
    printcolumn(name = "Ready", type_ = "string", json_path = ".status.conditions[?(@.type=='Ready')].status"),
    printcolumn(name = "Reason", type_ = "string", json_path = ".status.conditions[?(@.type=='Ready')].reason"),
    printcolumn(name = "Last Run", type_ = "string", json_path = ".status.lastRun"),
    printcolumn(name = "Result", type_ = "string", json_path = ".status.lastResult"),
    printcolumn(name = "Next", type_ = "string", json_path = ".status.nextRun"),
    printcolumn(name = "DLQ", type_ = "integer", json_path = ".status.queue.deadLetters"),
    printcolumn(name = "Age", type_ = "date", json_path = ".metadata.creationTimestamp"),
    printcolumn(name = "Visible", type_ = "integer", json_path = ".status.queue.visible", priority = 1),
    printcolumn(name = "In Flight", type_ = "integer", json_path = ".status.queue.inFlight", priority = 1),
    printcolumn(name = "Region", type_ = "string", json_path = ".status.region", priority = 1),
    printcolumn(name = "Account", type_ = "string", json_path = ".status.account", priority = 1)
)]
#[serde(rename_all = "camelCase")]
#[x_kube(
    validation = Rule::new("size(self.tasks) > 0 || (has(self.sender) && has(self.sender.code))")
        .message("at least one task is needed, unless sender.code makes the messages").field_path(".tasks"),
    validation = Rule::new(
        "self.tasks.all(t, !has(t.notify) || t.notify.all(n, has(self.channels) && self.channels.exists(c, c.name == n)))"
    ).message("each name in notify must be the name of one of channels").field_path(".tasks"),
    validation = Rule::new(
        "self.tasks.all(t, !has(t.__function__) || (has(self.functions) && self.functions.exists(f, f.name == t.__function__)))"
    ).message("function must be the name of one of functions").field_path(".tasks"),
    validation = Rule::new(
        "!has(self.runner) || !has(self.runner.code) || \
         ((!has(self.channels) || size(self.channels) == 0) && \
         self.tasks.all(t, (!has(t.notify) || size(t.notify) == 0) && !has(t.template)))"
    ).message("runner.code excludes channels, and notify and template of tasks: your own runner decides what to post").field_path(".runner"),
    validation = Rule::new(
        "self.concurrencyPolicy != 'Queue' || !has(self.runner) || !has(self.runner.batchSize) || self.runner.batchSize == 1"
    ).message("runner.batchSize must be 1 with concurrencyPolicy Queue").field_path(".runner"),
    validation = Rule::new(
        "!has(self.startTime) || !has(self.endTime) || self.startTime < self.endTime"
    ).message("endTime must be after startTime").field_path(".endTime"),
    validation = Rule::new("oldSelf.concurrencyPolicy == self.concurrencyPolicy")
        .message("concurrencyPolicy cannot be changed: delete the pipeline and create it again").field_path(".concurrencyPolicy"),
)]
pub struct ScheduledTaskPipelineSpec {
    /// When to fire: Unix cron (`0 9 * * 1-5`), `@hourly`, `@daily`, `@weekly`, `@monthly`, `@yearly`, or EventBridge's
    /// own `cron(...)`, `rate(...)` and `at(...)`.
    #[schemars(length(min = 1, max = 256))]
    pub schedule: String,
    /// IANA time zone of the schedule, such as `Europe/Berlin`. Default: `UTC`.
    #[serde(default = "default_time_zone")]
    #[schemars(length(min = 1, max = 50))]
    pub time_zone: String,
    /// Disables the schedule; everything on AWS stays, and `run-now` still works. Default: false.
    #[serde(default)]
    pub suspend: bool,
    /// The schedule fires nothing before this time. A `rate()` fires at it and at its intervals from then on, also when
    /// it has passed. Default: no limit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub start_time: Option<Time>,
    /// The schedule fires nothing after this time. Default: no limit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub end_time: Option<Time>,
    /// Minutes by which EventBridge may fire late, to spread load. Default: it fires on time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 1440))]
    pub flexible_window_minutes: Option<u32>,
    /// `Allow`: runs of one task may overlap. `Queue`: they never do (a FIFO queue). Cannot be changed. Default:
    /// `Allow`.
    #[serde(default)]
    pub concurrency_policy: ConcurrencyPolicy,
    /// The tasks that each firing runs, at most 100. At least one, unless `sender.code` is set.
    #[serde(default)]
    #[schemars(length(max = 100))]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["name".into()]))]
    pub tasks: Vec<Task>,
    /// Lambda functions that tasks call, made by the operator.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 20))]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["name".into()]))]
    pub functions: Vec<Function>,
    /// Layers that the operator publishes for the pipeline's functions.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 20))]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["name".into()]))]
    pub layers: Vec<Layer>,
    /// Chats and endpoints that results are posted to.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 20))]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["name".into()]))]
    pub channels: Vec<Channel>,
    /// Seconds after which an expected firing counts as missed. Default: a quarter of the interval between firings,
    /// 120 to 3600.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 60, max = 86400))]
    pub missed_after_seconds: Option<u32>,
    /// How long and how often EventBridge Scheduler tries to hand a firing to the sender.
    #[serde(default)]
    pub invocation: Invocation,
    /// The queue between sender and runner.
    #[serde(default)]
    pub queue: Queue,
    /// The Lambda function that turns a firing into messages.
    #[serde(default)]
    pub sender: Sender,
    /// The Lambda function that runs tasks and delivers their results.
    #[serde(default)]
    pub runner: Runner,
    /// What happens to the AWS resources when this resource is deleted. `Delete`: they are deleted. `Retain`: they
    /// stay, and the schedule goes on firing. Default: `Delete`.
    #[serde(default)]
    pub deletion_policy: DeletionPolicy,
    /// `Manage`: create the AWS resources and keep them as specified. `Observe`: only report what would be done, in
    /// `status.plan`. Default: `Manage`.
    #[serde(default)]
    pub mode: Mode,
    /// Another region or account than the operator's own. Must be allowed for the namespace by the operator's
    /// configuration.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub aws: Option<Aws>,
    /// Tags of all AWS resources that can be tagged. A tag that is removed here is removed there. Tags that others set
    /// stay.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(schema_with = "schema::tags")]
    pub tags: BTreeMap<String, String>,
}

fn default_time_zone() -> String {
    "UTC".to_owned()
}

/// Whether runs of one task may overlap.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum ConcurrencyPolicy {
    /// They may: a standard queue.
    #[default]
    Allow,
    /// They never do: a FIFO queue with one message group per task.
    Queue,
}

/// What happens to everything on AWS when the resource is deleted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum DeletionPolicy {
    /// They are deleted.
    #[default]
    Delete,
    /// They stay, and the schedule goes on firing.
    Retain,
}

/// Whether the operator may change anything on AWS.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum Mode {
    /// It creates the AWS resources, and keeps them as specified.
    #[default]
    Manage,
    /// It only reports what it would do.
    Observe,
}

/// EventBridge Scheduler's own retries.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Invocation {
    /// Retries after a failed hand-over of a firing to the sender. Default: 5.
    #[serde(default = "default_max_attempts")]
    #[schemars(range(min = 0, max = 185))]
    pub max_attempts: u32,
    /// Seconds after which a firing that cannot be handed over goes to the dead-letter queue. Default: 3600.
    #[serde(default = "default_max_age_seconds")]
    #[schemars(range(min = 60, max = 86400))]
    pub max_age_seconds: u32,
}

impl Default for Invocation {
    fn default() -> Self {
        Self { max_attempts: default_max_attempts(), max_age_seconds: default_max_age_seconds() }
    }
}

const fn default_max_attempts() -> u32 {
    5
}

const fn default_max_age_seconds() -> u32 {
    3600
}

/// The queue between sender and runner, and the dead-letter queues.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Queue {
    /// Seconds after which a message that was not processed is lost. Default: 345600 (4 days).
    #[serde(default = "default_retention_seconds")]
    #[schemars(range(min = 60, max = 1_209_600))]
    pub retention_seconds: u32,
    /// Seconds that a message is hidden while the runner has it. Default: 6 × the runner's timeout; never below it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 43200))]
    pub visibility_timeout_seconds: Option<u32>,
    /// How often a message is received before it goes to the dead-letter queue, in addition to the receives that
    /// retries and deliveries need. Default: 5.
    #[serde(default = "default_max_receive_count")]
    #[schemars(range(min = 1, max = 900))]
    pub max_receive_count: u32,
    /// ARN of the KMS key that encrypts all queues. Must be allowed for the namespace by the operator's configuration.
    /// Default: SQS's own key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 2048))]
    pub kms_key_id: Option<String>,
    /// Seconds that a dead-letter queue keeps a message. Default: 1209600 (14 days).
    #[serde(default = "default_dead_letter_retention_seconds")]
    #[schemars(range(min = 60, max = 1_209_600))]
    pub dead_letter_retention_seconds: u32,
    /// Whether a deletion also deletes dead-letter queues that hold messages. Default: false, such queues stay.
    #[serde(default)]
    pub delete_with_messages: bool,
}

impl Default for Queue {
    fn default() -> Self {
        Self {
            retention_seconds: default_retention_seconds(),
            visibility_timeout_seconds: None,
            max_receive_count: default_max_receive_count(),
            kms_key_id: None,
            dead_letter_retention_seconds: default_dead_letter_retention_seconds(),
            delete_with_messages: false,
        }
    }
}

const fn default_retention_seconds() -> u32 {
    345_600
}

const fn default_max_receive_count() -> u32 {
    5
}

const fn default_dead_letter_retention_seconds() -> u32 {
    1_209_600
}

/// Another region or account than the operator's own.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Aws {
    /// Region of the pipeline, such as `eu-central-1`. Default: the operator's own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 40))]
    pub region: Option<String>,
    /// ARN of a role that the operator assumes for this pipeline. The pipeline is in the role's account.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 20, max = 2048))]
    pub role_arn: Option<String>,
    /// External id that the role's trust policy requires. Only with `roleArn`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 2, max = 1224))]
    pub external_id: Option<String>,
}
