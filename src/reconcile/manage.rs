//! Creates a pipeline's resources on AWS, and keeps them as the spec says.

use std::time::Duration;

use api::{Mode, QueueDepth};
use aws::AwsError;
use jiff::Timestamp;
use pipeline_core::error_chain::chain;
use pipeline_core::plan::{Observations, Plan};
use pipeline_core::reason::Underway;
use pipeline_core::requeue::Requeue;
use pipeline_core::resource::Resource;

use super::apply::{self, Applied};
use super::context::ReconcileContext;
use super::error::ReconcileError;
use super::expect::expect_firings;
use super::finish::{finish, finish_early, write_status};
use super::observe::observe_only;
use super::planning::{self, Desired, Planned};
use super::ready::{self, Health};
use super::subject::Subject;
use super::update_status::{annotations, in_sync, update_status};
use super::{PATIENCE, commands, status};
use crate::artifacts::layers::{self, Build};
use crate::drift::pending_writes;
use crate::kubernetes::cluster::has_finalizer;

/// How often the operator checks whether a layer is built.
const LAYER_POLL: Duration = Duration::from_secs(1);

pub(super) async fn manage(context: &ReconcileContext, subject: &mut Subject) -> Result<Requeue, ReconcileError> {
    let now = Timestamp::now();
    write_initial_status(context, subject, now).await?;
    match subject.pipeline.spec.mode {
        Mode::Manage => {}
        Mode::Observe => return Box::pin(observe_only(context, subject, now)).await,
    }
    let (desired, resources) = planning::desired(&context.plan, subject, now).await?;
    if let Some(depth) = last_observation(context, subject, &desired) {
        return still_in_sync(context, subject, &desired, depth, now).await;
    }
    let observed = observe(context, subject, &desired, &resources).await?;
    let mut planned = planning::plan(subject, desired, resources, observed);
    // Built before anything is written, so that a layer that cannot be built changes nothing.
    if let Some(health) = build_layers(context, subject, &mut planned.plan) {
        return finish_early(context, subject, &health).await;
    }
    prepare(context, subject, &planned).await?;
    let applied = apply(context, subject, &planned).await;
    update_status(context, subject, &planned, &applied, now).await
}

/// Writes a first status for a new pipeline: kstatus takes a resource without a status for ready.
async fn write_initial_status(
    context: &ReconcileContext,
    subject: &mut Subject,
    now: Timestamp,
) -> Result<(), ReconcileError> {
    let before = subject.previous.status();
    if !before.conditions.is_empty() {
        return Ok(());
    }
    let mut status = before.clone();
    status.observed_generation = Some(subject.generation());
    // A token that the pipeline was created with, perhaps from a backup, does not ask for a run now.
    if let Some(token) = commands::new_run_now(&subject.pipeline, before) {
        commands::handle_run_now(&mut status, token);
    }
    status.conditions = ready::conditions(&Health::new_pipeline(), &[], subject.generation(), now);
    write_status(context, subject, status).await
}

/// The queue depth of the last observation, if it is fresh, so that AWS need not be read; else `None`.
fn last_observation(context: &ReconcileContext, subject: &Subject, desired: &Desired) -> Option<QueueDepth> {
    let Subject { pipeline, owner, previous } = subject;
    if !has_finalizer(pipeline) || !previous.was_in_sync_with(&desired.fingerprint) {
        return None;
    }
    context.observed_cache.is_fresh(&owner.uid, desired.hash, &desired.aws.location, annotations(subject))
}

/// Ends a reconcile without a read of AWS: neither the spec nor AWS has changed. Refreshes the next firings and the
/// queue depth.
async fn still_in_sync(
    context: &ReconcileContext,
    subject: &Subject,
    desired: &Desired,
    depth: QueueDepth,
    now: Timestamp,
) -> Result<Requeue, ReconcileError> {
    let mut status = subject.previous.status().clone();
    status::put_schedule(&mut status, &desired.pipeline, subject.previous.last_firing, now);
    status.queue = Some(depth);
    expect_firings(context, subject, desired, &status, now);
    finish(context, subject, status, &in_sync(&desired.pipeline, now), Vec::new()).await
}

/// Reads the pipeline's resources. Skips the reads if the status lists none: creation reports names that exist.
async fn observe(
    context: &ReconcileContext,
    subject: &Subject,
    desired: &Desired,
    resources: &[Resource],
) -> Result<Observations, AwsError> {
    if subject.previous.recorded.is_empty() {
        return Ok(Observations::new());
    }
    let observed = planning::observe(subject, &desired.aws, resources).await;
    let mut observed = observed.inspect_err(|_| context.observed_cache.invalidate(&subject.owner.uid))?;
    context.pending_writes.overlay(&desired.aws.location, resources, &mut observed);
    Ok(observed)
}

/// Builds the layers that the plan publishes. Returns the health to report if some are not ready yet, or cannot be
/// built.
fn build_layers(context: &ReconcileContext, subject: &Subject, plan: &mut Plan) -> Option<Health> {
    match context.layers.fill(plan) {
        Build::Done => None,
        Build::Building(message) => Some(Health::progressing(Underway::Reconciling, message, Requeue::In(LAYER_POLL))),
        Build::Failed(refusals) => {
            let refused = Health::refused(&refusals, subject.previous.was_made());
            Some(Health { requeue: Requeue::In(layers::RETRY), ..refused })
        }
    }
}

/// Writes what must be in the cluster before anything is created on AWS.
async fn prepare(context: &ReconcileContext, subject: &mut Subject, planned: &Planned) -> Result<(), ReconcileError> {
    // Without the finalizer, a pipeline that is deleted now would be gone before its new resources.
    context.plan.cluster.add_finalizer(&subject.pipeline).await?;
    record_planned_rows(context, subject, planned).await?;
    make_inbox(context, subject, planned).await;
    Ok(())
}

/// Writes the rows of resources that are about to be created, and the keys of their tags. Deletion works on the rows,
/// and only tags with recorded keys are ever removed.
async fn record_planned_rows(
    context: &ReconcileContext,
    subject: &mut Subject,
    Planned { desired, plan, .. }: &Planned,
) -> Result<(), ReconcileError> {
    let (previous, location) = (&subject.previous, &desired.aws.location);
    let mut status = previous.status().clone();
    status.account = Some(location.account.clone());
    status.region = Some(location.region.clone());
    status.resources = status::rows_before(&previous.rows, plan, location).into_vec();
    status.tag_keys = status::tag_keys_before(&previous.tag_keys, plan).recorded().cloned().collect();
    if status == *previous.status() { Ok(()) } else { write_status(context, subject, status).await }
}

/// Creates the inbox, after the rows are written: the deletion of the last pipeline then deletes it. Without an inbox
/// the pipeline works, but its reports are lost.
async fn make_inbox(context: &ReconcileContext, subject: &Subject, planned: &Planned) {
    if subject.previous.rows.is_empty() {
        return;
    }
    if let Err(error) = context.inboxes.make(&planned.desired.aws, &context.plan.cluster_name).await {
        tracing::warn!(error = chain(&error), "runs are not reported");
    }
}

async fn apply(context: &ReconcileContext, subject: &Subject, Planned { desired, plan, .. }: &Planned) -> Applied {
    let applied = apply::apply(&desired.aws, &subject.owner, plan, PATIENCE).await;
    context.pending_writes.record(&desired.aws.location, pending_writes::changes(plan), applied.updated());
    applied
}
