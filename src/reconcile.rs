//! One reconcile of one pipeline: from its custom resource to AWS, and back to its status.

pub mod apply;
mod commands;
pub mod controller;
mod delete;
pub mod drift;
pub mod events;
mod manage;
mod observe;
mod planning;
pub mod ready;
mod run_now;
pub mod status;
mod unreadable;

#[cfg(test)]
mod model;

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use api::{PipelineStatus, ScheduledTaskPipeline, Stored, annotation};
use aws::inbox_queue::Inboxes;
use aws::{Accounts, Aws, Caller, Urgency};
use futures::channel::mpsc::UnboundedSender;
use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use kube::ResourceExt as _;
use kube::runtime::reflector::ObjectRef;
use pipeline_core::backoff;
use pipeline_core::configuration::Configuration;
use pipeline_core::desired::Installation;
use pipeline_core::event::Event;
use pipeline_core::location::Target;
use pipeline_core::names::{ClusterName, Owner};
use pipeline_core::pipeline::Home;
use pipeline_core::runs::missed::Expectations;

use crate::artifacts::layers::Layers;
use crate::drift::observed_cache::Memory;
use crate::drift::pending_writes::Propagation;
use crate::kubernetes::cluster::Cluster;
use crate::metrics::Metrics;
use crate::runtime::concurrency::AccountConcurrency;
use ready::{Again, Health};

pub use planning::{NoPlan, plan_of};

/// What every reconcile works with.
pub struct Context {
    /// The API server.
    pub cluster: Cluster,
    /// AWS.
    pub accounts: Accounts,
    /// What pipelines may reach beyond their own resources.
    pub configuration: Configuration,
    /// What all pipelines share.
    pub installation: Installation,
    /// Builds layers.
    pub layers: Arc<Layers>,
    /// The cluster's name on AWS.
    pub cluster_name: ClusterName,
    /// Time between two reconciles of an unchanged pipeline.
    pub resync: Duration,
    /// Time after which a missing Secret is looked for again.
    pub secret_retry: Duration,
    /// Limits concurrent reconciles for each account.
    pub concurrency: AccountConcurrency,
    /// What is remembered of pipelines.
    pub memory: Memory,
    /// What was just written and AWS may not show yet.
    pub propagation: Propagation,
    /// Tells the sweep, and the reader of inboxes, of accounts and regions that pipelines live in.
    pub places: [UnboundedSender<Aws>; 2],
    /// Asks for reconciles of pipelines.
    pub requests: UnboundedSender<ObjectRef<ScheduledTaskPipeline>>,
    /// Which firings are expected.
    pub expectations: Expectations,
    /// The inboxes that are there.
    pub inboxes: Inboxes,
    /// What is counted.
    pub metrics: Arc<Metrics>,
    /// Failures in a row, by the pipeline's UID.
    pub failures: Mutex<HashMap<String, u32>>,
}

/// How long one reconcile may wait for AWS before it makes room and comes back.
const PATIENCE: Duration = Duration::from_secs(20);

/// The longest pause after failures.
const MAX_BACK_OFF: Duration = Duration::from_mins(5);

/// Reads a pipeline, and does what is to be done.
///
/// # Errors
/// The API server does not answer, or refuses.
pub async fn reconcile(cached: &ScheduledTaskPipeline, context: &Context) -> kube::Result<Next> {
    // A cache may be old, and what follows deletes and creates.
    let Some(Stored { pipeline, unreadable }) = context.cluster.live(cached).await? else {
        context.forget_all(cached);
        return Ok(Next::OnChange);
    };
    if pipeline.status.as_ref().and_then(|status| status.observed_generation) != pipeline.metadata.generation {
        // A new spec deserves a new start.
        context.forget(&pipeline);
    }
    let reconciler = Reconciler {
        owner: context.owner(&pipeline),
        before: pipeline.status.clone().unwrap_or_default().without_news(),
        pipeline,
        context,
    };
    if let Some(unreadable) = unreadable {
        Box::pin(unreadable::reconcile(reconciler, &unreadable)).await
    } else if reconciler.pipeline.metadata.deletion_timestamp.is_some() {
        Box::pin(delete::delete(reconciler)).await
    } else {
        Box::pin(manage::manage(reconciler)).await
    }
}

