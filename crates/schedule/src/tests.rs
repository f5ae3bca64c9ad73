//! Tests by subject: the two grammars and their refusals, firings and warnings around daylight saving, and properties
//! against a naive matcher.

mod firing;
mod grammar;
mod oracle;
mod refusal;

use jiff::{Timestamp, Zoned};

use crate::{Schedule, Window, parse};

const ALWAYS: Window = Window { start: None, end: None };

#[track_caller]
fn schedule(text: &str, zone: &str) -> Schedule {
    parse(text, zone).unwrap_or_else(|error| panic!("`{text}` in {zone} is refused: {error}"))
}

/// The moment of an RFC 3339 text.
#[track_caller]
fn moment(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn rfc3339(firing: &Zoned) -> String {
    firing.strftime("%Y-%m-%dT%H:%M%:z").to_string()
}
