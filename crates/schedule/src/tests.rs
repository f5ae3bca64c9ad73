//! Tests by subject: valid and invalid schedules, firings and warnings around clock changes, and properties checked
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
    parse(text, zone).unwrap_or_else(|error| panic!("`{text}` in {zone} is not accepted: {error}"))
}

#[track_caller]
fn moment(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn rfc3339(firing: &Zoned) -> String {
    firing.strftime("%Y-%m-%dT%H:%M%:z").to_string()
}
