//! A pipeline, as the AWS resources that make it up.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::{
    Artifact, AsyncInvoke, EventSourceMapping, Function, Id, Kind, LayerVersion, LogGroup, Parameter, Queue, Redrive,
    Resource, Role, Schedule, ScheduleGroup,
};
use crate::crd::Architecture;
use crate::identity::{ClusterName, Location, Owner};
use crate::pipeline::{Builtin, Hop, Layer, Pipeline};
use crate::policy::{self, Permissions, Service, Statement};

/// What all pipelines of this operator share.
#[derive(Debug)]
pub struct Installation {
    /// The zips of the built-in functions.
    pub artifacts: BTreeMap<(Builtin, Architecture), Arc<Artifact>>,
    /// ARN of the permissions boundary that every role carries.
    pub permissions_boundary: Option<String>,
}

impl Installation {
    /// The built-in functions that there is a zip for.
    pub fn available(&self) -> BTreeSet<(Builtin, Architecture)> {
        self.artifacts.keys().copied().collect()
    }
}

/// Lambda gives up an asynchronous event after 6 hours at the latest.
/// <https://docs.aws.amazon.com/lambda/latest/api/API_PutFunctionEventInvokeConfig.html>
const MAX_ASYNC_AGE_SECONDS: u32 = 21_600;

/// Lambda's own retries of an asynchronous event, the most there are.
const ASYNC_RETRIES: u32 = 2;

/// What a pipeline's resources are called.
pub(super) struct Names {
    sender: String,
    runner: String,
    scheduler: String,
    schedule: String,
    tasks: String,
    tasks_dlq: String,
    undelivered_dlq: String,
    parameter: String,
    inbox: String,
}

impl Names {
    fn of(owner: &Owner, fifo: bool) -> Self {
        Self::new(&owner.prefix(), &owner.cluster, fifo)
    }

    /// The names that begin with `front`, or with anything where that is `*`.
    pub(super) fn new(front: &str, cluster: &ClusterName, fifo: bool) -> Self {
        let suffix = if fifo { ".fifo" } else { "" };
        Self {
            sender: format!("{front}-sender"),
            runner: format!("{front}-runner"),
            scheduler: format!("{front}-scheduler"),
            schedule: front.to_owned(),
            tasks: format!("{front}-tasks{suffix}"),
            tasks_dlq: format!("{front}-tasks-dlq{suffix}"),
            // Scheduler and Lambda cannot send to a FIFO queue.
            undelivered_dlq: format!("{front}-undelivered-dlq"),
            parameter: cluster.parameter(front, "channels"),
            inbox: cluster.inbox(),
        }
    }
}

fn log_group_name(function: &str) -> String {
    format!("/aws/lambda/{function}")
}

/// All resources of a pipeline. A built-in whose zip is missing was refused when the pipeline was resolved; here it
/// yields no function.
pub fn want(pipeline: &Pipeline, installation: &Installation, location: &Location) -> Vec<Resource> {
    let names = Names::of(&pipeline.owner, pipeline.fifo);
    let mut resources = log_groups(pipeline, &names);
    resources.extend(queues(pipeline, &names, location));
    resources.extend(pipeline.parameter.as_ref().map(|value| {
        Resource::Parameter(Parameter {
            name: names.parameter.clone(),
            value: value.clone(),
            tags: pipeline.tags.clone(),
        })
    }));
    resources.extend(roles(pipeline, installation, &names, location));
    resources.extend(layer_versions(pipeline));
    resources.extend(functions(pipeline, installation, &names, location));
    resources.push(Resource::EventSourceMapping(EventSourceMapping {
        function: names.runner.clone(),
        function_arn: location.function_arn(&names.runner),
        queue: names.tasks.clone(),
        queue_arn: location.queue_arn(&names.tasks),
        batch_size: pipeline.batch_size,
        max_concurrency: pipeline.max_concurrency,
        tags: pipeline.tags.clone(),
    }));
    resources
        .push(Resource::ScheduleGroup(ScheduleGroup { name: names.schedule.clone(), tags: pipeline.tags.clone() }));
    resources.push(Resource::Schedule(schedule(pipeline, &names, location)));
    resources
}

