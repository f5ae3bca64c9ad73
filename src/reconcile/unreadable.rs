//! A pipeline whose spec the API server takes and this version cannot read: it says so, and can be deleted.

use api::{Allows, Unreadable};
use pipeline_core::backoff;
use pipeline_core::pipeline::Refusal;
use pipeline_core::reason::Refused;

use super::{Next, Reconciler, cleanup};
use crate::reconcile::ready::Health;

pub(super) async fn reconcile(reconciler: Reconciler<'_>, unreadable: &Unreadable) -> kube::Result<Next> {
    // Not the message: it may quote the spec.
    tracing::warn!(field = unreadable.field, "a pipeline cannot be read");
    match unreadable.allows {
        Allows::Deletion if reconciler.pipeline.metadata.deletion_timestamp.is_some() => {
            return Box::pin(cleanup::delete(reconciler)).await;
        }
        Allows::Deletion | Allows::Refusal => {}
        Allows::Nothing => return Ok(Next::In(backoff::spread(reconciler.context.resync))),
    }
    reconciler.context.memory.invalidate(&reconciler.owner.uid);
    let refusal = Refusal {
        reason: Refused::InvalidSpec,
        field: unreadable.field.clone(),
        message: format!("the operator cannot read it: {}", unreadable.message),
        hint: Some("correct it, or update the operator to the version of its CRD".to_owned()),
    };
    let health = Health::refused(&[refusal], reconciler.runs());
    reconciler.finish_early(&health).await
}
