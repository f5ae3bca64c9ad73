//! Texts for people.

/// Cuts a text to a number of bytes, on a character boundary.
pub fn truncate(text: &str, max: usize) -> String {
    if text.len() <= max {
        return text.to_owned();
    }
    let mark = "…";
    let end = text.floor_char_boundary(max - mark.len());
    format!("{}{mark}", &text[..end])
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
    fn one_thing_is_counted_without_an_s() {
        assert_eq!([0, 1, 2].map(|count| counted(count, "message")), ["0 messages", "1 message", "2 messages"]);
    }
}
