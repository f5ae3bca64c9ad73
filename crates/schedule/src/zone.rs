//! Looks up time zones by their IANA names.

use jiff::{
    Zoned,
    civil::DateTime,
    tz::{self, AmbiguousOffset, TimeZone},
};

use crate::error::Problem;

/// The longest time zone name that EventBridge accepts, in characters:
/// <https://docs.aws.amazon.com/scheduler/latest/APIReference/API_CreateSchedule.html>.
const MAX_NAME: usize = 50;

/// Entries of a system's time zone database that are not time zones. EventBridge does not accept them.
const NOT_ZONES: [&str; 4] = ["Etc/Unknown", "Factory", "localtime", "posixrules"];

/// Finds a time zone. EventBridge is case-sensitive, so the spelling must be exact.
pub(crate) fn parse(name: &str) -> Result<TimeZone, Problem> {
    let is_candidate = name.len() <= MAX_NAME && !NOT_ZONES.contains(&name);
    let found = is_candidate.then(|| tz::db().get(name).ok()).flatten();
    match found {
        Some(zone) if zone.iana_name() == Some(name) => Ok(zone),
        _ => Err(match nearest(name) {
            Some(nearest) => Problem::MisspelledZone { name: name.to_owned(), nearest },
            None => Problem::UnknownZone { name: name.chars().take(MAX_NAME).collect() },
        }),
    }
}

/// The first time at which clocks in `zone` show `local`; `None` if they skip it.
pub(crate) fn first_moment(zone: &TimeZone, local: DateTime) -> Option<Zoned> {
    let ambiguous = zone.to_ambiguous_zoned(local);
    match ambiguous.offset() {
        AmbiguousOffset::Unambiguous { .. } | AmbiguousOffset::Fold { .. } => ambiguous.earlier().ok(),
        AmbiguousOffset::Gap { .. } => None,
    }
}

/// The time zone that a misspelled name most likely means: a case-insensitive match, else one with this city, else one
/// within a small edit distance.
fn nearest(name: &str) -> Option<String> {
    const MAX_DISTANCE: usize = 2;
    // Longer names are not misspellings, and the edit distance is expensive to compute.
    if name.len() > MAX_NAME {
        return None;
    }
    let wanted = name.to_ascii_lowercase().replace(' ', "_");
    let distance = |candidate: &str| {
        let candidate = candidate.to_ascii_lowercase();
        match candidate.rsplit('/').next() {
            _ if candidate == wanted => 0,
            Some(city) if city == wanted => 1,
            Some(_) | None => edit_distance(&candidate, &wanted),
        }
    };
    // Fewer edits for short names: two edits turn any of them into some time zone.
    let limit = MAX_DISTANCE.min(name.len() / 3);
    tz::db()
        .available()
        .filter(|zone| !NOT_ZONES.contains(&zone.as_str()))
        .map(|zone| (distance(zone.as_str()), zone.as_str().to_owned()))
        .filter(|(distance, _)| *distance <= limit)
        .min()
        .map(|(_, zone)| zone)
}

/// The Levenshtein distance of two texts, in bytes.
fn edit_distance(a: &str, b: &str) -> usize {
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (above, x) in a.bytes().enumerate() {
        let mut diagonal = above;
        row[0] = above + 1;
        for (left, y) in b.bytes().enumerate() {
            let replaced = diagonal + usize::from(x != y);
            diagonal = row[left + 1];
            row[left + 1] = replaced.min(diagonal + 1).min(row[left] + 1);
        }
    }
    row[b.len()]
}
