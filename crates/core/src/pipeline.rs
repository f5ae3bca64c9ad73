//! Resolves a custom resource and the Secrets that it names into a validated [`Pipeline`].
//!
//! [`secret_refs`] tells which Secrets to read, [`resolve`] does the rest. It reports all mistakes at once, each with
//! its field, and depends on nothing but its arguments. Every struct of the spec is destructured without `..`, so that
//! a new field does not compile until it is honoured or refused.

mod channel;
mod code;
mod config_map;
mod environment;
mod function;
mod hop;
mod http_syntax;
mod input;
mod lambda;
mod layer;
mod name;
mod place;
mod placeholder;
mod queue;
mod refusal;
mod request;
mod secret;
mod statement;
mod tags;
mod task;
mod timing;

mod work;

#[cfg(test)]
mod tests;

use std::collections::BTreeSet;

use api::{Architecture, ConcurrencyPolicy, DeletionPolicy, ScheduledTaskPipelineSpec};
use jiff::Timestamp;
use protocol::Firing;
use schedule::{Schedule, Window};

use crate::code::{Artifacts, Code};
use crate::configuration::Configuration;
use crate::iam::Statement;
use crate::location::Target;
use crate::names::{Owner, Part, Tags};
use crate::partition::Partition;
use crate::secret_text::SecretText;
use refusal::Refusals;

pub use config_map::{ConfigMapLookup, ConfigMaps, config_map_refs};
pub use layer::{FunctionLayer, Layer, LayerContent, MAX_OWNER, Packages};
pub use place::place_of_deletion;
pub use refusal::{Refusal, summary};
pub use secret::{SecretLookup, SecretUse, SecretValues, secret_refs};
pub use task::MAX_TASKS;
pub use work::{Work, work};

/// What a pipeline depends on beside its spec.
#[derive(Clone, Copy, Debug)]
pub struct Context<'a> {
    /// The pipeline's identity: cluster, namespace, name and UID.
    pub owner: &'a Owner,
    /// The current time, to refuse schedules that can never fire again.
    pub now: Timestamp,
    /// What the cluster answered for the keys of [`secret_refs`].
    pub secrets: &'a SecretValues,
    /// What the cluster answered for the names of [`config_map_refs`].
    pub config_maps: &'a ConfigMaps,
    /// Architecture of functions for which the spec sets none.
    pub default_architecture: Architecture,
    /// The available zips of the built-in functions.
    pub artifacts: &'a Artifacts,
    /// What the operator's configuration allows.
    pub configuration: &'a Configuration,
    /// Account and region that the pipeline is in, if it was created before.
    pub home: Home<'a>,
    /// Whether the schedule exists on AWS. A schedule that is over is a mistake only in a new pipeline.
    pub has_schedule: bool,
}

impl Context<'_> {
    /// The partition that the operator works in, if its region is known: no credentials reach beyond.
    fn partition(&self) -> Option<Partition> {
        self.home.own_region.or(self.home.region).map(Partition::of_region)
    }
}

/// The account and region of a pipeline, which never change once it was created.
#[derive(Clone, Copy, Debug, Default)]
pub struct Home<'a> {
    /// The operator's own region.
    pub own_region: Option<&'a str>,
    /// The pipeline's account, as its status has it.
    pub account: Option<&'a str>,
    /// The pipeline's region, as its status has it.
    pub region: Option<&'a str>,
}

