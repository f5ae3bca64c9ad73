//! Names of tasks and channels: part of message ids and of keys.

use std::collections::BTreeSet;

use super::refusal::{Refusals, quoted};

/// Longest name: with a run's id and a channel's name it makes an SQS deduplication id, which has 128 characters.
/// <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SendMessage.html>
const MAX: usize = 40;

/// Checks the names of a list, each of which must be a name and occur once.
pub(super) fn check<'a>(list: &str, names: impl IntoIterator<Item = &'a str>, refusals: &mut Refusals) {
    let mut seen = BTreeSet::new();
    for name in names {
        let field = format!("{list}[{name}].name");
        if !is_name(name) {
            let message = format!("{} is no name", quoted(name));
            let hint = format!("write up to {MAX} lower-case letters, digits and, between them, `-`");
            refusals.invalid_hint(field, message, hint);
        } else if !seen.insert(name) {
            refusals.invalid_hint(field, format!("{} occurs twice", quoted(name)), "rename one of the two");
        }
    }
}

fn is_name(text: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    (1..=MAX).contains(&text.len()) && text.bytes().all(allowed) && !text.starts_with('-') && !text.ends_with('-')
}