/// All that a pipeline of this owner can have, whatever its spec says, but for what its spec names.
pub fn possible_ids(owner: &Owner) -> BTreeSet<Id> {
    let kinds = [Names::of(owner, false), Names::of(owner, true)];
    let of = |kind: Kind, names: Vec<String>| names.into_iter().map(move |name| Id::new(kind, name));
    let ids = kinds.into_iter().flat_map(|names| {
        let Names { sender, runner, scheduler, schedule, tasks, tasks_dlq, undelivered_dlq, parameter, inbox: _ } =
            names;
        let functions = || vec![sender.clone(), runner.clone()];
        of(Kind::LogGroup, functions().iter().map(|name| log_group_name(name)).collect())
            .chain(of(Kind::Function, functions()))
            .chain(of(Kind::Role, functions().into_iter().chain([scheduler]).collect()))
            .chain(of(Kind::EventSourceMapping, vec![runner.clone()]))
            .chain(of(Kind::Queue, vec![tasks, tasks_dlq, undelivered_dlq]))
            .chain(of(Kind::Parameter, vec![parameter]))
            .chain(of(Kind::ScheduleGroup, vec![schedule.clone()]))
            .chain(of(Kind::Schedule, vec![schedule]))
            .collect::<Vec<_>>()
    });
    ids.collect()
}

fn log_groups(pipeline: &Pipeline, names: &Names) -> Vec<Resource> {
    [(&names.sender, &pipeline.sender), (&names.runner, &pipeline.runner)]
        .map(|(function, hop)| {
            Resource::LogGroup(LogGroup {
                name: log_group_name(function),
                retention_days: hop.log_retention_days,
                tags: pipeline.tags.clone(),
            })
        })
        .into()
}

fn queues(pipeline: &Pipeline, names: &Names, location: &Location) -> [Resource; 3] {
    let dead_letter = |name: &str| {
        Resource::Queue(Queue {
            name: name.to_owned(),
            retention_seconds: pipeline.queue.dead_letter_retention_seconds,
            visibility_timeout_seconds: None,
            redrive: None,
            kms_key_arn: pipeline.queue.kms_key_arn.clone(),
            tags: pipeline.tags.clone(),
        })
    };
    let tasks = Queue {
        name: names.tasks.clone(),
        retention_seconds: pipeline.queue.retention_seconds,
        visibility_timeout_seconds: Some(pipeline.queue.visibility_timeout_seconds),
        redrive: Some(Redrive {
            dead_letter_queue: names.tasks_dlq.clone(),
            dead_letter_arn: location.queue_arn(&names.tasks_dlq),
            max_receive_count: pipeline.queue.max_receive_count,
        }),
        kms_key_arn: pipeline.queue.kms_key_arn.clone(),
        tags: pipeline.tags.clone(),
    };
    [dead_letter(&names.tasks_dlq), dead_letter(&names.undelivered_dlq), Resource::Queue(tasks)]
}

fn roles(pipeline: &Pipeline, installation: &Installation, names: &Names, location: &Location) -> [Resource; 3] {
    let role = |name: &str, trust, permissions: Permissions| {
        let permissions = match &pipeline.queue.kms_key_arn {
            Some(key) => permissions.with(&[use_of_key(key, location)]),
            None => permissions,
        };
        Resource::Role(Role {
            name: name.to_owned(),
            path: pipeline.owner.role_path(),
            trust,
            policy: permissions.document(),
            boundary: installation.permissions_boundary.clone(),
            tags: pipeline.tags.clone(),
        })
    };
    let permissions = RolePermissions::new(names, pipeline.parameter.is_some(), location);
    let account = ("aws:SourceAccount", location.account.clone());
    // Scheduler compares the source with the group, never with the schedule.
    // <https://docs.aws.amazon.com/scheduler/latest/UserGuide/cross-service-confused-deputy-prevention.html>
    let group = ("aws:SourceArn", location.schedule_group_arn(&names.schedule));
    [
        role(&names.scheduler, policy::trust(Service::Scheduler, &[account, group]), permissions.scheduler),
        role(&names.sender, policy::trust(Service::Lambda, &[]), permissions.sender.with(&pipeline.sender.statements)),
        role(&names.runner, policy::trust(Service::Lambda, &[]), permissions.runner.with(&pipeline.runner.statements)),
    ]
}

/// What the three roles may do, as far as every pipeline's may.
pub(super) struct RolePermissions {
    pub(super) scheduler: Permissions,
    pub(super) sender: Permissions,
    pub(super) runner: Permissions,
}

