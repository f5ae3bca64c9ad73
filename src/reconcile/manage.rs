//! Makes a pipeline and keeps it as its spec says.

use std::collections::BTreeSet;

use jiff::Timestamp;
use kube::ResourceExt as _;

use super::{Look, Next, PATIENCE};
use crate::apply::{Applied, Outcome, apply, observe_all};
use crate::aws::Aws;
use crate::cluster::News;
use crate::crd::{PipelineStatus, ResourceState, annotation};
use crate::functions::own_architecture;
use crate::health::{self, Health, reason};
use crate::pipeline::{self, Pipeline, Refusal};
use crate::plan::{Goal, Have, Plan, plan};
use crate::resource::{Id, Kind, Resource, want};
use crate::status;

pub(super) async fn manage(mut look: Look<'_>) -> kube::Result<Next> {
    let now = Timestamp::now();
    look.greet(now).await?;

    let pipeline = match look.resolve(now).await? {
        Ok(pipeline) => pipeline,
        Err(refusals) => {
            let health = Health::refused(&refusals, look.runs());
            return look.give_up(&health).await;
        }
    };
    let aws = match look.aws(&pipeline.target).await {
        Ok(aws) => aws,
        Err(health) => return look.give_up(&health).await,
    };

    let want = want(&pipeline, &look.context.installation, &aws.location);
    let have = match look.observe(&aws, &want).await {
        Ok(have) => have,
        Err(health) => return look.give_up(&health).await,
    };
    let plan = plan(&look.owner, want, &status::known(&look.before), have).stopped_by_conflict();
    // The finalizer first, or a pipeline deleted this moment would be gone before what is about to be made.
    look.context.cluster.add_finalizer(&look.pipeline).await?;
    look.announce(&plan, &aws).await?;

    let gone: Vec<Id> =
        plan.steps.iter().filter(|step| matches!(step.goal, Goal::Gone)).map(|step| step.id.clone()).collect();
    let applied = apply(&aws, &look.owner, plan, PATIENCE).await;
    look.report(&pipeline, &applied, &gone, now).await
}

impl Look<'_> {
    /// The first word about a new pipeline: to kstatus, one without a status counts as done.
    async fn greet(&mut self, now: Timestamp) -> kube::Result<()> {
        if !self.before.conditions.is_empty() {
            return Ok(());
        }
        let mut status = self.before.clone();
        status.observed_generation = Some(self.generation());
        status.conditions = health::conditions(&Health::new_pipeline(), &[], self.generation(), now);
        self.write(status).await
    }

    /// The custom resource and its Secrets, checked.
    async fn resolve(&self, now: Timestamp) -> kube::Result<Result<Pipeline, Vec<Refusal>>> {
        let spec = &self.pipeline.spec;
        let keys: Vec<_> = pipeline::secret_refs(spec).into_iter().map(|used| used.reference).collect();
        let secrets = self.context.cluster.secrets(&self.owner.namespace, &keys).await?;
        let known = status::known(&self.before);
        let available = self.context.installation.artifacts.keys().copied().collect();
        Ok(pipeline::resolve(
            spec,
            &pipeline::Context {
                owner: &self.owner,
                now,
                secrets: &secrets,
                default_architecture: own_architecture(),
                available: &available,
                configuration: &self.context.configuration,
                home: self.home(),
                has_schedule: known.iter().any(|(id, held)| id.kind == Kind::Schedule && *held),
            },
        ))
    }

    /// Whether the pipeline was made before: then it goes on as it was.
    fn runs(&self) -> bool {
        self.before.resources.iter().any(|row| row.state != ResourceState::Creating)
    }

    /// What AWS has of it. A pipeline that has nothing yet is created first, and asked about later.
    async fn observe(&self, aws: &Aws, want: &[Resource]) -> Result<Have, Health> {
        let known = status::known(&self.before);
        if known.is_empty() {
            return Ok(Have::new());
        }
        let ids: BTreeSet<Id> = want.iter().map(Resource::id).chain(known.into_keys()).collect();
        observe_all(aws, ids).await.map_err(|error| Health::aws(&error))
    }

    /// Rows for what is about to be made, written before it is: deletion works on them.
    async fn announce(&mut self, plan: &Plan, aws: &Aws) -> kube::Result<()> {
        let mut status = self.before.clone();
        status.account = Some(aws.location.account.clone());
        status.region = Some(aws.location.region.clone());
        status.resources = status::rows_before(&self.before.resources, plan, &aws.location);
        if status == self.before { Ok(()) } else { self.write(status).await }
    }

    /// Nothing was changed on AWS.
    pub(super) async fn give_up(self, health: &Health) -> kube::Result<Next> {
        let status = self.before.clone();
        self.conclude(status, health, Vec::new()).await
    }

    async fn report(self, pipeline: &Pipeline, applied: &Applied, gone: &[Id], now: Timestamp) -> kube::Result<Next> {
        let mut status = self.before.clone();
        let made = |(id, outcome): (&Id, &Outcome)| id.kind == Kind::Schedule && matches!(outcome, Outcome::Done(_));
        if applied.outcomes.iter().any(made) {
            let schedule = status::schedule(pipeline, now);
            status.next_run = schedule.next.first().cloned();
            status.schedule = Some(schedule);
        }
        status.resources = status::rows_after(&self.before.resources, applied, gone);
        status.queue = Some(status::depth(applied.outcomes.iter().filter_map(|(id, outcome)| match outcome {
            Outcome::Done(seen) => Some((id, seen.as_ref()?)),
            Outcome::Waiting(_) | Outcome::Failed(_) | Outcome::Conflict { .. } | Outcome::Blocked { .. } => None,
        })));
        let mut news = status::news_of(applied);
        news.extend(self.take_commands(&mut status));
        let health = Health::of(applied, reason::RECONCILING).unwrap_or_else(|| healthy(pipeline, now));
        self.conclude(status, &health, news).await
    }

    /// Records the tokens of annotations that are commands, so that each acts once. A look has just been taken, which is
    /// what `reconcile-now` asks for.
    fn take_commands(&self, status: &mut PipelineStatus) -> Option<News> {
        let token = |key: &str| self.pipeline.annotations().get(key).cloned();
        status.last_reconcile_now = token(annotation::RECONCILE_NOW).or_else(|| status.last_reconcile_now.take());
        let run_now = token(annotation::RUN_NOW).filter(|token| status.last_run_now.as_ref() != Some(token))?;
        status.last_run_now = Some(run_now);
        Some(News {
            warning: true,
            reason: pipeline::Reason::NotSupportedYet.to_string(),
            action: "RunNow",
            note: format!("annotation {} is not supported yet: nothing was fired", annotation::RUN_NOW),
        })
    }
}

fn healthy(pipeline: &Pipeline, now: Timestamp) -> Health {
    if pipeline.suspended {
        Health::ready(reason::SUSPENDED, "everything on AWS is as wanted, and the schedule is disabled")
    } else if pipeline.schedule.is_over(now, &pipeline.window) {
        Health::ready(reason::COMPLETED, "everything on AWS is as wanted, and nothing will fire any more")
    } else {
        Health::ready(reason::IN_SYNC, "everything on AWS is as wanted")
    }
}
