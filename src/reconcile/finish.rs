//! The end of a reconcile: writes status and events, and returns when the pipeline comes next.

use api::PipelineStatus;
use jiff::Timestamp;
use pipeline_core::event::Event;
use pipeline_core::requeue::Requeue;

use super::context::ReconcileContext;
use super::error::ReconcileError;
use super::events;
use super::previous::PreviousState;
use super::ready::{self, Health};
use super::status;
use super::subject::Subject;

/// Writes the status during a reconcile, and keeps it as the previous status of what follows.
pub(super) async fn write_status(
    context: &ReconcileContext,
    subject: &mut Subject,
    status: PipelineStatus,
) -> Result<(), ReconcileError> {
    let mut written = context.plan.cluster.write_status(&subject.pipeline, &status).await?;
    let whole = written.status.take().unwrap_or_default();
    subject.pipeline = written;
    subject.previous = PreviousState::new(status, &whole);
    Ok(())
}

/// Ends a reconcile that has changed nothing on AWS.
pub(super) async fn finish_early(
    context: &ReconcileContext,
    subject: &Subject,
    health: &Health,
) -> Result<Requeue, ReconcileError> {
    finish(context, subject, subject.previous.status().clone(), health, Vec::new()).await
}

/// Ends a reconcile: writes the status if it changed, and publishes the events.
pub(super) async fn finish(
    context: &ReconcileContext,
    subject: &Subject,
    mut status: PipelineStatus,
    health: &Health,
    mut events: Vec<Event>,
) -> Result<Requeue, ReconcileError> {
    let before = subject.previous.status();
    let health = &health.clone().not_for_ever(&before.conditions, subject.deleted(), Timestamp::now());
    let generation = subject.generation();
    status.observed_generation = Some(generation);
    status.conditions = ready::conditions(health, &before.conditions, generation, Timestamp::now());
    let by_others = context.observed_cache.by_others(&subject.owner.uid);
    events.extend(status::put_by_others(&mut status, before, by_others.as_ref()));
    if status != *before {
        context.plan.cluster.write_status(&subject.pipeline, &status).await?;
    }
    events.extend(events::of_health(before, health));
    publish_events(context, subject, &events).await?;
    if health.requeue != Requeue::BackOff || subject.previous.is_behind(&status) {
        context.failures.reset(&subject.owner.uid);
    }
    Ok(health.requeue)
}

/// Logs events, and publishes them as Kubernetes Events of the pipeline.
pub(super) async fn publish_events(
    context: &ReconcileContext,
    subject: &Subject,
    events: &[Event],
) -> Result<(), ReconcileError> {
    for event in events {
        let Event { reason, note } = event;
        if reason.is_warning() {
            tracing::warn!(%reason, note, "pipeline needs attention");
        } else {
            tracing::info!(%reason, note, "pipeline changed");
        }
        match context.plan.cluster.publish(&subject.pipeline, event).await {
            // The API server refuses events in a namespace that is being deleted; the deletion must go on without them.
            Err(kube::Error::Api(status)) if status.is_forbidden() => {
                tracing::warn!(reason = status.message, "no event can be written");
            }
            published => published?,
        }
    }
    Ok(())
}
