//! From a custom resource to its plan: nothing here changes anything, on AWS or in the cluster.

use std::collections::BTreeSet;

use api::{Change, ScheduledTaskPipeline};
use aws::Aws;
use jiff::Timestamp;
use pipeline_core::desired::desired;
use pipeline_core::pipeline::{self, Pipeline, Refusal};
use pipeline_core::plan::report::{self, Knowledge, PlanReport};
use pipeline_core::plan::{Have, Plan, plan};
use pipeline_core::resource::{Id, Kind, Resource};

use super::{Context, Reconciler};
use crate::artifacts::builtin::own_architecture;
use crate::drift::observed_cache;
use crate::reconcile::apply::observe_all;
use crate::reconcile::ready::Health;
use crate::reconcile::status;

/// What a pipeline should be on AWS, and where.
pub(super) struct Desired {
    pub(super) pipeline: Pipeline,
    pub(super) aws: Aws,
    want: Vec<Resource>,
    /// Hash of all that is wanted, but secrets.
    pub(super) fingerprint: String,
    /// The same with secrets, for the operator's own memory.
    pub(super) mark: u64,
}

/// A pipeline's plan, and what it was made of.
pub(super) struct Planned {
    pub(super) pipeline: Pipeline,
    pub(super) aws: Aws,
    pub(super) plan: Plan,
    /// The plan for people and machines.
    pub(super) changes: Vec<Change>,
    /// Hash of all that is wanted.
    pub(super) fingerprint: String,
    pub(super) knowledge: Knowledge,
}

/// Why there is no plan.
#[derive(Clone, Debug)]
pub enum NoPlan {
    /// The spec cannot be carried out.
    Refused(Vec<Refusal>),
    /// AWS cannot be read, or is not the pipeline's.
    Aws(Health),
}

/// What comes first for a pipeline that has nothing on AWS yet.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum First {
    /// To make it: what there is already, AWS will say.
    Create,
    /// To look whether it is there.
    Reconciler,
}

/// The plan of a pipeline in the cluster: what the operator would do about it now.
///
/// # Errors
/// The API server does not answer, or refuses.
pub async fn plan_of(pipeline: ScheduledTaskPipeline, context: &Context) -> kube::Result<Result<PlanReport, NoPlan>> {
    let reconciler = Reconciler {
        owner: context.owner(&pipeline),
        before: pipeline.status.clone().unwrap_or_default().without_news(),
        pipeline,
        context,
    };
    let planned = Box::pin(reconciler.plan(Timestamp::now())).await?;
    Ok(planned.map(|it| PlanReport::new(&reconciler.owner, &it.aws.location, it.changes, it.knowledge)))
}

impl Reconciler<'_> {
    /// What would be done, from the spec, its Secrets and what AWS has now.
    pub(super) async fn plan(&self, now: Timestamp) -> kube::Result<Result<Planned, NoPlan>> {
        Ok(match self.desired(now).await? {
            Ok(desired) => self.compare(desired, First::Reconciler).await,
            Err(no_plan) => Err(no_plan),
        })
    }

    /// What is wanted, from the spec and its Secrets.
    pub(super) async fn desired(&self, now: Timestamp) -> kube::Result<Result<Desired, NoPlan>> {
        let pipeline = match self.resolve(now).await? {
            Ok(pipeline) => pipeline,
            Err(refusals) => return Ok(Err(NoPlan::Refused(refusals))),
        };
        let aws = match self.aws(&pipeline.target).await {
            Ok(aws) => aws,
            Err(health) => return Ok(Err(NoPlan::Aws(health))),
        };
        let want = desired(&pipeline, &self.context.installation, &aws.location);
        let fingerprint = report::fingerprint(&want);
        let mark = observed_cache::desired_hash(&want);
        Ok(Ok(Desired { pipeline, aws, want, fingerprint, mark }))
    }

    /// What is wanted against what AWS has now.
    pub(super) async fn compare(&self, desired: Desired, first: First) -> Result<Planned, NoPlan> {
        let Desired { pipeline, aws, want, fingerprint, mark: _ } = desired;
        let have = self.observe(&aws, &want, first).await.map_err(NoPlan::Aws)?;
        let was_in_sync = self.before.in_sync_with.as_ref() == Some(&fingerprint);
        let plan = {
            let (known, tag_keys) = (status::known(&self.before), status::tag_keys(&self.before));
            plan(&self.owner, want, &known, &tag_keys, have).stopped_by_conflict()
        };
        let knowledge = Knowledge { was_in_sync, secrets: true };
        let changes = report::changes(&plan, &self.owner, knowledge);
        Ok(Planned { pipeline, aws, plan, changes, fingerprint, knowledge })
    }

    /// The custom resource and its Secrets, checked.
    async fn resolve(&self, now: Timestamp) -> kube::Result<Result<Pipeline, Vec<Refusal>>> {
        let spec = &self.pipeline.spec;
        let keys: Vec<_> = pipeline::secret_refs(spec).into_iter().map(|used| used.reference).collect();
        let secrets = self.context.cluster.secrets(&self.owner.namespace, &keys).await?;
        let config_maps =
            self.context.cluster.config_maps(&self.owner.namespace, pipeline::config_map_refs(spec)).await?;
        let known = status::known(&self.before);
        let context = pipeline::Context {
            owner: &self.owner,
            now,
            secrets: &secrets,
            config_maps: &config_maps,
            default_architecture: own_architecture(),
            artifacts: &self.context.installation.artifacts,
            configuration: &self.context.configuration,
            home: self.home(),
            has_schedule: known.iter().any(|(id, held)| id.kind == Kind::Schedule && *held),
        };
        Ok(pipeline::resolve(spec, &context))
    }

    /// What AWS has of it.
    async fn observe(&self, aws: &Aws, want: &[Resource], first: First) -> Result<Have, Health> {
        let known = status::known(&self.before);
        if known.is_empty() && first == First::Create {
            return Ok(Have::new());
        }
        let ids: BTreeSet<Id> = want.iter().map(Resource::id).chain(known.into_keys()).collect();
        let mut have = observe_all(aws, ids).await.map_err(|error| Health::aws(&error))?;
        self.context.propagation.overlay(&aws.location, want, &mut have);
        Ok(have)
    }

    /// The health of a pipeline that has no plan.
    pub(super) fn health(&self, no_plan: &NoPlan) -> Health {
        match no_plan {
            NoPlan::Refused(refusals) => Health::refused(refusals, self.runs()),
            NoPlan::Aws(health) => health.clone(),
        }
    }

    /// Whether the pipeline was made before: then it goes on as it was.
    pub(super) fn runs(&self) -> bool {
        self.before.resources.iter().any(|row| !row.unseen)
    }
}