/// A validated spec with its defaults: all that the operator needs to create the pipeline on AWS.
#[derive(Debug)]
pub struct Pipeline {
    /// The pipeline's identity: cluster, namespace, name and UID.
    pub owner: Owner,
    /// Account and region of its resources.
    pub target: Target,
    /// Its schedule.
    pub schedule: Schedule,
    /// The times between which it fires. A start that has passed is not among them.
    pub window: Window,
    /// `spec.startTime`, also one that has passed.
    pub start_time: Option<Timestamp>,
    /// The time at which it was validated.
    pub now: Timestamp,
    /// Whether the schedule is disabled.
    pub suspended: bool,
    /// Seconds after which an expected firing counts as missed; `None`: derived from the schedule.
    pub missed_after_seconds: Option<u32>,
    /// Minutes by which EventBridge may fire later than due.
    pub flexible_window_minutes: Option<u32>,
    /// Whether the queue is a FIFO queue.
    pub fifo: bool,
    /// What the schedule passes to the sender.
    pub firing: Firing,
    /// What the SSM parameter holds: a [`protocol::Secrets`] as JSON; absent when no channel or header has a secret.
    pub parameter: Option<SecretText>,
    /// EventBridge Scheduler's retries.
    pub invocation: Invocation,
    /// Settings of the queue of tasks and its dead-letter queues.
    pub queue: Queue,
    /// The function that turns a firing into messages.
    pub sender: Lambda,
    /// The function that runs tasks.
    pub runner: Lambda,
    /// The functions that tasks call, made by the operator.
    pub functions: Vec<Function>,
    /// The functions that the runner calls.
    pub called: BTreeSet<Callee>,
    /// Maximum number of messages for one invocation of the runner.
    pub batch_size: u32,
    /// Maximum number of concurrent invocations of the runner.
    pub max_concurrency: Option<u32>,
    /// What happens on deletion.
    pub deletion_policy: DeletionPolicy,
    /// Tags of every resource: the owner's and the user's.
    pub tags: Tags,
}

/// EventBridge Scheduler's retries, and the age up to which the sender's own asynchronous retries go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Invocation {
    /// Number of retries after a failed hand-over.
    pub max_attempts: u32,
    /// Seconds after which a firing is given up.
    pub max_age_seconds: u32,
}

/// Settings of the queues.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Queue {
    /// Seconds that SQS keeps a message.
    pub retention_seconds: u32,
    /// Seconds that a message is hidden while the runner has it.
    pub visibility_timeout_seconds: u32,
    /// Receives before a message goes to the dead-letter queue, including those for retries and deliveries.
    pub max_receive_count: u32,
    /// Seconds that a dead letter is kept.
    pub dead_letter_retention_seconds: u32,
    /// Whether deletion also deletes dead-letter queues that hold messages.
    pub delete_with_messages: bool,
    /// ARN of the KMS key that encrypts all queues; absent: SQS's own.
    pub kms_key_arn: Option<String>,
}

/// A Lambda function of the pipeline.
#[derive(Clone, Debug)]
pub struct Lambda {
    /// Its code, and how Lambda starts it.
    pub code: Code,
    /// Layers, in the order in which they are unpacked.
    pub layers: Vec<FunctionLayer>,
    /// Memory in MiB.
    pub memory_mib: u32,
    /// Seconds after which Lambda ends an invocation.
    pub timeout_seconds: u32,
    /// Processor architecture of the function, and of its zip.
    pub architecture: Architecture,
    /// Days that logs are kept.
    pub log_retention_days: u32,
    /// The user's environment variables.
    pub environment: Tags,
    /// IAM statements of the spec, in addition to those that the function itself needs.
    pub statements: Vec<Statement>,
}

/// A function that tasks call.
#[derive(Clone, Debug)]
pub struct Function {
    /// Its name within the pipeline.
    pub name: String,
    /// Its settings on AWS.
    pub lambda: Lambda,
    /// The secrets that it may read.
    pub secrets: Vec<FunctionSecret>,
}

/// A secret that a function may read.
#[derive(Clone, Debug)]
pub struct FunctionSecret {
    /// Its name within the function.
    pub name: String,
    /// The environment variable that holds its parameter's name.
    pub variable: String,
    /// The value, as it is written to the parameter.
    pub value: SecretText,
}

/// A function that a task calls.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Callee {
    /// One of the pipeline's, by its name within the pipeline.
    Own(String),
    /// An existing one, by its ARN.
    Existing(String),
}

/// The bounds that Lambda has for the concurrency of a mapping.
/// <https://docs.aws.amazon.com/lambda/latest/api/API_ScalingConfig.html>
const CONCURRENCY: (u32, u32) = (2, 1000);

