//! Escapes texts for services, and cuts them to their limits, at boundaries of grapheme clusters.

pub(crate) use protocol::text::MARKER;
use protocol::text::{cut, cut_characters, is_within, prefix};

use crate::markdown::Run;

/// Slack's three special characters.
/// <https://docs.slack.dev/messaging/formatting-message-text#escaping>
const ENTITIES: [(char, &str); 3] = [('&', "&amp;"), ('<', "&lt;"), ('>', "&gt;")];

/// Characters with a meaning in Discord's markdown anywhere. Mentions are disabled in the request.
const MARKUP: &[char] = &['\\', '*', '_', '~', '`', '|', '<', '[', ']'];

/// Characters with a meaning only at the start of a line: headings, lists, quotes.
const LINE_MARKUP: &[char] = &['#', '-', '>'];

/// Characters allowed in links besides letters and digits: none that could end the link and begin markup.
const IN_LINKS: &str = "-._~:/?#@!$&'+,;=%";

/// Escapes untrusted text for Slack.
pub(crate) fn escape_slack(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match ENTITIES.iter().find(|(special, _)| *special == character) {
            Some((_, entity)) => escaped.push_str(entity),
            None => escaped.push(character),
        }
    }
    escaped
}

/// Replaces HTML entities by their characters.
pub(crate) fn unescape(text: &str) -> String {
    text.replace("&lt;", "<").replace("&gt;", ">").replace("&quot;", "\"").replace("&amp;", "&")
}

/// Escapes untrusted text for Discord, except in links, which backslashes would break.
pub(crate) fn escape_discord(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    let mut begins_line = true;
    for word in text.split_inclusive(char::is_whitespace) {
        let is_link = is_link(word.trim_end());
        for character in word.chars() {
            let is_markup = MARKUP.contains(&character) || begins_line && LINE_MARKUP.contains(&character);
            if is_markup && !is_link {
                escaped.push('\\');
            }
            escaped.push(character);
            begins_line = character == '\n' || begins_line && character.is_whitespace();
        }
    }
    escaped
}

fn is_link(word: &str) -> bool {
    ["http://", "https://"].iter().any(|scheme| word.starts_with(scheme))
        && word.chars().all(|character| character.is_ascii_alphanumeric() || IN_LINKS.contains(character))
}

/// Cuts text for Slack, which counts characters.
pub(crate) fn fit_slack(text: String, limit: usize) -> String {
    fit(text, limit, |_| 1, without_half_entity)
}

/// Cuts text for Discord, measured in UTF-16 units, which is never less than Discord counts.
pub(crate) fn fit_discord(text: String, limit: usize) -> String {
    fit(text, limit, char::len_utf16, without_half_escape)
}

/// Cuts runs to a total length of `limit`, measured by `width`.
pub(crate) fn fit_runs(runs: Vec<Run>, limit: usize, width: fn(char) -> usize) -> Vec<Run> {
    let size = |text: &str| text.chars().map(width).sum::<usize>();
    if runs.iter().map(|run| size(&run.text)).sum::<usize>() <= limit {
        return runs;
    }
    let mut room = limit.saturating_sub(width(MARKER));
    let mut fitted = Vec::new();
    for mut run in runs {
        let kept = prefix(&run.text, room, width);
        if kept < run.text.len() {
            run.text.truncate(kept);
            run.text.push(MARKER);
            fitted.push(run);
            break;
        }
        room -= size(&run.text);
        fitted.push(run);
    }
    fitted
}

/// Cuts to so many bytes of UTF-8.
pub(crate) fn fit_bytes(text: &str, bytes: usize) -> String {
    cut(text, bytes, char::len_utf8)
}

/// The first characters, for a message about the rest.
pub(crate) fn excerpt(text: &str) -> String {
    cut_characters(text.trim(), 200)
}

/// Cuts an escaped text, which [`cut`] could leave with half an escape: `tidy` gets the whole text and what is kept of it,
/// and may keep less.
fn fit(text: String, limit: usize, width: fn(char) -> usize, tidy: fn(&str, usize) -> usize) -> String {
    if is_within(&text, limit, width) {
        return text;
    }
    let kept = prefix(&text, limit.saturating_sub(width(MARKER)), width);
    format!("{}{MARKER}", &text[..tidy(&text, kept)])
}

