//! Mode `Observe`: says what would be done, and does nothing.

use api::Change;
use jiff::Timestamp;
use pipeline_core::names::Ownership;
use pipeline_core::reason::Settled;

use super::delete::retained;
use super::planning::Planned;
use super::{Look, Next};
use crate::kubernetes::cluster::has_finalizer;
use crate::plan::Verdict;
use crate::plan::render::counts;
use crate::plan::shown::for_status;
use crate::reconcile::ready::Health;
use crate::reconcile::status;
use crate::resource::{Kind, depth};

pub(super) async fn observe(look: Look<'_>, now: Timestamp) -> kube::Result<Next> {
    // First of all, so that the pipeline can go at any time: then without a word.
    if has_finalizer(&look.pipeline) {
        look.tell(&retained("mode is Observe", &look.before.resources)).await?;
        look.context.cluster.remove_finalizer(&look.pipeline).await?;
    }
    let planned = match look.plan(now).await? {
        Ok(planned) => planned,
        Err(no_plan) => {
            let health = look.health(&no_plan);
            return look.give_up(&health).await;
        }
    };
    let Planned { pipeline, aws, plan, changes, .. } = planned;
    let mut status = look.before.clone();
    status.account = Some(aws.location.account.clone());
    status.region = Some(aws.location.region.clone());
    let ours = plan.steps.iter().filter_map(|step| Some((&step.id, step.have.as_ref()?)));
    let ours = ours.filter(|(_, have)| look.owner.ownership(&have.tags) == Ownership::Ours);
    status.queue = Some(depth::depth(ours));
    if plan.steps.iter().any(|step| step.id.kind == Kind::Schedule && step.verdict == Verdict::InSync) {
        status::put_schedule(&mut status, &pipeline, look.last_firing(), now);
    }
    let health = Health::ready(Settled::Observing, &message(&changes));
    status.plan = for_status(changes);
    look.take_commands(&mut status);
    let events = look.refuse_run_now(&mut status, "mode is Observe").into_iter().collect();
    look.conclude(status, &health, events).await
}

fn message(changes: &[Change]) -> String {
    format!("mode is Observe, so nothing is changed on AWS: {} (status.plan has what and how)", counts(changes))
}
