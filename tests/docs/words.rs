//! What a test can hold of `docs/style.md`: words that the code does not use any more.

use std::fs;

use crate::{files, root};

/// In place of: applied change; observation; caller, author or sender; report; lease.
const WORDS: [&str; 9] = ["deed", "deeds", "sight", "sights", "whoever", "chronicle", "ballot", "judgement", "wish"];

#[test]
fn words_that_the_field_does_not_use_stay_away() {
    let mut found = Vec::new();
    for folder in ["src", "crates", "lambdas"] {
        for path in files(&root().join(folder), ".rs") {
            for (number, line) in (1..).zip(fs::read_to_string(&path).unwrap().lines()) {
                let lower = line.to_lowercase();
                let words = lower.split(|character: char| !character.is_alphanumeric());
                let old = words.filter(|word| WORDS.contains(word));
                found.extend(old.map(|word| format!("{}:{number}: `{word}`", path.display())));
            }
        }
    }
    assert!(found.is_empty(), "docs/style.md has the field's words for these:\n{}", found.join("\n"));
}
