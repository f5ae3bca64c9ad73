//! `status.tagKeys`: keys of the pipeline's tags, recorded before anything is tagged, and until every resource is free
//! of them.

use pipeline_core::names::TagKeys;
use pipeline_core::plan::{Goal, Plan, Verdict};

use crate::reconcile::apply::{Applied, Outcome};

/// The tag keys that may be on AWS while a plan is applied, added to the recorded ones.
pub fn tag_keys_before(before: &TagKeys, plan: &Plan) -> TagKeys {
    plan.steps.iter().fold(before.clone(), |keys, step| match (&step.goal, &step.verdict) {
        (Goal::Gone, _) | (_, Verdict::Conflict { .. }) => keys,
        (Goal::Present(desired), _) => keys.with(desired.resource.tags()),
    })
}

/// The tag keys that may be on AWS after a plan was applied. A key that is no longer `desired` stays until every
/// resource was observed without it: a write alone may not show yet, or may have been refused.
pub fn tag_keys_after(before: &TagKeys, desired: &TagKeys, applied: &Applied) -> TagKeys {
    let gone = |key: &String| {
        applied.outcomes.values().all(|outcome| match outcome {
            Outcome::Done(Some(seen)) => !seen.tags.contains_key(key),
            Outcome::Done(None)
            | Outcome::TagsRefused { .. }
            | Outcome::Waiting(_)
            | Outcome::Failed(_)
            | Outcome::Conflict { .. }
            | Outcome::Blocked { .. } => false,
        })
    };
    TagKeys::new(before.recorded().filter(|key| desired.contains(key) || !gone(key)).cloned())
}
