//! The one way out for what commands print: whatever it holds of others cannot steer a terminal or reorder a line.
//!
//! Lines and columns are made of [`printable`](pipeline_core::text::printable) parts where they are made, since a line
//! break of others would look like one of ours here.

use std::io::{self, Write as _};

use pipeline_core::text::{printable_coloured, printable_json, printable_lines};
use serde::Serialize;

/// Moves to the upper left corner and clears what is there.
const CLEAR: &str = "\x1b[H\x1b[2J";

/// Writes data to stdout, in its lines and our colours.
///
/// # Errors
/// Stdout takes nothing, such as a pipe that was closed.
pub fn print(text: &str) -> io::Result<()> {
    io::stdout().write_all(printable_coloured(text).as_bytes())
}

/// Writes a line about the data, a question or an error to stderr.
///
/// # Errors
/// Stderr takes nothing.
pub fn note(line: &str) -> io::Result<()> {
    ask(&format!("{line}\n"))
}

/// Writes to stderr without a line break.
///
/// # Errors
/// Stderr takes nothing.
pub fn ask(question: &str) -> io::Result<()> {
    io::stderr().write_all(printable_lines(question).as_bytes())
}

/// Empties the terminal that stdout is.
///
/// # Errors
/// Stdout takes nothing.
pub fn clear() -> io::Result<()> {
    io::stdout().write_all(CLEAR.as_bytes())
}

/// A document for programs, which a terminal may get as well.
///
/// # Errors
/// The content has no form in JSON.
pub fn json(content: &impl Serialize) -> serde_json::Result<String> {
    let json = serde_json::to_string_pretty(content)? + "\n";
    Ok(printable_json(&json).into_owned())
}
