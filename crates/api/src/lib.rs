//! The API: `ScheduledTaskPipeline`, `taskpipelines.dev/v1alpha1`.
//!
//! These types are the source of `crds/`; their doc comments are what `kubectl explain` prints.

mod channel;
mod definition;
mod function;
mod pipeline;
mod schema;
mod status;
mod stored;
mod task;

#[cfg(test)]
mod tests;

pub use channel::{Channel, Discord, Slack, Teams, Telegram, Webhook};
pub use definition::{crd, crd_yaml};
pub use function::{
    Architecture, Code, Function, FunctionSecret, Hop, Layer, PythonLayer, RequirementsFrom, Runner, S3Object, Sender,
};
pub use pipeline::{
    Aws, ConcurrencyPolicy, DeletionPolicy, Invocation, Mode, Queue, ScheduledTaskPipeline, ScheduledTaskPipelineSpec,
};
pub use schema::{ConfigMapKeyRef, ConfigMapRef, LOG_RETENTION_DAYS, SecretKeyRef, SecretSource};
pub use status::{
    Action, Change, FieldChange, NEWS_CONDITIONS, PipelineStatus, QueueDepth, ResourceRow, ResourceState, Run,
    RunCounts, RunResult, RunTrigger, ScheduleStatus, TaskResult, TaskRun, Undelivered,
};
pub use stored::{Allows, Stored, Unreadable};
pub use task::{Header, Http, HttpMethod, MessageTask, NotifyOn, Retry, Task};

/// API group of the custom resource, and prefix of its annotations and finalizer.
pub const GROUP: &str = "taskpipelines.dev";

/// Finalizer that holds a deleted pipeline until its AWS resources are deleted.
pub const FINALIZER: &str = "taskpipelines.dev/cleanup";

/// Annotations that are commands: each new token acts once.
pub mod annotation {
    /// Makes the operator read AWS and reconcile, whenever its value, an opaque token, changes.
    pub const RECONCILE_NOW: &str = "taskpipelines.dev/reconcile-now";
    /// Fires a run whenever its value, an opaque token, changes.
    pub const RUN_NOW: &str = "taskpipelines.dev/run-now";
    /// Input of the tasks that `RUN_NOW` fires, in place of their own: a JSON object.
    pub const RUN_INPUT: &str = "taskpipelines.dev/run-input";
    /// Reason for the suspension, as text for people.
    pub const SUSPEND_REASON: &str = "taskpipelines.dev/suspend-reason";
}
