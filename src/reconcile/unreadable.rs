//! Pipelines whose spec the API server accepts and this version cannot read: reports this in the status, and allows
//! deletion.

use api::{Allows, Unreadable};
use pipeline_core::pipeline::Refusal;
use pipeline_core::reason::Refused;
use pipeline_core::requeue::Requeue;

use super::cleanup::cleanup;
use super::context::ReconcileContext;
use super::error::ReconcileError;
use super::subject::Subject;

pub(super) async fn reconcile(
    context: &ReconcileContext,
    subject: &Subject,
    unreadable: &Unreadable,
) -> Result<Requeue, ReconcileError> {
    // The message is not logged: it may quote the spec.
    tracing::warn!(field = unreadable.field, "a pipeline cannot be read");
    match unreadable.allows {
        Allows::Deletion if subject.deleted().is_some() => return Box::pin(cleanup(context, subject)).await,
        Allows::Deletion | Allows::Refusal => {}
        Allows::Nothing => return Ok(Requeue::Resync),
    }
    context.observed_cache.invalidate(&subject.owner.uid);
    Err(ReconcileError::Refused(vec![Refusal {
        reason: Refused::InvalidSpec,
        field: unreadable.field.clone(),
        message: format!("the operator cannot read it: {}", unreadable.message),
        hint: Some("correct it, or update the operator to the version of its CRD".to_owned()),
    }]))
}
