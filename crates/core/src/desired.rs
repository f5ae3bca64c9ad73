//! A pipeline, as the AWS resources that make it up.

mod boundary;
mod names;
mod permissions;

use std::collections::{BTreeMap, BTreeSet};

use crate::code::{Artifacts, Code, S3Object};
use crate::configuration::Bucket;
use crate::iam::{self, Permissions, Service};
use crate::location::Location;
use crate::names::{Owner, Part};
use crate::pipeline::{Callee, FunctionLayer, Lambda, Layer, Pipeline};
use crate::resource::{
    AsyncInvoke, EventSourceMapping, Function, Id, Kind, LayerVersion, LogGroup, Parameter, Queue, Redrive, Resource,
    Role, Schedule, ScheduleGroup, Timing,
};

pub use boundary::boundary;
use names::Names;
use permissions::{function, runner, running, scheduler, sender, telling, use_of_key};

/// What all pipelines of this operator share.
#[derive(Debug)]
pub struct Installation {
    /// The zips of the built-in functions.
    pub artifacts: Artifacts,
    /// ARN of the permissions boundary that every role carries.
    pub permissions_boundary: Option<String>,
    /// The bucket through which layers go that are too large for a call.
    pub layer_bucket: Option<Bucket>,
}

/// Lambda gives up an asynchronous event after 6 hours at the latest.
/// <https://docs.aws.amazon.com/lambda/latest/api/API_PutFunctionEventInvokeConfig.html>
const MAX_ASYNC_AGE_SECONDS: u32 = 21_600;

/// Lambda's own retries of an asynchronous event, the most there are.
const ASYNC_RETRIES: u32 = 2;

/// All resources of a pipeline.
pub fn desired(pipeline: &Pipeline, installation: &Installation, location: &Location) -> Vec<Resource> {
    let names = Names::of(&pipeline.owner, pipeline.fifo);
    let parts = parts(pipeline, &names, location);
    let mut resources: Vec<Resource> = parts.iter().map(|part| part.log_group(pipeline)).collect();
    resources.extend(queues(pipeline, &names, location));
    resources.extend(parameters(pipeline, &names));
    resources.extend(roles(pipeline, &parts, &names, installation, location));
    let bucket = installation.layer_bucket.as_ref().map(|bucket| bucket.of(&location.account, &location.region));
    resources.extend(layer_versions(&parts, &pipeline.owner, bucket.as_deref()));
    resources.extend(parts.into_iter().map(|part| part.function(pipeline, &names, location)));
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
    resources.push(Resource::Schedule(Box::new(schedule(pipeline, &names, location))));
    resources
}

