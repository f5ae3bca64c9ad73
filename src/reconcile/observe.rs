//! Mode `Observe`: reports the plan, and changes nothing.

use api::Change;
use jiff::Timestamp;
use pipeline_core::names::Ownership;
use pipeline_core::plan::Verdict;
use pipeline_core::plan::render::counts;
use pipeline_core::plan::report::for_status;
use pipeline_core::reason::Settled;
use pipeline_core::requeue::Requeue;
use pipeline_core::resource::{Kind, depth};

use super::cleanup::retained;
use super::context::ReconcileContext;
use super::error::ReconcileError;
use super::finish::{finish, publish_events};
use super::planning::{self, Planned};
use super::ready::Health;
use super::subject::Subject;
use super::{commands, run_now, status};
use crate::kubernetes::cluster::has_finalizer;

pub(super) async fn observe_only(
    context: &ReconcileContext,
    subject: &Subject,
    now: Timestamp,
) -> Result<Requeue, ReconcileError> {
    let Subject { pipeline, owner, previous } = subject;
    // Removed first: a pipeline that holds nothing can then be deleted at any time, without a last reconcile.
    if has_finalizer(pipeline) {
        publish_events(context, subject, &retained("mode is Observe", &previous.rows)).await?;
        context.plan.cluster.remove_finalizer(pipeline).await?;
    }
    let (desired, resources) = planning::desired(&context.plan, subject, now).await?;
    let mut observed = planning::observe(subject, &desired.aws, &resources).await?;
    context.pending_writes.overlay(&desired.aws.location, &resources, &mut observed);
    let Planned { desired, plan, changes, .. } = planning::plan(subject, desired, resources, observed);
    let mut status = previous.status().clone();
    status.account = Some(desired.aws.location.account.clone());
    status.region = Some(desired.aws.location.region.clone());
    let ours = plan.steps.iter().filter_map(|step| Some((&step.id, step.observed.as_ref()?)));
    let ours = ours.filter(|(_, observed)| owner.ownership(&observed.tags) == Ownership::Ours);
    status.queue = Some(depth::depth(ours));
    if plan.steps.iter().any(|step| step.id.kind == Kind::Schedule && step.verdict == Verdict::InSync) {
        status::put_schedule(&mut status, &desired.pipeline, previous.last_firing, now);
    }
    let health = Health::ready(Settled::Observing, &message(&changes));
    status.plan = for_status(changes);
    commands::take_reconcile_now(pipeline, &mut status);
    let events = run_now::refuse(subject, &mut status, "mode is Observe").into_iter().collect();
    finish(context, subject, status, &health, events).await
}

fn message(changes: &[Change]) -> String {
    format!("mode is Observe, so nothing is changed on AWS: {} (status.plan has what and how)", counts(changes))
}
