//! Cutting texts, between what a reader takes for characters.

use unicode_segmentation::UnicodeSegmentation as _;

/// Stands where something was cut off.
pub const MARKER: char = '…';

/// Cuts a text to a limit in such a measure, [`MARKER`] included; one within the limit is left as it is.
pub fn cut(text: &str, limit: usize, width: fn(char) -> usize) -> String {
    if is_within(text, limit, width) {
        return text.to_owned();
    }
    let kept = prefix(text, limit.saturating_sub(width(MARKER)), width);
    format!("{}{MARKER}", &text[..kept])
}

/// The same, to a number of characters.
pub fn cut_characters(text: &str, limit: usize) -> String {
    cut(text, limit, |_| 1)
}

/// Whether a text is no longer than the limit in such a measure.
pub fn is_within(text: &str, limit: usize, width: fn(char) -> usize) -> bool {
    text.chars().map(width).sum::<usize>() <= limit
}

/// Bytes of the longest beginning that fits.
pub fn prefix(text: &str, mut room: usize, width: fn(char) -> usize) -> usize {
    for (at, character) in text.grapheme_indices(true) {
        match room.checked_sub(character.chars().map(width).sum()) {
            Some(left) => room = left,
            None => return at,
        }
    }
    text.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_cut_on_what_a_reader_takes_for_a_character() {
        assert_eq!(cut_characters("abc", 3), "abc");
        assert_eq!(cut_characters("abcd", 3), "ab…");
        assert_eq!(cut_characters("a👩‍👩‍👧‍👦bcdefghij", 8), "a…", "a family is seven characters");
        assert_eq!(cut("éééé", 7, char::len_utf8), "éé…");
        assert_eq!(cut("a🇹🇼🇹🇼", 13, char::len_utf8), "a🇹🇼…");
        assert_eq!(cut(&"\u{301}".repeat(9), 3, |_| 1), "…", "one character of any length");
    }
}
