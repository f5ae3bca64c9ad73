//! How deep JSON nests, and how deep it may. Containers count: `[]` has one level, `{"a": [1]}` two, `1` none.
//!
//! Parsers recurse, so each has a limit, and `serde_json` gives a whole document up for one value beyond its own of 128.
//! The API server takes 10,000 levels.

use serde_json::Value;

/// Levels of a task's `input`: far more than anybody writes, and far fewer than any parser on its way gives up at.
pub const MAX_INPUT: usize = 32;

/// How deep the bytes of JSON stand, one after the other.
#[derive(Clone, Copy, Debug, Default)]
pub struct Cursor {
    level: usize,
    in_string: bool,
    is_escaped: bool,
}

/// Where a byte stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Position {
    /// It opens or closes a container of this level.
    Edge(usize),
    /// It is between the edges of one of this level; 0: of none.
    Within(usize),
}

impl Cursor {
    /// Takes in the next byte.
    pub fn next(&mut self, byte: u8) -> Position {
        if self.in_string {
            match byte {
                _ if self.is_escaped => self.is_escaped = false,
                b'\\' => self.is_escaped = true,
                b'"' => self.in_string = false,
                _ => {}
            }
            return Position::Within(self.level);
        }
        match byte {
            b'[' | b'{' => {
                self.level += 1;
                Position::Edge(self.level)
            }
            b']' | b'}' => {
                let closed = self.level;
                self.level = closed.saturating_sub(1);
                Position::Edge(closed)
            }
            _ => {
                self.in_string = byte == b'"';
                Position::Within(self.level)
            }
        }
    }
}

/// Whether the text of a JSON value nests deeper than so many levels, whatever a parser would say of it.
pub fn is_text_deeper(text: &str, levels: usize) -> bool {
    let mut cursor = Cursor::default();
    text.bytes().any(|byte| matches!(cursor.next(byte), Position::Edge(level) if level > levels))
}

/// Whether a JSON value nests deeper than so many levels. It recurses no deeper than that itself.
pub fn is_deeper(value: &Value, levels: usize) -> bool {
    let within = |inner: &Value| levels == 0 || is_deeper(inner, levels - 1);
    match value {
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => false,
        Value::Array(items) => levels == 0 || items.iter().any(within),
        Value::Object(members) => levels == 0 || members.values().any(within),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, levels: usize) {
        let value: Value = serde_json::from_str(text).unwrap();
        assert!(is_text_deeper(text, levels - 1) && !is_text_deeper(text, levels), "{text}");
        assert!(is_deeper(&value, levels - 1) && !is_deeper(&value, levels), "{text}");
    }

    #[test]
    fn containers_count_wherever_they_stand_and_brackets_in_texts_do_not() {
        check("[]", 1);
        check(r#"{"a": [1], "b": 2}"#, 2);
        check(r#"[1, "]]}\"[[[{\\", {"[[": {"x": []}}, 2]"#, 4);
        check(&format!("{}{}", "[".repeat(100), "]".repeat(100)), 100);
        assert!(!is_deeper(&Value::Null, 0) && !is_text_deeper("\"[\"", 0));
    }

    #[test]
    fn what_no_parser_takes_is_deep_all_the_same() {
        for levels in [200, 10_000, 1_000_000] {
            assert!(is_text_deeper(&"[".repeat(levels), MAX_INPUT));
        }
        assert!(!is_text_deeper(&"[]".repeat(1_000_000), 1));
        assert!(!is_text_deeper("]]]][]", 1));
    }
}
