//! One reconcile of one pipeline: from its custom resource to AWS, and back to its status.
//!
//! [`reconcile`] reads the pipeline as it is now and hands it to one of three: `unreadable` says so of a spec that this version
//! cannot read, `cleanup` takes a deleted pipeline away, and `manage` does all the rest in these steps, each passing on what
//! it found:
//!
//! 1. `planning::desired` (API server): the spec and its Secrets, resolved, and the AWS resources that this takes.
//! 2. `planning::observe` (AWS): those resources as they are. Skipped while the last observation is fresh.
//! 3. `planning::plan` (pure): the steps from the one to the other.
//! 4. `apply` (AWS): the steps, carried out; the finalizer and the rows of the status are written before.
//! 5. `update_status` (API server): status, conditions and events, and when the pipeline comes next.
//!
//! `controller` has the watch before and the requeue after. A plan for people ends after step 3: [`plan_of`].

pub mod apply;
mod cleanup;
mod commands;
mod context;
pub mod controller;
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
mod run_now;
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
pub use error::ReconcileError;
pub use failures::Failures;
pub use planning::plan_of;

/// How long one reconcile may wait for AWS before it makes room and comes back.
const PATIENCE: Duration = Duration::from_secs(20);

/// Reads a pipeline, and does what is to be done. What stands in the way is said in its status.
///
/// # Errors
/// The API server does not answer, or refuses.
pub async fn reconcile(cached: &ScheduledTaskPipeline, context: &ReconcileContext) -> Result<Requeue, ReconcileError> {
    // A cache may be old, and what follows deletes and creates.
    let Some(Stored { pipeline, unreadable }) = context.plan.cluster.live(cached).await? else {
        context.forget(cached);
        return Ok(Requeue::OnChange);
    };
    if pipeline.status.as_ref().and_then(|status| status.observed_generation) != pipeline.metadata.generation {
        // A new spec deserves a new start.
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
