//! A pipeline whose spec the API server takes and this version cannot read: it says so, and can be deleted.

use api::{Allows, Unreadable};
use pipeline_core::backoff;
use pipeline_core::pipeline::Refusal;
use pipeline_core::reason::Refused;

use super::{Look, Next, delete};
use crate::reconcile::ready::Health;

pub(super) async fn reconcile(look: Look<'_>, unreadable: &Unreadable) -> kube::Result<Next> {
    // Not the message: it may quote the spec.
    tracing::warn!(field = unreadable.field, "a pipeline cannot be read");
    match unreadable.allows {
        Allows::Deletion if look.pipeline.metadata.deletion_timestamp.is_some() => {
            return Box::pin(delete::delete(look)).await;
        }
        Allows::Deletion | Allows::Refusal => {}
        Allows::Nothing => return Ok(Next::In(backoff::spread(look.context.resync))),
    }
    look.context.memory.distrust(&look.owner.uid);
    let refusal = Refusal {
        reason: Refused::InvalidSpec,
        field: unreadable.field.clone(),
        message: format!("the operator cannot read it: {}", unreadable.message),
        hint: Some("correct it, or update the operator to the version of its CRD".to_owned()),
    };
    let health = Health::refused(&[refusal], look.runs());
    look.give_up(&health).await
}