/// How soon a pipeline needs what it asks AWS for.
fn urgency(pipeline: &ScheduledTaskPipeline) -> Urgency {
    let Some(status) = &pipeline.status else { return Urgency::Unready };
    let edited = status.observed_generation.is_some() && status.observed_generation != pipeline.metadata.generation;
    let reconcile_now = commands::of(pipeline, annotation::RECONCILE_NOW);
    let asked = reconcile_now.is_some() && reconcile_now != status.last_reconcile_now
        || commands::new_run_now(pipeline, status).is_some();
    let ready = |condition: &Condition| condition.type_ == "Ready" && condition.status == "True";
    if edited || asked || pipeline.metadata.deletion_timestamp.is_some() {
        Urgency::Edit
    } else if status.conditions.iter().any(ready) {
        Urgency::Resync
    } else {
        Urgency::Unready
    }
}

/// When the pipeline is reconciled next, if nothing happens before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next {
    /// When it changes.
    OnChange,
    /// After this time.
    In(Duration),
}

impl Context {
    fn owner(&self, pipeline: &ScheduledTaskPipeline) -> Owner {
        Owner {
            cluster: self.cluster_name.clone(),
            namespace: pipeline.namespace().unwrap_or_default(),
            name: pipeline.name_any(),
            uid: pipeline.uid().unwrap_or_default(),
        }
    }

    fn forget(&self, pipeline: &ScheduledTaskPipeline) {
        if let Ok(mut failures) = self.failures.lock() {
            failures.remove(&pipeline.uid().unwrap_or_default());
        }
    }

    /// Drops all that is known of a pipeline which is gone.
    pub fn forget_all(&self, pipeline: &ScheduledTaskPipeline) {
        self.forget(pipeline);
        self.memory.forget(&pipeline.uid().unwrap_or_default());
        self.expectations.forget(&pipeline.uid().unwrap_or_default());
    }

    /// The pause after one more failure of a pipeline: doubled each time, with jitter.
    pub fn back_off(&self, pipeline: &ScheduledTaskPipeline) -> Duration {
        self.metrics.reconciles.count_retry();
        let uid = pipeline.uid().unwrap_or_default();
        let count = self.failures.lock().map_or(1, |mut failures| {
            let count = failures.entry(uid).or_insert(0);
            *count += 1;
            *count
        });
        let pause = Duration::from_secs(1 << count.min(9)).min(MAX_BACK_OFF);
        backoff::spread(pause)
    }
}

/// One reconcile of one pipeline.
struct Reconciler<'context> {
    pipeline: ScheduledTaskPipeline,
    owner: Owner,
    before: PipelineStatus,
    context: &'context Context,
}

