//! The keys of the pipeline's tags in the status: recorded before anything is tagged, and until every resource is rid of them.

use pipeline_core::names::TagKeys;
use pipeline_core::plan::{Goal, Plan, Verdict};

use crate::reconcile::apply::{Applied, Outcome};

/// The tag keys that may be on AWS once a plan is carried out, beside those there are.
pub fn tag_keys_before(before: &TagKeys, plan: &Plan) -> TagKeys {
    plan.steps.iter().fold(before.clone(), |keys, step| match (&step.goal, &step.verdict) {
        (Goal::Gone, _) | (_, Verdict::Conflict { .. }) => keys,
        (Goal::Present(wanted), _) => keys.with(wanted.resource.tags()),
    })
}

/// The tag keys that may be on AWS after a plan was carried out: one that is no longer `wanted` stays until every resource
/// was seen without it. What was written alone may not show yet, or may have been refused.
pub fn tag_keys_after(before: &TagKeys, wanted: &TagKeys, applied: &Applied) -> TagKeys {
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
    TagKeys::new(before.recorded().filter(|key| wanted.contains(key) || !gone(key)).cloned())
}
