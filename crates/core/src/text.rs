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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_cut_on_characters_and_at_the_limit() {
        assert_eq!(truncate("abc", 3), "abc");
        let cut = truncate(&"ü".repeat(600), 1024);
        assert!(cut.len() <= 1024 && cut.ends_with('…'), "{} bytes", cut.len());
    }
}