/// Drops an entity that was cut in half, which would show as text.
fn without_half_entity(text: &str, kept: usize) -> usize {
    match text[..kept].rfind('&') {
        Some(at) if ENTITIES.iter().any(|(_, entity)| text[at..].starts_with(entity) && at + entity.len() > kept) => at,
        Some(_) | None => kept,
    }
}

/// Drops a backslash that lost its character, which would escape the marker.
fn without_half_escape(text: &str, kept: usize) -> usize {
    let backslashes = text[..kept].bytes().rev().take_while(|byte| *byte == b'\\').count();
    kept - backslashes % 2
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Text in which what matters here is frequent.
    const TRICKY: &str = r"[&<>\\*_`a😀é\n ]{0,60}";

    proptest! {
        #[test]
        fn a_text_within_the_limit_is_left_alone_and_a_cut_one_keeps_to_it(text in TRICKY, limit in 4_usize..70) {
            for width in [(|_| 1) as fn(char) -> usize, char::len_utf16, char::len_utf8] {
                let size = |text: &str| text.chars().map(width).sum::<usize>();
                let fitted = cut(&text, limit, width);
                prop_assert!(size(&fitted) <= limit);
                if size(&text) <= limit {
                    prop_assert_eq!(&fitted, &text);
                } else {
                    let kept = fitted.strip_suffix(MARKER).expect("a cut text is marked");
                    prop_assert!(text.starts_with(kept));
                    prop_assert!(size(kept) + width(MARKER) + 4 > limit, "{} is as long as can be", kept);
                }
            }
        }

        #[test]
        fn slack_shows_what_was_inserted_even_when_cut(text in TRICKY, limit in 4_usize..70) {
            let escaped = escape_slack(&text);
            prop_assert!(!escaped.contains(['<', '>']));
            prop_assert_eq!(unescape(&escaped), text.clone());
            let fitted = fit(escaped, limit, |_| 1, without_half_entity);
            let shown = unescape(&fitted);
            prop_assert!(text.starts_with(shown.trim_end_matches(MARKER)), "{}", fitted);
        }

        #[test]
        fn discord_shows_what_was_inserted_even_when_cut(text in TRICKY, limit in 4_usize..70) {
            let fitted = fit(escape_discord(&text), limit, char::len_utf16, without_half_escape);
            let mut shown = String::new();
            let mut characters = fitted.chars();
            while let Some(character) = characters.next() {
                shown.extend(if character == '\\' { characters.next() } else { Some(character) });
            }
            prop_assert!(text.starts_with(shown.trim_end_matches(MARKER)), "{}", fitted);
        }
    }

    #[test]
    fn texts_are_counted_as_services_count_them() {
        assert_eq!(fit_slack(escape_slack(&"&".repeat(8_001)), 40_000).chars().count(), 39_996, "no half entity");
        assert_eq!(fit_discord("😀".repeat(1_001), 2_000).encode_utf16().count(), 1_999);
        assert_eq!(fit_bytes(&"é".repeat(10), 10), "ééé…");
    }

    #[test]
    fn what_a_reader_takes_for_one_character_is_never_cut() {
        assert_eq!(fit_discord("🇹🇼👩‍👩‍👧‍👦x".to_owned(), 12), "🇹🇼…");
        assert_eq!(fit_slack("e\u{301}e\u{301}e\u{301}".to_owned(), 4), "e\u{301}…");
        let runs = ["a👍🏽", "b", "c"].map(|text| Run::new(text, None)).to_vec();
        assert_eq!(fit_runs(runs.clone(), 7, char::len_utf16), runs);
        let texts = |limit| -> Vec<_> {
            fit_runs(runs.clone(), limit, char::len_utf16).into_iter().map(|run| run.text).collect()
        };
        assert_eq!((texts(6), texts(5)), (vec!["a👍🏽".to_owned(), "…".to_owned()], vec!["a…".to_owned()]));
    }

    #[test]
    fn mentions_and_markup_from_outside_are_text_and_links_stay_links() {
        assert_eq!(escape_slack("<!channel> a & b"), "&lt;!channel&gt; a &amp; b");
        assert_eq!(
            escape_discord("- **a** 2026-01-01 https://example.com/a_b [x](https://example.com)\n # h"),
            r"\- \*\*a\*\* 2026-01-01 https://example.com/a_b \[x\](https://example.com)".to_owned() + "\n \\# h"
        );
    }
}
