//! From a custom resource to its plan. Nothing here changes anything on AWS or in the cluster.

use std::collections::BTreeSet;

use api::{Change, ScheduledTaskPipeline};
use aws::{Aws, AwsError, invocation};
use jiff::Timestamp;
use pipeline_core::desired;
use pipeline_core::pipeline::{self, Pipeline};
use pipeline_core::plan::report::{self, Knowledge, PlanReport};
use pipeline_core::plan::{Observations, Plan, Recorded};
use pipeline_core::resource::{Id, Kind, Resource};

use super::context::PlanContext;
use super::error::ReconcileError;
use super::subject::{self, Subject};
use crate::artifacts::builtin::own_architecture;
use crate::drift::observed_cache;
use crate::reconcile::apply::observe_all;

/// A resolved pipeline, and the AWS clients for its account and region.
pub(super) struct Desired {
    pub(super) pipeline: Pipeline,
    pub(super) aws: Aws,
    /// Hash of all desired resources except the values of secrets, for the status.
    pub(super) fingerprint: String,
    /// Hash of all desired resources including secrets; kept only in the process.
    pub(super) hash: u64,
}

/// A plan, and what it was computed from.
pub(super) struct Planned {
    pub(super) desired: Desired,
    pub(super) plan: Plan,
    /// The plan as `status.plan` shows it: one change for each step.
    pub(super) changes: Vec<Change>,
    pub(super) knowledge: Knowledge,
}

/// The plan of a pipeline in the cluster: what the operator would do about it now.
///
/// # Errors
/// The API server or AWS does not answer, or refuses, or the spec cannot be carried out.
pub async fn plan_of(pipeline: ScheduledTaskPipeline, context: &PlanContext) -> Result<PlanReport, ReconcileError> {
    let subject = Subject::new(pipeline, &context.cluster_name);
    let (desired, resources) = Box::pin(desired(context, &subject, Timestamp::now())).await?;
    let observed = Box::pin(observe(&subject, &desired.aws, &resources)).await?;
    let Planned { desired, changes, knowledge, .. } = plan(&subject, desired, resources, observed);
    Ok(PlanReport::new(&subject.owner, &desired.aws.location, changes, knowledge))
}

/// Resolves the spec with its Secrets and `ConfigMaps`, and computes the desired resources.
pub(super) async fn desired(
    context: &PlanContext,
    subject: &Subject,
    now: Timestamp,
) -> Result<(Desired, Vec<Resource>), ReconcileError> {
    let pipeline = resolve(context, subject, now).await?;
    let aws = subject::aws(context, subject, &pipeline.target).await?;
    let pipeline = pipeline.within(invocation::account_limit(&aws).await?);
    let mut resources = desired::desired(&pipeline, &context.installation, &aws.location);
    for resource in &mut resources {
        if let Resource::Schedule(schedule) = resource {
            schedule.timing.fired = subject.previous.last_run;
        }
    }
    let fingerprint = report::fingerprint(&resources);
    let hash = observed_cache::desired_hash(&resources);
    Ok((Desired { pipeline, aws, fingerprint, hash }, resources))
}

/// Reads these resources, and those that the status lists.
pub(super) async fn observe(subject: &Subject, aws: &Aws, resources: &[Resource]) -> Result<Observations, AwsError> {
    let ids: BTreeSet<Id> =
        resources.iter().map(Resource::id).chain(subject.previous.recorded.keys().cloned()).collect();
    observe_all(aws, ids, &subject.previous.rows.arns()).await
}

/// Computes the steps from the observed to the desired state. Pure.
pub(super) fn plan(subject: &Subject, desired: Desired, resources: Vec<Resource>, observed: Observations) -> Planned {
    let Subject { owner, previous, .. } = subject;
    let plan = pipeline_core::plan::plan(owner, resources, &previous.recorded, &previous.tag_keys, observed);
    let plan = plan.with_arns(&previous.rows.arns()).stopped_by_conflict();
    let knowledge = Knowledge { was_in_sync: previous.was_in_sync_with(&desired.fingerprint), secrets: true };
    let changes = report::changes(&plan, knowledge);
    Planned { desired, plan, changes, knowledge }
}

/// Reads the Secrets and `ConfigMaps` of the custom resource, and validates all of it.
async fn resolve(context: &PlanContext, subject: &Subject, now: Timestamp) -> Result<Pipeline, ReconcileError> {
    let Subject { pipeline, owner, previous } = subject;
    let keys: Vec<_> = pipeline::secret_refs(&pipeline.spec).into_iter().map(|used| used.reference).collect();
    let secrets = context.cluster.secrets(&owner.namespace, &keys).await?;
    let config_maps = context.cluster.config_maps(&owner.namespace, pipeline::config_map_refs(&pipeline.spec)).await?;
    let known = pipeline::Context {
        owner,
        now,
        secrets: &secrets,
        config_maps: &config_maps,
        default_architecture: own_architecture(),
        artifacts: &context.installation.artifacts,
        configuration: &context.configuration,
        home: previous.home(context.accounts.own_region()),
        has_schedule: previous
            .recorded
            .iter()
            .any(|(id, recorded)| id.kind == Kind::Schedule && *recorded == Recorded::Ours),
    };
    pipeline::resolve(&pipeline.spec, &known).map_err(ReconcileError::Refused)
}