/// Ids of every resource whose name depends on the owner alone, not on the spec.
pub fn possible_ids(owner: &Owner) -> BTreeSet<Id> {
    let kinds = [Names::of(owner, false), Names::of(owner, true)];
    let of = |kind: Kind, names: Vec<String>| names.into_iter().map(move |name| Id::new(kind, name));
    let ids = kinds.into_iter().flat_map(|names| {
        let Names {
            cluster: _,
            front: _,
            sender,
            runner,
            scheduler,
            schedule,
            tasks,
            tasks_dlq,
            undelivered_dlq,
            parameter,
            inbox: _,
        } = names;
        let functions = || vec![sender.clone(), runner.clone()];
        of(Kind::LogGroup, functions().iter().map(|name| LogGroup::of_function(name)).collect())
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

/// A Lambda function with what goes with it.
struct DesiredFunction<'pipeline> {
    name: String,
    lambda: &'pipeline Lambda,
    permissions: Permissions,
    /// Variables of the operator's own.
    environment: BTreeMap<String, String>,
    async_invoke: Option<AsyncInvoke>,
}

fn parts<'pipeline>(
    pipeline: &'pipeline Pipeline,
    names: &Names,
    location: &Location,
) -> Vec<DesiredFunction<'pipeline>> {
    let undelivered = AsyncInvoke {
        max_retries: ASYNC_RETRIES,
        max_age_seconds: pipeline.invocation.max_age_seconds.min(MAX_ASYNC_AGE_SECONDS),
        on_failure_arn: location.queue_arn(&names.undelivered_dlq),
    };
    let called = pipeline.called.iter().map(|callee| match callee {
        Callee::Own(name) => location.function_arn(&names.function(name)),
        Callee::Existing(arn) => arn.clone(),
    });
    let key = pipeline.queue.kms_key_arn.as_deref().map(|key| use_of_key(key, location));
    let queue = |variable: &str, name: &str| (variable.to_owned(), location.queue_url(name));
    // The user's own code may not send to the other queues, and need not know them.
    let of_built_in = |lambda: &Lambda, variable: &str, name: &str| match lambda.code {
        Code::Builtin(_) => Some(queue(variable, name)),
        Code::Zip { .. } | Code::S3 { .. } | Code::Image(_) => None,
    };
    let dead_letters = of_built_in(&pipeline.runner, "DEAD_LETTER_QUEUE_URL", &names.tasks_dlq);
    let visibility = dead_letters
        .as_ref()
        .map(|_| ("VISIBILITY_SECONDS".to_owned(), pipeline.queue.visibility_timeout_seconds.to_string()));
    let hop = |name: &str, lambda, permissions: Permissions, async_invoke| DesiredFunction {
        name: name.to_owned(),
        lambda,
        permissions: permissions.with(key.as_slice()),
        environment: [queue("QUEUE_URL", &names.tasks)]
            .into_iter()
            .chain(of_built_in(lambda, "INBOX_URL", &names.inbox))
            .collect(),
        async_invoke,
    };
    let if_built_in = |lambda: &Lambda, permissions: Permissions| match lambda.code {
        Code::Builtin(_) => permissions,
        Code::Zip { .. } | Code::S3 { .. } | Code::Image(_) => Permissions::default(),
    };
    let tell = telling(names, location);
    let run = running(names, pipeline.parameter.is_some(), called.collect(), location).and(tell.clone());
    let may_send = sender(names, location).and(if_built_in(&pipeline.sender, tell));
    let may_run = runner(names, location).and(if_built_in(&pipeline.runner, run));
    let mut runner = hop(&names.runner, &pipeline.runner, may_run, None);
    runner.environment.extend(dead_letters.into_iter().chain(visibility));
    let hops = [hop(&names.sender, &pipeline.sender, may_send, Some(undelivered)), runner];
    let functions = pipeline.functions.iter().map(|it| {
        let name = names.function(&it.name);
        let parameter = |secret: &str| names.secret(&it.name, secret);
        DesiredFunction {
            permissions: function(&name, names, it.secrets.iter().map(|secret| parameter(&secret.name)), location),
            environment: it.secrets.iter().map(|secret| (secret.variable.clone(), parameter(&secret.name))).collect(),
            name,
            lambda: &it.lambda,
            async_invoke: None,
        }
    });
    hops.into_iter().chain(functions).collect()
}

impl DesiredFunction<'_> {
    fn log_group(&self, pipeline: &Pipeline) -> Resource {
        Resource::LogGroup(LogGroup {
            name: LogGroup::of_function(&self.name),
            retention_days: self.lambda.log_retention_days,
            tags: pipeline.tags.clone(),
        })
    }

    fn function(self, pipeline: &Pipeline, names: &Names, location: &Location) -> Resource {
        let role = |name: &str| location.role_arn(&pipeline.owner.role_path(), name);
        // The sender's role may do least.
        let other = if self.name == names.sender { &names.runner } else { &names.sender };
        let mut environment = self.lambda.environment.clone();
        environment.extend(self.environment);
        Resource::Function(Function {
            role_arn: role(&self.name),
            other_role_arn: role(other),
            name: self.name,
            code: self.lambda.code.clone(),
            layers: self.lambda.layers.iter().map(|layer| layer_name(layer, &pipeline.owner)).collect(),
            architecture: self.lambda.architecture,
            memory_mib: self.lambda.memory_mib,
            timeout_seconds: self.lambda.timeout_seconds,
            environment,
            async_invoke: self.async_invoke,
            tags: pipeline.tags.clone(),
        })
    }
}