impl Reconciler<'_> {
    /// Who asks AWS in this reconciler.
    fn caller(&self) -> Caller {
        Caller { name: self.owner.uid.as_str().into(), urgency: urgency(&self.pipeline) }
    }

    fn generation(&self) -> i64 {
        self.pipeline.metadata.generation.unwrap_or_default()
    }

    /// Where the pipeline lives, as far as that is known.
    fn home(&self) -> Home<'_> {
        Home {
            own_region: self.context.accounts.own_region(),
            account: self.before.account.as_deref().filter(|_| self.lives()),
            region: self.before.region.as_deref().filter(|_| self.lives()),
        }
    }

    /// Whether account and region are fixed: one that was only observed has nothing there.
    fn lives(&self) -> bool {
        !self.before.resources.is_empty()
    }

    /// The account and region that hold the pipeline: fixed at the first reconcile.
    async fn aws(&self, target: &Target) -> Result<Aws, Health> {
        let aws = self.context.accounts.get(target).await.map_err(|error| Health::no_aws(&error))?;
        match self.before.account.as_ref().filter(|_| self.lives()) {
            Some(account) if *account != aws.location.account => Err(Health::conflict(&format!(
                "the pipeline lives in account {account}, and {} is of account {}",
                target.role.as_ref().map_or("the operator", |role| role.arn.as_str()),
                aws.location.account
            ))),
            Some(_) | None => Ok(aws.on_behalf_of(self.caller())),
        }
    }

    /// Writes the status in between, as it then stands.
    async fn write(&mut self, status: PipelineStatus) -> kube::Result<()> {
        self.pipeline = self.context.cluster.write_status(&self.pipeline, &status).await?;
        self.before = status;
        Ok(())
    }

    /// Logs events, and publishes them as Kubernetes Events of the pipeline.
    async fn publish_events(&self, events: &[Event]) -> kube::Result<()> {
        for event in events {
            let Event { reason, note } = event;
            if reason.is_warning() {
                tracing::warn!(%reason, note, "pipeline needs attention");
            } else {
                tracing::info!(%reason, note, "pipeline changed");
            }
            match self.context.cluster.publish(&self.pipeline, event).await {
                // A namespace that is being deleted takes no more events, and must not wait for one.
                Err(kube::Error::Api(status)) if status.is_forbidden() => {
                    tracing::warn!(reason = status.message, "no event can be written");
                }
                published => published?,
            }
        }
        Ok(())
    }

    /// Says how the pipeline is: status where it changed, events for what is new; and when to read again.
    async fn finish(self, mut status: PipelineStatus, health: &Health, mut events: Vec<Event>) -> kube::Result<Next> {
        let deleted = self.pipeline.metadata.deletion_timestamp.as_ref().map(|time| time.0);
        let health = &health.clone().not_for_ever(&self.before.conditions, deleted, Timestamp::now());
        let generation = self.generation();
        status.observed_generation = Some(generation);
        status.conditions = ready::conditions(health, &self.before.conditions, generation, Timestamp::now());
        if status != self.before {
            self.context.cluster.write_status(&self.pipeline, &status).await?;
        }
        events.extend(events::of_health(&self.before, health));
        self.publish_events(&events).await?;
        if health.again != Again::BackOff || status::got_further(&self.before, &status) {
            self.context.forget(&self.pipeline);
        }
        Ok(Next::In(match health.again {
            Again::In(time) => time,
            Again::Resync => backoff::spread(self.context.resync),
            // Never later than promised.
            Again::WhenSecretsMayBe => backoff::spread(self.context.secret_retry.mul_f64(0.9)),
            Again::BackOff => self.context.back_off(&self.pipeline),
        }))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    /// The urgency of a pipeline of generation 2 with this metadata and status.
    fn check(metadata: &Value, status: &Value, expected: Urgency) {
        let mut pipeline = json!({
            "apiVersion": "taskpipelines.dev/v1alpha1", "kind": "ScheduledTaskPipeline",
            "metadata": metadata, "spec": {"schedule": "@daily", "tasks": [{"name": "a", "message": {}}]},
            "status": status,
        });
        pipeline["metadata"]["generation"] = 2.into();
        let pipeline: ScheduledTaskPipeline = serde_json::from_value(pipeline.clone()).unwrap();
        assert_eq!(urgency(&pipeline), expected, "{pipeline:?}");
    }

    #[test]
    fn what_somebody_waits_for_is_urgent() {
        let ready = |observed: i64, ready: &str| {
            let condition = json!({
                "type": "Ready", "status": ready, "reason": "Any", "message": "", "lastTransitionTime": "2026-03-01T12:00:00Z",
            });
            json!({"observedGeneration": observed, "lastReconcileNow": "one", "conditions": [condition]})
        };
        check(&json!({}), &Value::Null, Urgency::Unready);
        check(&json!({}), &json!({}), Urgency::Unready);
        check(&json!({}), &ready(2, "Unknown"), Urgency::Unready);
        check(&json!({}), &ready(2, "True"), Urgency::Resync);
        check(&json!({}), &ready(1, "True"), Urgency::Edit);
        check(&json!({"deletionTimestamp": "2026-03-01T12:00:00Z"}), &ready(2, "True"), Urgency::Edit);
        let command = |token: &str| json!({"annotations": {annotation::RECONCILE_NOW: token}});
        check(&command("one"), &ready(2, "True"), Urgency::Resync);
        check(&command("two"), &ready(2, "True"), Urgency::Edit);
    }
}
