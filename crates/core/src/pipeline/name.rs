//! Names within a pipeline, which become part of message ids, keys, and names on AWS.

use std::collections::BTreeSet;

use super::refusal::{Refusals, quoted};
use crate::names::is_label;

/// Maximum length of a name. Together with a run's id and a channel's name it forms an SQS deduplication id, which has
/// 128 characters.
/// <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SendMessage.html>
pub(super) const MAX: usize = 40;

/// Maximum length of a function's name, which is part of a name on AWS.
pub(super) const MAX_FUNCTION: usize = 20;

/// Checks that each name of a list is valid, has at most `max` characters, and occurs once.
pub(super) fn check<'a>(list: &str, max: usize, names: impl IntoIterator<Item = &'a str>, refusals: &mut Refusals) {
    let mut seen = BTreeSet::new();
    for name in names {
        let field = format!("{list}[{name}].name");
        if !is_label(name, max) {
            let message = format!("{} is not a valid name", quoted(name));
            let hint = format!("write up to {max} lower-case letters, digits and, between them, `-`");
            refusals.invalid_hint(field, message, hint);
        } else if !seen.insert(name) {
            refusals.invalid_hint(field, format!("{} occurs twice", quoted(name)), "rename one of the two");
        }
    }
}