/// The layers of the operator's that functions have, each once.
fn layer_versions(parts: &[DesiredFunction<'_>], owner: &Owner, bucket: Option<&str>) -> Vec<Resource> {
    let all = parts.iter().flat_map(|part| &part.lambda.layers);
    let layers: BTreeSet<&Layer> = all.filter_map(FunctionLayer::built).collect();
    layers.into_iter().map(|layer| Resource::LayerVersion(layer_version(layer, owner, bucket))).collect()
}

fn layer_version(layer: &Layer, owner: &Owner, bucket: Option<&str>) -> LayerVersion {
    let name = owner.part(Part::Layer(&layer.name));
    let key = owner.cluster.layer_object(&name, &layer.digest());
    let object = bucket.map(|bucket| S3Object { bucket: bucket.to_owned(), key, version: None });
    LayerVersion { layer: name, content: layer.clone(), zip: None, object, owner_tags: owner.tags() }
}

/// A layer version's ARN; or the name of one that AWS has yet to number.
fn layer_name(layer: &FunctionLayer, owner: &Owner) -> String {
    match layer {
        FunctionLayer::Built(layer) => LayerVersion::id_of(&owner.part(Part::Layer(&layer.name)), &layer.digest()).name,
        FunctionLayer::Existing(arn) => arn.clone(),
    }
}

fn parameters(pipeline: &Pipeline, names: &Names) -> Vec<Resource> {
    let of_channels = pipeline.parameter.iter().map(|value| (names.parameter.clone(), value));
    let of_functions = pipeline.functions.iter().flat_map(|function| {
        function.secrets.iter().map(|secret| (names.secret(&function.name, &secret.name), &secret.value))
    });
    let all = of_channels.chain(of_functions);
    all.map(|(name, value)| Resource::Parameter(Parameter { name, value: value.clone(), tags: pipeline.tags.clone() }))
        .collect()
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

fn roles(
    pipeline: &Pipeline,
    parts: &[DesiredFunction<'_>],
    names: &Names,
    installation: &Installation,
    location: &Location,
) -> Vec<Resource> {
    let role = |name: &str, trust, permissions: Permissions| {
        Resource::Role(Role {
            name: name.to_owned(),
            path: pipeline.owner.role_path(),
            trust,
            policy: permissions.document(),
            boundary: installation.permissions_boundary.clone(),
            tags: pipeline.tags.clone(),
        })
    };
    let account = ("aws:SourceAccount", location.account.clone());
    // Scheduler compares the source with the group, never with the schedule.
    // <https://docs.aws.amazon.com/scheduler/latest/UserGuide/cross-service-confused-deputy-prevention.html>
    let group = ("aws:SourceArn", location.schedule_group_arn(&names.schedule));
    let key = pipeline.queue.kms_key_arn.as_deref().map(|key| use_of_key(key, location));
    let may_schedule = scheduler(names, location).with(key.as_slice());
    let of_scheduler = role(&names.scheduler, iam::trust(Service::Scheduler, &[account, group]), may_schedule);
    let of_parts = parts.iter().map(|part| {
        let permissions = part.permissions.clone().with(&part.lambda.statements);
        role(&part.name, iam::trust(Service::Lambda, &[]), permissions)
    });
    [of_scheduler].into_iter().chain(of_parts).collect()
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
        firing: pipeline.firing.clone(),
        target_arn: location.function_arn(&names.sender),
        role_arn: location.role_arn(&pipeline.owner.role_path(), &names.scheduler),
        dead_letter_arn: location.queue_arn(&names.undelivered_dlq),
        max_attempts: pipeline.invocation.max_attempts,
        max_age_seconds: pipeline.invocation.max_age_seconds,
        owner_tags: pipeline.owner.tags(),
        timing: Timing {
            schedule: pipeline.schedule.clone(),
            start_time: pipeline.start_time,
            fired: None,
            now: pipeline.now,
            is_over: pipeline.schedule.is_over(pipeline.now, &pipeline.window),
        },
    }
}
