//! What people read: tables, ages, and texts of others in one line.

use api::ResourceState;
use comfy_table::{ContentArrangement, Table, presets};
use jiff::{SignedDuration, Timestamp};
use pipeline_core::text::{cut_characters, one_line, printable};

/// Characters of a text of others that tables show.
const SHORT: usize = 80;

/// A table without lines.
pub(crate) fn table<const COLUMNS: usize>(header: [&str; COLUMNS], rows: Vec<[String; COLUMNS]>) -> String {
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_content_arrangement(ContentArrangement::Disabled);
    table.set_header(header.map(printable));
    table.add_rows(rows.into_iter().map(|row| row.map(|cell| printable(&cell).into_owned())));
    table.lines().map(|line| line.trim().to_owned() + "\n").collect()
}

/// How something is, as a colour.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Tone {
    /// As it should be.
    Good,
    /// On its way.
    Busy,
    /// Something for a person to look at.
    Bad,
}

impl Tone {
    /// The text in this tone's colour, where there is colour.
    pub(crate) fn paint(self, text: &str, colour: bool) -> String {
        // SGR parameters. <https://www.ecma-international.org/publications-and-standards/standards/ecma-48/>
        let parameter = match self {
            Self::Good => 32,
            Self::Busy => 33,
            Self::Bad => 31,
        };
        if colour { format!("\x1b[{parameter}m{text}\x1b[0m") } else { text.to_owned() }
    }

    /// That of the condition `Ready`.
    pub(crate) fn of_ready(status: Option<&str>) -> Self {
        match status {
            Some("True") => Self::Good,
            Some("False") => Self::Bad,
            _ => Self::Busy,
        }
    }

    /// That of an AWS resource.
    pub(crate) fn of_resource(state: ResourceState) -> Self {
        match state {
            ResourceState::Ready => Self::Good,
            ResourceState::Creating | ResourceState::Updating | ResourceState::Deleting | ResourceState::Waiting => {
                Self::Busy
            }
            ResourceState::Failed | ResourceState::Conflict => Self::Bad,
        }
    }
}

/// The first characters of an id, to name it by: without a mark, as people type it.
pub(crate) fn short(id: &str, characters: usize) -> &str {
    id.char_indices().nth(characters).map_or(id, |(at, _)| &id[..at])
}

/// A text of others on one line, cut.
pub(crate) fn shortened(text: &str) -> String {
    cut_characters(&one_line(text), SHORT)
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
