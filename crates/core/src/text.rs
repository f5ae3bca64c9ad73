//! Texts for people.

use std::borrow::Cow;
use std::fmt::Write as _;

use protocol::text::cut;
pub use protocol::text::cut_characters;

/// Whether a character shows nothing of itself and changes how others are shown: controls, marks of direction, and what
/// else Unicode lets a reader ignore, such as characters without width. Not the selectors of an emoji's form.
/// <https://www.unicode.org/Public/UCD/latest/ucd/DerivedCoreProperties.txt>, `Default_Ignorable_Code_Point`
pub fn is_hidden(character: char) -> bool {
    character.is_control()
        || matches!(character,
            '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}'..='\u{1160}' | '\u{17b4}'..='\u{17b5}' | '\u{180e}'
            | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{3164}' | '\u{feff}'
            | '\u{ffa0}' | '\u{fff0}'..='\u{fffb}' | '\u{1bca0}'..='\u{1bca3}' | '\u{1d173}'..='\u{1d17a}'
            | '\u{e0000}'..='\u{e0fff}')
}

/// A text of others on one line, in which hidden characters are written out, such as `\n` and `\u{202e}`: it can neither
/// steer a terminal nor pass for another text. Applied to its own result it changes nothing.
pub fn printable(text: &str) -> Cow<'_, str> {
    escaped(text, is_hidden, |character, safe| safe.extend(character.escape_default()))
}

/// The same, with spaces in place of line breaks and tabs: for messages, where it does not matter which it was.
pub fn one_line(text: &str) -> String {
    printable(&text.replace(['\n', '\r', '\t'], " ")).into_owned()
}

/// The same, with its line breaks and tabs: for texts that are shown by themselves.
pub fn printable_lines(text: &str) -> Cow<'_, str> {
    let steers = |character: char| is_hidden(character) && !matches!(character, '\n' | '\t');
    escaped(text, steers, |character, safe| safe.extend(character.escape_default()))
}

/// The same, with its colours too: for texts whose parts are printable already, and that we have coloured.
pub fn printable_coloured(text: &str) -> Cow<'_, str> {
    if !text.contains(ESCAPE) {
        return printable_lines(text);
    }
    let mut parts = text.split(ESCAPE);
    let mut safe = printable_lines(parts.next().unwrap_or_default()).into_owned();
    for part in parts {
        let end = part.strip_prefix('[').and_then(|it| it.find(|it: char| !it.is_ascii_digit() && it != ';'));
        let is_colour = end.is_some_and(|end| part[1 + end..].starts_with('m'));
        safe.push_str(if is_colour { ESCAPE } else { r"\u{1b}" });
        safe.push_str(&printable_lines(part));
    }
    Cow::Owned(safe)
}

/// What a sequence that steers a terminal begins with. One that ends in `m` sets colours (SGR).
/// <https://www.ecma-international.org/publications-and-standards/standards/ecma-48/>
const ESCAPE: &str = "\x1b";

/// JSON of the same meaning without hidden characters but line breaks: `serde_json` writes out those below U+0020 alone.
pub fn printable_json(json: &str) -> Cow<'_, str> {
    let steers = |character: char| is_hidden(character) && character != '\n';
    escaped(json, steers, |character, safe| {
        for unit in character.encode_utf16(&mut [0; 2]) {
            // Nothing to be done about a string that cannot be written to.
            let _ = write!(safe, "\\u{unit:04x}");
        }
    })
}

fn escaped(text: &str, is_meant: impl Fn(char) -> bool, write: impl Fn(char, &mut String)) -> Cow<'_, str> {
    if !text.contains(&is_meant) {
        return Cow::Borrowed(text);
    }
    let mut safe = String::with_capacity(text.len() + 16);
    for character in text.chars() {
        if is_meant(character) { write(character, &mut safe) } else { safe.push(character) }
    }
    Cow::Owned(safe)
}

/// Cuts a text to a number of bytes, the measure of Kubernetes and AWS.
pub fn truncate(text: &str, max: usize) -> String {
    cut(text, max, char::len_utf8)
}

/// One printable line of at most so many bytes: what conditions, events and rows of the status hold.
pub fn bounded_line(text: &str, max: usize) -> String {
    truncate(&one_line(text), max)
}

/// A number of things, such as `1 message` and `2 messages`: for nouns whose plural takes an s.
pub fn counted(count: impl TryInto<u64>, noun: &str) -> String {
    let count = count.try_into().unwrap_or(u64::MAX);
    format!("{count} {noun}{}", if count == 1 { "" } else { "s" })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_cut_on_characters_and_at_the_limit() {
        assert_eq!(truncate("abc", 3), "abc");
        let cut = truncate(&"ü".repeat(600), 1024);
        assert!(cut.len() <= 1024 && cut.ends_with('…'), "{} bytes", cut.len());
    }

    #[test]
    fn what_would_steer_a_terminal_or_reorder_a_text_is_written_out() {
        for (text, shown) in [
            ("Zoë 🇹🇼 ❤️ plain", "Zoë 🇹🇼 ❤️ plain"),
            ("a\nb\tc\0", r"a\nb\tc\u{0}"),
            ("\x1b[2J\u{9b}31m\x7f", r"\u{1b}[2J\u{9b}31m\u{7f}"),
            ("abc\u{202e}txt.exe\u{2066}\u{2069}", r"abc\u{202e}txt.exe\u{2066}\u{2069}"),
            ("\u{200e}\u{61c}a\u{200b}b\u{feff}\u{2028}", r"\u{200e}\u{61c}a\u{200b}b\u{feff}\u{2028}"),
            ("\u{e0041}\u{ad}\u{3164}", r"\u{e0041}\u{ad}\u{3164}"),
        ] {
            assert_eq!(printable(text), shown);
            assert_eq!(printable(&printable(text)), shown, "twice");
        }
        assert_eq!(one_line("a\r\nb\tc\x1b"), r"a  b c\u{1b}");
        assert_eq!(printable_lines("a\n\tb\r\u{202a}"), "a\n\tb\\r\\u{202a}");
        let coloured = "\x1b[1;31mred\x1b[0m\n";
        assert_eq!(printable_coloured(coloured), coloured);
        for (steers, shown) in
            [("\x1b[2J", r"\u{1b}[2J"), ("\x1b]0;title\x07", r"\u{1b}]0;title\u{7}"), ("\x1b", r"\u{1b}")]
        {
            assert_eq!(printable_coloured(&format!("{coloured}{steers}")), format!("{coloured}{shown}"));
        }
    }

    #[test]
    fn json_means_what_it_meant() {
        let text = "\u{202e}a\u{9b}\x7f\u{e0041}\n\"é";
        let json = serde_json::to_string_pretty(&[text]).unwrap();
        let safe = printable_json(&json);
        assert!(!safe.contains(|character| is_hidden(character) && character != '\n'), "{safe:?}");
        assert_eq!(serde_json::from_str::<[String; 1]>(&safe).unwrap(), [text]);
    }

    #[test]
    fn one_thing_is_counted_without_an_s() {
        assert_eq!([0, 1, 2].map(|count| counted(count, "message")), ["0 messages", "1 message", "2 messages"]);
    }
}
