//! One reconcile of one pipeline: from its custom resource to AWS, and back to its status.
//!
//! [`reconcile`] reads the live custom resource and hands it to one of three modules: `unreadable` reports a spec that
//! this version cannot read, `cleanup` deletes the resources of a deleted pipeline, and `manage` does everything else
//! in these steps, each of which passes its result to the next:
//!
//! 1. `planning::desired` (API server): resolves the spec with its Secrets, and computes the desired AWS resources.
//! 2. `planning::observe` (AWS): reads those resources. Skipped while the last observation is fresh.
//! 3. `planning::plan` (pure): computes the steps from the observed to the desired state.
//! 4. `apply` (AWS): carries out the steps. The finalizer and the rows of the status are written first.
//! 5. `update_status` (API server): writes status, conditions and events, and decides when the pipeline comes next.
//!
//! `controller` has the watch before and the requeue after these steps. The plan that commands print ends after step 3:
//! [`plan_of`].

pub mod apply;
mod cleanup;
mod commands;
mod context;
pub mod controller;
mod drain;
pub mod drift;
mod error;
pub mod events;
mod expect;
mod failures;
mod finish;
mod manage;
#[cfg(test)]
mod model;
mod observe;
mod planning;
mod previous;
pub mod ready;
pub(crate) mod run_now;
pub mod status;
mod subject;
mod unreadable;
mod update_status;

use std::time::Duration;

use api::{ScheduledTaskPipeline, Stored};
use kube::ResourceExt as _;
use pipeline_core::requeue::Requeue;

use ready::Health;
use subject::Subject;

pub use context::{PlanContext, ReconcileContext};
pub use drain::Drains;
pub use error::ReconcileError;
pub use failures::Failures;
pub use planning::plan_of;

/// How long one reconcile may wait for AWS before it gives up its slot and is requeued.
const PATIENCE: Duration = Duration::from_secs(20);

/// Reconciles a pipeline once. Problems are reported in its status.
///
/// # Errors
/// The API server does not answer, or refuses.
pub async fn reconcile(cached: &ScheduledTaskPipeline, context: &ReconcileContext) -> Result<Requeue, ReconcileError> {
    // The cache may be stale, and a reconcile creates and deletes.
    let Some(Stored { pipeline, unreadable }) = context.plan.cluster.live(cached).await? else {
        context.forget(cached);
        return Ok(Requeue::OnChange);
    };
    if pipeline.status.as_ref().and_then(|status| status.observed_generation) != pipeline.metadata.generation {
        // A new spec resets the back-off.
        context.failures.reset(&pipeline.uid().unwrap_or_default());
    }
    let mut subject = Subject::new(pipeline, &context.plan.cluster_name);
    let ended = if let Some(unreadable) = unreadable {
        Box::pin(unreadable::reconcile(context, &subject, &unreadable)).await
    } else if subject.deleted().is_some() {
        Box::pin(cleanup::cleanup(context, &subject)).await
    } else {
        Box::pin(manage::manage(context, &mut subject)).await
    };
    match ended {
        Ok(requeue) => Ok(requeue),
        Err(error) => match Health::of_error(&error, subject.previous.was_made()) {
            Some(health) => finish::finish_early(context, &subject, &health).await,
            None => Err(error),
        },
    }
}