impl Pipeline {
    /// The pipeline in an account that allows so many invocations at the same time. One without a limit of its own leaves room
    /// for a function beside each runner, and for the sender.
    #[must_use]
    pub fn within(self, account_limit: Option<u32>) -> Self {
        let (least, most) = CONCURRENCY;
        let default = account_limit.map(|limit| (limit.saturating_sub(1) / 2).clamp(least, most));
        Self { max_concurrency: self.max_concurrency.or(default), ..self }
    }
}

/// Makes a validated pipeline of a spec.
///
/// # Errors
/// All mistakes in the spec, at least one. Nothing on AWS may be changed in that case.
pub fn resolve(spec: &ScheduledTaskPipelineSpec, context: &Context<'_>) -> Result<Pipeline, Vec<Refusal>> {
    let ScheduledTaskPipelineSpec {
        schedule,
        time_zone,
        suspend,
        start_time,
        end_time,
        flexible_window_minutes,
        concurrency_policy,
        tasks,
        functions,
        layers,
        channels,
        missed_after_seconds,
        invocation: api::Invocation { max_attempts, max_age_seconds },
        queue,
        sender,
        runner,
        deletion_policy,
        // The plan is the same in both modes.
        mode: _,
        aws,
        tags,
    } = spec;
    let mut refusals = Refusals::default();
    if let Some(seconds) = missed_after_seconds {
        refusals.in_range("spec.missedAfterSeconds", *seconds, 60..=86_400);
    }

    let target = place::resolve(aws.as_ref(), context, &mut refusals);
    let span = Window { start: start_time.as_ref().map(|time| time.0), end: end_time.as_ref().map(|time| time.0) };
    let timing = timing::resolve(schedule, time_zone, &span, context, &mut refusals);

    let travelling_channels = channel::resolve(channels, &mut refusals);
    if tasks.is_empty() && sender.hop.code.is_none() {
        refusals.invalid_hint("spec.tasks", "it is empty", "add a task, like `{name: hello, message: {}}`");
    }
    if runner.hop.code.is_some() {
        task::check_unposted(tasks, channels, &mut refusals);
    }
    let travelling_tasks = task::resolve(tasks, channels, Some(context.owner), &mut refusals);
    let called = task::called(tasks, functions, &target, context, &mut refusals);
    let parameter = secret::parameter(&secret::uses(spec), &context.owner.namespace, context.secrets, &mut refusals);

    let fifo = match concurrency_policy {
        ConcurrencyPolicy::Allow => false,
        ConcurrencyPolicy::Queue => true,
    };
    let layers = layer::resolve(layers, &target, context, &mut refusals);
    let functions = function::resolve(functions, tasks, &layers, context, &mut refusals);
    let sender = hop::sender(sender, &layers, context, &mut refusals);
    let (runner, running) = hop::runner(runner, &travelling_tasks, fifo, &layers, context, &mut refusals);
    let queue = queue::resolve(queue, running.timeout_seconds, &travelling_tasks, &target, context, &mut refusals);
    let tags = tags::resolve(tags, context, &mut refusals);

    let parameter_name = parameter.is_some().then(|| context.owner.parameter(Part::Channels));
    let firing = input::build(context.owner, parameter_name, travelling_tasks, travelling_channels, &mut refusals);

    match (timing, sender, runner) {
        (Some((schedule, window)), Some(sender), Some(runner)) if refusals.is_empty() => Ok(Pipeline {
            owner: context.owner.clone(),
            target,
            schedule,
            window,
            start_time: span.start,
            now: context.now,
            suspended: *suspend,
            missed_after_seconds: *missed_after_seconds,
            flexible_window_minutes: *flexible_window_minutes,
            fifo,
            firing,
            parameter,
            invocation: Invocation { max_attempts: *max_attempts, max_age_seconds: *max_age_seconds },
            queue,
            sender,
            runner,
            functions,
            called,
            batch_size: running.batch_size,
            max_concurrency: running.max_concurrency,
            deletion_policy: *deletion_policy,
            tags,
        }),
        (Some(_) | None, ..) => Err(refusals.into_vec()),
    }
}
