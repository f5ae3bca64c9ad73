//! What a test can hold of `docs/style.md`: words that the code does not use any more.

use std::fs;
use std::path::PathBuf;

use crate::{files, root};

/// In place of: applied change; observation; caller, author or sender; report; lease.
const WORDS: [&str; 9] = ["deed", "deeds", "sight", "sights", "whoever", "chronicle", "ballot", "judgement", "wish"];

/// Says of a text each mistake with the number of its line.
fn in_code(folders: &[&str], mistakes: impl Fn(&str) -> Vec<(usize, String)>) -> Vec<String> {
    let code = folders.iter().flat_map(|folder| files(&root().join(folder), ".rs"));
    let in_file = |path: PathBuf| {
        let found = mistakes(&fs::read_to_string(&path).unwrap());
        found.into_iter().map(move |(number, mistake)| format!("{}:{number}: `{mistake}`", path.display()))
    };
    code.flat_map(in_file).collect()
}

#[test]
fn words_that_the_field_does_not_use_stay_away() {
    let found = in_code(&["src", "crates", "lambdas"], |text| {
        let of_line = |(number, line): (usize, &str)| {
            let lower = line.to_lowercase();
            let words = lower.split(|character: char| !character.is_alphanumeric());
            words.filter(|word| WORDS.contains(word)).map(|word| (number, word.to_owned())).collect::<Vec<_>>()
        };
        (1..).zip(text.lines()).flat_map(of_line).collect()
    });
    assert!(found.is_empty(), "docs/style.md has the field's words for these:\n{}", found.join("\n"));
}

/// Where a text says "x is no Y", also across the lines of a literal or a comment. English has it in "there is no Y", "is
/// no longer" and "is no more".
fn is_no(text: &str) -> Vec<(usize, String)> {
    let words_of = |(number, line): (usize, &'_ str)| {
        let words = line.split_whitespace().filter(|word| !["\\", "//", "///", "//!"].contains(word));
        words.map(|word| (number, word.to_owned())).collect::<Vec<_>>()
    };
    let words: Vec<(usize, String)> = (1..).zip(text.lines()).flat_map(words_of).collect();
    let is_mistake = |[before, verb, no, after]: [&str; 4]| {
        ["is", "are", "be"].contains(&verb)
            && no == "no"
            && !before.to_lowercase().ends_with("there")
            && !["longer", "more"].iter().any(|fine| after.starts_with(fine))
    };
    let found =
        words.array_windows().filter(|&[before, verb, no, after]| is_mistake([&before.1, &verb.1, &no.1, &after.1]));
    found.map(|[before, verb, no, after]| (verb.0, [&*before.1, &*verb.1, &*no.1, &*after.1].join(" "))).collect()
}

/// Where a text has "look" as a noun, for a reconcile or an observation.
fn looks(text: &str) -> Vec<(usize, String)> {
    let of_line = |(number, line): (usize, &str)| {
        let lower = line.to_lowercase();
        let words: Vec<&str> =
            lower.split(|character: char| !(character.is_alphanumeric() || character == '_')).collect();
        let is_noun = |[before, word]: &&[&str; 2]| {
            ["look", "looks"].contains(word)
                && ["a", "the", "one", "each", "every", "this", "no", "two"].contains(before)
        };
        words.array_windows().filter(is_noun).map(|pair| (number, pair.join(" "))).collect::<Vec<_>>()
    };
    (1..).zip(text.lines()).flat_map(of_line).collect()
}

#[test]
fn a_reconcile_and_an_observation_are_called_so() {
    let found = in_code(&["src", "crates", "lambdas"], looks);
    assert!(found.is_empty(), "write \"reconcile\" or \"observation\", as docs/style.md has it:\n{}", found.join("\n"));
    assert_eq!(looks("/// Text.\n/// Between two looks").len(), 1);
    assert_eq!(looks("look at the log; one that looks like a token; a person can look up"), []);
}

#[test]
fn nothing_is_said_to_be_no_such_thing() {
    let found = in_code(&["src", "crates", "lambdas", "hack/package"], is_no);
    assert!(found.is_empty(), "write \"is not a valid …\", as docs/style.md has it:\n{}", found.join("\n"));
}

#[test]
fn the_form_is_found_across_lines_and_what_is_english_is_not() {
    let wrapped = "format!(\"`{text}` is \\\n    no region; write one\")\n/// What is no\n/// text.";
    assert_eq!(is_no(wrapped).into_iter().map(|(number, _)| number).collect::<Vec<_>>(), [1, 3]);
    for fine in
        ["\"There is no task\"", "what is no longer needed", "that are no more than this", "`a` is not a region"]
    {
        assert_eq!(is_no(fine), [], "{fine}");
    }
}
