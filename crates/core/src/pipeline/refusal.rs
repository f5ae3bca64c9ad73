//! Reasons why a spec is refused.

use std::fmt;
use std::ops::RangeInclusive;

use crate::configuration::Missing;
use crate::reason::Refused;
use crate::text::{cut_characters, printable};

/// One mistake in a spec, printed as `field: message; hint`. Never contains the value of a secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// The reason for the condition `Ready`.
    pub reason: Refused,
    /// Path of the field, with the names of list items in place of their numbers: `spec.tasks[site].http.url`.
    pub field: String,
    /// What is wrong with it.
    pub message: String,
    /// What to do, unless the message already says it.
    pub hint: Option<String>,
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { reason: _, field, message, hint } = self;
        write!(f, "{field}: {message}")?;
        match hint {
            Some(hint) => write!(f, "; {hint}"),
            None => Ok(()),
        }
    }
}

impl Refusal {
    /// Whether a change of a Secret or a `ConfigMap` may resolve it. The operator does not watch these.
    pub fn is_about_another_object(&self) -> bool {
        matches!(self.reason, Refused::SecretMissing | Refused::ConfigMapMissing)
            || self.field.ends_with("secretKeyRef")
            || self.field.ends_with("configMapRef.name")
    }
}

/// Maximum length of a condition's message, without the count of what is left out.
const MAX_SUMMARY: usize = 1000;

/// Reason and message of the condition `Ready`: the most severe reason, and as many refusals as fit into about 1,000
/// characters, those of that reason first. Refusals are never empty; if they were, the text would be.
pub fn summary(refusals: &[Refusal]) -> (Refused, String) {
    let mut sorted: Vec<&Refusal> = refusals.iter().collect();
    sorted.sort_by_key(|refusal| refusal.reason);
    let Some((first, rest)) = sorted.split_first() else {
        return (Refused::InvalidSpec, String::new());
    };
    let mut text = cut_characters(&first.to_string(), MAX_SUMMARY);
    let mut left_out = rest.len();
    for refusal in rest {
        let next = format!(" | {refusal}");
        if text.chars().count() + next.chars().count() > MAX_SUMMARY {
            break;
        }
        text.push_str(&next);
        left_out -= 1;
    }
    let more = if left_out > 0 { format!(" | and {left_out} more") } else { String::new() };
    (first.reason, text + &more)
}

/// The refusals found so far.
#[derive(Debug, Default)]
pub(super) struct Refusals(Vec<Refusal>);

impl Refusals {
    /// Adds a refusal whose message already says what to write instead.
    pub(super) fn invalid(&mut self, field: impl Into<String>, message: impl Into<String>) {
        self.push(Refused::InvalidSpec, field, message, None);
    }

    /// Adds a refusal with a hint.
    pub(super) fn invalid_hint(
        &mut self,
        field: impl Into<String>,
        message: impl Into<String>,
        hint: impl Into<String>,
    ) {
        self.push(Refused::InvalidSpec, field, message, Some(hint.into()));
    }

    /// Adds a refusal of a value that the operator's configuration does not allow.
    pub(super) fn not_allowed(&mut self, field: impl Into<String>, missing: Missing) {
        let Missing { what, rule } = missing;
        self.push(Refused::NotAllowed, field, what, Some(rule));
    }

    /// Adds a refusal of a field whose Secret gives no value.
    pub(super) fn secret(&mut self, field: impl Into<String>, message: impl Into<String>, hint: impl Into<String>) {
        self.push(Refused::SecretMissing, field, message, Some(hint.into()));
    }

    /// Adds a refusal of a field whose `ConfigMap` gives no files.
    pub(super) fn config_map(&mut self, field: impl Into<String>, message: impl Into<String>, hint: impl Into<String>) {
        self.push(Refused::ConfigMapMissing, field, message, Some(hint.into()));
    }

    /// Adds a refusal unless exactly one of these fields is set.
    pub(super) fn one_of(&mut self, field: &str, what: &str, choices: &[(&str, bool)]) {
        let present: Vec<&str> = choices.iter().filter(|(_, present)| *present).map(|(name, _)| *name).collect();
        match present.as_slice() {
            [_] => {}
            [] => {
                let names = listed(choices.iter().map(|(name, _)| *name));
                self.invalid_hint(field, format!("{what} has none of {names}"), "add one");
            }
            [_, _, ..] => {
                let names = listed(present.iter().copied());
                self.invalid_hint(field, format!("{what} has more than one of {names}"), "keep one");
            }
        }
    }

    /// Adds a refusal if a number is outside its range.
    pub(super) fn in_range(&mut self, field: &str, value: u32, range: RangeInclusive<u32>) {
        if !range.contains(&value) {
            self.invalid(field, format!("{value} is not from {} to {}", range.start(), range.end()));
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn into_vec(self) -> Vec<Refusal> {
        self.0
    }

    fn push(&mut self, reason: Refused, field: impl Into<String>, message: impl Into<String>, hint: Option<String>) {
        self.0.push(Refusal { reason, field: field.into(), message: message.into(), hint });
    }
}

/// A user's text in backticks, cut if it is long.
pub(super) fn quoted(text: &str) -> String {
    format!("`{}`", cut_characters(&printable(text), 80))
}

/// Names in backticks, with commas between them.
pub(super) fn listed<'a>(names: impl IntoIterator<Item = &'a str>) -> String {
    names.into_iter().map(quoted).collect::<Vec<_>>().join(", ")
}
