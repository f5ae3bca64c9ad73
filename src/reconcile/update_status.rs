//! The step after a plan was applied: remembers the outcome, and writes it into the status.

use std::collections::BTreeMap;

use api::{PipelineStatus, QueueDepth};
use jiff::Timestamp;
use kube::ResourceExt as _;
use pipeline_core::names::TagKeys;
use pipeline_core::pipeline::Pipeline;
use pipeline_core::plan::report::for_status;
use pipeline_core::plan::{Goal, Plan, Step, Verdict};
use pipeline_core::reason::{Settled, Underway};
use pipeline_core::requeue::Requeue;
use pipeline_core::resource::{Id, Kind, Observed, Resource, depth};

use super::apply::{Applied, Outcome};
use super::context::ReconcileContext;
use super::drift::{Before, drift};
use super::error::ReconcileError;
use super::expect::expect_firings;
use super::finish::finish;
use super::planning::Planned;
use super::ready::Health;
use super::subject::Subject;
use super::{commands, events, run_now, status};
use crate::drift::observed_cache::{self, Observation, Snapshot};

/// Writes the outcome of a plan into the status. Handles `run-now` last, when everything that a run needs exists.
pub(super) async fn update_status(
    context: &ReconcileContext,
    subject: &Subject,
    planned: &Planned,
    applied: &Applied,
    now: Timestamp,
) -> Result<Requeue, ReconcileError> {
    let desired = &planned.desired;
    let same_secrets = context.observed_cache.had_desired(&subject.owner.uid, desired.hash);
    let drift = drift(applied, Before { in_sync: planned.knowledge.was_in_sync, same_secrets });
    for one in &drift {
        context.metrics.count_drift(one);
    }
    let (tag_keys, depth) = (tag_keys(subject, planned, applied), depth::depth(applied.seen()));
    let failing = Health::of(applied, Underway::Reconciling);
    if failing.is_none() {
        remember(context, subject, planned, applied, &tag_keys, depth);
    } else {
        context.observed_cache.invalidate(&subject.owner.uid);
    }
    let mut status = status_after(subject, planned, applied, &tag_keys, depth, now);
    if has_schedule(applied) {
        expect_firings(context, subject, desired, &status, now);
    }
    commands::take_reconcile_now(&subject.pipeline, &mut status);
    let mut events = events::of_changes(applied, &drift);
    let mut health = failing.unwrap_or_else(|| in_sync(&desired.pipeline, now));
    // Tags that AWS refuses to change do not block commands.
    if applied.outcomes.values().all(Outcome::is_usable) {
        match run_now::fire(context, subject, desired, &mut status).await {
            Ok(fired) => events.extend(fired),
            Err(error) => health = Health::aws(&error),
        }
    }
    finish(context, subject, status, &health, events).await
}

/// Keys of the tags that are the pipeline's after this plan.
fn tag_keys(subject: &Subject, planned: &Planned, applied: &Applied) -> TagKeys {
    let desired = status::tag_keys_before(&TagKeys::default(), &planned.plan);
    status::tag_keys_after(&subject.previous.tag_keys, &desired, applied)
}

/// The status after a plan was applied, completely or in part.
fn status_after(
    subject: &Subject,
    planned: &Planned,
    applied: &Applied,
    tag_keys: &TagKeys,
    depth: QueueDepth,
    now: Timestamp,
) -> PipelineStatus {
    let Planned { desired, plan, changes, .. } = planned;
    let previous = &subject.previous;
    let gone = plan.steps.iter().filter(|step| matches!(step.goal, Goal::Gone)).map(|step| step.id.clone());
    let gone: Vec<Id> = gone.collect();
    let mut status = previous.status().clone();
    if has_schedule(applied) {
        let known = previous.last_firing.or_else(|| phase(plan, applied));
        status::put_schedule(&mut status, &desired.pipeline, known, now);
        if status::fires_otherwise(applied) {
            status::restart_schedule(&mut status, now);
        }
    }
    status.resources = status::rows_after(&previous.rows, applied, &gone).into_vec();
    status.tag_keys = tag_keys.recorded().cloned().collect();
    status.queue = Some(depth);
    status.plan = for_status(status::still_pending(plan, changes, applied));
    if applied.outcomes.values().all(|outcome| matches!(outcome, Outcome::Done(_))) {
        status.in_sync_with = Some(desired.fingerprint.clone());
    } else {
        // AWS may have any part of the new desired state, so only the same fingerprint stays.
        status.in_sync_with = status.in_sync_with.filter(|before| *before == desired.fingerprint);
    }
    status
}

/// A moment at which a `rate()` fires, as AWS was told or shows it.
fn phase(plan: &Plan, applied: &Applied) -> Option<Timestamp> {
    let step = plan.steps.iter().find(|step| step.id.kind == Kind::Schedule)?;
    let Goal::Present(desired) = &step.goal else { return None };
    let Resource::Schedule(schedule) = &desired.resource else { return None };
    let observed = step.observed.as_ref().and_then(|observed| observed.timing.as_deref());
    let is_written = applied.changes.iter().any(|(id, _)| *id == step.id);
    if is_written { schedule.timing.anchor(observed) } else { observed?.start }
}

fn has_schedule(applied: &Applied) -> bool {
    let made = |(id, outcome): (&Id, &Outcome)| id.kind == Kind::Schedule && matches!(outcome, Outcome::Done(_));
    applied.outcomes.iter().any(made)
}

/// Stores the observation, so that AWS need not be read again before something changes.
fn remember(
    context: &ReconcileContext,
    subject: &Subject,
    planned: &Planned,
    applied: &Applied,
    tag_keys: &TagKeys,
    depth: QueueDepth,
) {
    let aws = &planned.desired.aws;
    let snapshot = |(id, seen): (&Id, &Observed)| (id.clone(), Snapshot::of(seen, tag_keys));
    let snapshots: BTreeMap<Id, Snapshot> = applied.seen().map(snapshot).collect();
    let propagates = context.pending_writes.is_under_way(&aws.location, snapshots.keys());
    // A schedule that is over need not be there.
    let is_absent = |step: &&Step| step.observed.is_none() && step.verdict == Verdict::InSync;
    let absent = planned.plan.steps.iter().filter(is_absent).count();
    let observation = Observation {
        pipeline: subject.owner.pipeline(),
        location: aws.location.clone(),
        tag_keys: tag_keys.clone(),
        complete: snapshots.len() + absent == applied.outcomes.len() && !propagates,
        snapshots,
        desired_hash: planned.desired.hash,
        depth,
        annotations: annotations(subject),
    };
    if context.observed_cache.record(&subject.owner.uid, observation, !applied.changes.is_empty()) {
        // The receivers are gone when the operator stops.
        for places in &context.places {
            let _ = places.unbounded_send(aws.clone());
        }
    }
}

/// A hash of the annotations, some of which are commands.
pub(super) fn annotations(subject: &Subject) -> u64 {
    observed_cache::mark(subject.pipeline.annotations())
}

/// Health of a pipeline that AWS matches.
pub(super) fn in_sync(pipeline: &Pipeline, now: Timestamp) -> Health {
    if pipeline.suspended {
        Health::ready(Settled::Suspended, "everything on AWS is as wanted, and the schedule is disabled")
    } else if pipeline.schedule.is_over(now, &pipeline.window) {
        Health::ready(Settled::Completed, "everything on AWS is as wanted, and nothing will fire any more")
    } else {
        Health::ready(Settled::InSync, "everything on AWS is as wanted")
    }
}
