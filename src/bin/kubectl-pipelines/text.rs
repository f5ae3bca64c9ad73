//! What people read: tables, ages, and texts of others in one line.

use comfy_table::{ContentArrangement, Table, presets};
use jiff::{SignedDuration, Timestamp};

/// Characters of a text of others that tables show.
const SHORT: usize = 80;

/// A table without lines.
pub(crate) fn table<const COLUMNS: usize>(header: [&str; COLUMNS], rows: Vec<[String; COLUMNS]>) -> String {
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_content_arrangement(ContentArrangement::Disabled);
    table.set_header(header);
    table.add_rows(rows);
    table.lines().map(|line| line.trim().to_owned() + "\n").collect()
}

/// The first characters of a text.
pub(crate) fn short(text: &str, characters: usize) -> &str {
    text.char_indices().nth(characters).map_or(text, |(at, _)| &text[..at])
}

/// One line of a text, without what would steer a terminal.
pub(crate) fn plain(text: &str) -> String {
    text.chars().map(|character| if character.is_control() { ' ' } else { character }).collect()
}

/// The beginning of it.
pub(crate) fn shortened(text: &str) -> String {
    let line = plain(text);
    match short(&line, SHORT) {
        whole if whole.len() == line.len() => line,
        begin => format!("{begin}…"),
    }
}

/// How long ago it was.
pub(crate) fn age(since: Timestamp, now: Timestamp) -> String {
    span(now.duration_since(since))
}

/// A span as kubectl writes it.
pub(crate) fn span(span: SignedDuration) -> String {
    let seconds = span.as_secs().max(0);
    match seconds {
        0..120 => format!("{seconds}s"),
        120..7_200 => format!("{}m", seconds / 60),
        7_200..172_800 => format!("{}h", seconds / 3_600),
        _ => format!("{}d", seconds / 86_400),
    }
}
