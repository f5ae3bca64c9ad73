//! Mode `Observe`: says what would be done, and does nothing.

use api::Change;
use jiff::Timestamp;
use pipeline_core::names::Ownership;
use pipeline_core::plan::Verdict;
use pipeline_core::plan::render::counts;
use pipeline_core::plan::report::for_status;
use pipeline_core::reason::Settled;
use pipeline_core::resource::{Kind, depth};

use super::delete::retained;
use super::planning::Planned;
use super::{Next, Reconciler};
use crate::kubernetes::cluster::has_finalizer;
use crate::reconcile::ready::Health;
use crate::reconcile::status;

pub(super) async fn observe(reconciler: Reconciler<'_>, now: Timestamp) -> kube::Result<Next> {
    // First of all, so that the pipeline can go at any time: then without a word.
    if has_finalizer(&reconciler.pipeline) {
        reconciler.publish_events(&retained("mode is Observe", &reconciler.before.resources)).await?;
        reconciler.context.cluster.remove_finalizer(&reconciler.pipeline).await?;
    }
    let planned = match reconciler.plan(now).await? {
        Ok(planned) => planned,
        Err(no_plan) => {
            let health = reconciler.health(&no_plan);
            return reconciler.finish_early(&health).await;
        }
    };
    let Planned { pipeline, aws, plan, changes, .. } = planned;
    let mut status = reconciler.before.clone();
    status.account = Some(aws.location.account.clone());
    status.region = Some(aws.location.region.clone());
    let ours = plan.steps.iter().filter_map(|step| Some((&step.id, step.have.as_ref()?)));
    let ours = ours.filter(|(_, have)| reconciler.owner.ownership(&have.tags) == Ownership::Ours);
    status.queue = Some(depth::depth(ours));
    if plan.steps.iter().any(|step| step.id.kind == Kind::Schedule && step.verdict == Verdict::InSync) {
        status::put_schedule(&mut status, &pipeline, reconciler.last_firing(), now);
    }
    let health = Health::ready(Settled::Observing, &message(&changes));
    status.plan = for_status(changes);
    reconciler.take_commands(&mut status);
    let events = reconciler.refuse_run_now(&mut status, "mode is Observe").into_iter().collect();
    reconciler.finish(status, &health, events).await
}

fn message(changes: &[Change]) -> String {
    format!("mode is Observe, so nothing is changed on AWS: {} (status.plan has what and how)", counts(changes))
}