impl RolePermissions {
    pub(super) fn new(names: &Names, has_parameter: bool, location: &Location) -> Self {
        let queue = |name: &str| location.queue_arn(name);
        let inbox = queue(&names.inbox);
        let logs = |function: &str| format!("{}:*", location.log_group_arn(&log_group_name(function)));
        let write_logs = ["logs:CreateLogStream", "logs:PutLogEvents"];
        let sender_arn = location.function_arn(&names.sender);
        let scheduler = Permissions::default()
            .allow(["lambda:InvokeFunction"], [sender_arn.clone(), format!("{sender_arn}:*")])
            .allow(["sqs:SendMessage"], [queue(&names.undelivered_dlq)]);
        let sender = Permissions::default()
            .allow(["sqs:SendMessage"], [queue(&names.tasks), queue(&names.undelivered_dlq), inbox.clone()])
            .allow(write_logs, [logs(&names.sender)]);
        let mut runner = Permissions::default()
            .allow(
                [
                    "sqs:ReceiveMessage",
                    "sqs:DeleteMessage",
                    "sqs:GetQueueAttributes",
                    "sqs:ChangeMessageVisibility",
                    "sqs:SendMessage",
                ],
                [queue(&names.tasks)],
            )
            .allow(["sqs:SendMessage"], [inbox])
            .allow(write_logs, [logs(&names.runner)]);
        if has_parameter {
            runner = runner.allow(["ssm:GetParameter"], [location.parameter_arn(&names.parameter)]);
        }
        Self { scheduler, sender, runner }
    }
}

/// Sending to an encrypted queue, and receiving from it: the key through SQS, and nothing else that it encrypts.
/// <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-key-management.html>
pub(super) fn use_of_key(key: &str, location: &Location) -> Statement {
    let through_sqs = BTreeMap::from([("kms:ViaService".to_owned(), vec![format!("sqs.{}.*", location.region)])]);
    Statement {
        actions: vec!["kms:GenerateDataKey".to_owned(), "kms:Decrypt".to_owned()],
        resources: vec![key.to_owned()],
        condition: BTreeMap::from([("StringLike".to_owned(), through_sqs)]),
    }
}

/// The layers that the pipeline's functions have, each once.
fn layer_versions(pipeline: &Pipeline) -> impl Iterator<Item = Resource> {
    let layers: BTreeSet<&Layer> =
        [&pipeline.sender, &pipeline.runner].into_iter().flat_map(|hop| &hop.layers).collect();
    layers.into_iter().map(|layer| Resource::LayerVersion(layer_version(layer, &pipeline.owner)))
}

fn layer_version(layer: &Layer, owner: &Owner) -> LayerVersion {
    let name = owner.part(&format!("layer-{}", layer.name));
    LayerVersion { layer: name, content: layer.clone(), zip: None, owner_tags: owner.tags() }
}

fn functions(pipeline: &Pipeline, installation: &Installation, names: &Names, location: &Location) -> Vec<Resource> {
    let undelivered = AsyncInvoke {
        max_retries: ASYNC_RETRIES,
        max_age_seconds: pipeline.invocation.max_age_seconds.min(MAX_ASYNC_AGE_SECONDS),
        on_failure_arn: location.queue_arn(&names.undelivered_dlq),
    };
    let function = |builtin: Builtin, name: &str, hop: &Hop, async_invoke| {
        let artifact = installation.artifacts.get(&(builtin, hop.architecture))?;
        let mut environment = hop.environment.clone();
        environment.insert("QUEUE_URL".to_owned(), location.queue_url(&names.tasks));
        Some(Resource::Function(Function {
            name: name.to_owned(),
            role_arn: location.role_arn(&pipeline.owner.role_path(), name),
            artifact: Arc::clone(artifact),
            architecture: hop.architecture,
            memory_mib: hop.memory_mib,
            timeout_seconds: hop.timeout_seconds,
            layers: hop.layers.iter().map(|layer| layer_version(layer, &pipeline.owner).id().name).collect(),
            environment,
            async_invoke,
            tags: pipeline.tags.clone(),
        }))
    };
    let sender = function(Builtin::Sender, &names.sender, &pipeline.sender, Some(undelivered));
    let runner = function(Builtin::Runner, &names.runner, &pipeline.runner, None);
    sender.into_iter().chain(runner).collect()
}

fn schedule(pipeline: &Pipeline, names: &Names, location: &Location) -> Schedule {
    Schedule {
        name: names.schedule.clone(),
        group: names.schedule.clone(),
        expression: pipeline.schedule.expression().to_owned(),
        time_zone: pipeline.schedule.time_zone().to_owned(),
        enabled: !pipeline.suspended,
        start: pipeline.window.start,
        end: pipeline.window.end,
        flexible_window_minutes: pipeline.flexible_window_minutes,
        input: pipeline.input.clone(),
        target_arn: location.function_arn(&names.sender),
        role_arn: location.role_arn(&pipeline.owner.role_path(), &names.scheduler),
        dead_letter_arn: location.queue_arn(&names.undelivered_dlq),
        max_attempts: pipeline.invocation.max_attempts,
        max_age_seconds: pipeline.invocation.max_age_seconds,
        owner_tags: pipeline.owner.tags(),
    }
}
