//! The user's tags.

use std::collections::BTreeMap;

use super::Context;
use super::refusal::{Refusals, quoted};
use crate::names::Tags;

/// Maximum number of user tags: the limit that all AWS services share, less the operator's tags and a margin.
pub(super) const MAX_TAGS: usize = 40;

/// Validates the user's tags, and adds the owner's.
/// <https://docs.aws.amazon.com/tag-editor/latest/userguide/best-practices-and-strats.html>
pub(super) fn resolve(tags: &BTreeMap<String, String>, context: &Context<'_>, refusals: &mut Refusals) -> Tags {
    let owner = context.owner;
    if tags.len() > MAX_TAGS {
        refusals.invalid("spec.tags", format!("there are {} tags, and {MAX_TAGS} are allowed", tags.len()));
    }
    let mut seen = BTreeMap::new();
    for (key, value) in tags {
        let field = format!("spec.tags[{key}]");
        let folded = key.to_lowercase();
        if folded.starts_with("aws:") || folded.starts_with("taskpipelines.dev/") {
            let message = format!("{} begins with a prefix that is reserved", quoted(key));
            refusals.invalid_hint(&field, message, "rename it");
        } else if !is_text(key, 128) {
            refusals.invalid_hint(&field, format!("{} is not a valid tag key", quoted(key)), rule(128));
        }
        if !is_text(value, 256) {
            refusals.invalid_hint(&field, format!("{} is not a valid tag value", quoted(value)), rule(256));
        }
        if let Err(missing) = context.configuration.tag(&owner.namespace, key, value) {
            refusals.not_allowed(&field, missing);
        }
        // IAM's tag keys are case-insensitive: <https://docs.aws.amazon.com/IAM/latest/UserGuide/id_tags.html>
        if let Some(other) = seen.insert(folded, key) {
            let message = format!("it differs from {} in case only, which IAM does not tell apart", quoted(other));
            refusals.invalid_hint(&field, message, "keep one");
        }
    }
    owner.tags().into_iter().chain(tags.clone()).collect()
}

/// EventBridge Scheduler refuses an empty value.
fn is_text(text: &str, max: usize) -> bool {
    let allowed = |character: char| {
        character.is_alphanumeric()
            || (character.is_whitespace() && !character.is_control())
            || "_.:/=+-@".contains(character)
    };
    (1..=max).contains(&text.chars().count()) && text.chars().all(allowed)
}

fn rule(max: usize) -> String {
    format!("write 1 to {max} letters, digits, spaces and `_.:/=+-@`")
}
