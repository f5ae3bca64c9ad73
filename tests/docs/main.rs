//! The pages of `docs/` against the code: what they list is there, and what is there is listed.

#![expect(clippy::unwrap_used, reason = "a panic is how a test fails")]

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use aws::OperatorPolicy;
use pipeline_core::admission::admit;
use pipeline_core::partition::Partition;
use serde_json::Value;

mod words;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn read(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// All files below a folder whose name ends so.
fn files(folder: &Path, ending: &str) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    entries
        .flat_map(|path| if path.is_dir() { files(&path, ending) } else { vec![path] })
        .filter(|path| path.to_string_lossy().ends_with(ending))
        .collect()
}

/// The pages, with README.md, CONTRIBUTING.md and SECURITY.md.
fn pages() -> Vec<(PathBuf, String)> {
    let top = ["README.md", "CONTRIBUTING.md", "SECURITY.md"].map(|name| root().join(name));
    let pages = files(&root().join("docs"), ".md").into_iter().chain(top);
    pages.map(|path| (path.clone(), fs::read_to_string(path).unwrap())).collect()
}

/// What stands between two texts, each time the first occurs.
fn all_between<'text>(text: &'text str, before: &str, after: &str) -> Vec<&'text str> {
    text.split(before).skip(1).filter_map(|rest| Some(rest.split_once(after)?.0)).collect()
}

/// The same, once.
fn between<'text>(text: &'text str, before: &str, after: &str) -> &'text str {
    all_between(text, before, after).first().unwrap_or_else(|| panic!("nothing between {before:?} and {after:?}"))
}

#[test]
fn the_operators_policy_is_shown_as_it_is_printed() {
    let policy = OperatorPolicy {
        partition: Partition::Aws,
        account: Some("111122223333".to_owned()),
        regions: vec!["eu-central-1".to_owned()],
        cluster: "production".parse().unwrap(),
        boundary: Some("arn:aws:iam::111122223333:policy/pipelines".to_owned()),
        assumed_roles: Vec::new(),
        sources: Vec::new(),
        layer_bucket: None,
    };
    let page = read("docs/security.md");
    let shown: Value = serde_json::from_str(between(&page, "```json\n", "```")).unwrap();
    let expected = policy.document();
    assert!(shown == expected, "docs/security.md shows, however the lines are broken:\n{expected}");
}

#[test]
fn the_example_of_a_configuration_can_be_used() {
    let page = read("docs/configuration.md");
    pipeline_core::configuration::Configuration::parse(between(&page, "```yaml\n", "```")).unwrap();
}

/// All tests, as source.
fn tests() -> String {
    let sources =
        ["src", "crates", "tests", "lambdas", "hack"].iter().flat_map(|folder| files(&root().join(folder), ".rs"));
    sources.map(|path| fs::read_to_string(path).unwrap()).collect()
}

#[test]
fn every_test_that_holds_an_invariant_exists() {
    let tests = tests();
    let page = read("docs/how-it-works.md");
    let invariants = between(&page, "## Invariants\n", "\n## ");
    for invariant in invariants.split("\n- ").skip(1) {
        let (_, held) = invariant.split_once("Held by").unwrap_or_else(|| panic!("no test holds: {invariant}"));
        let names: Vec<&str> = held.split('`').skip(1).step_by(2).collect();
        assert!(!names.is_empty(), "{invariant}");
        for name in names {
            assert!(
                tests.contains(&format!("fn {name}(")),
                "docs/how-it-works.md names the test {name}, which is gone"
            );
        }
    }
}

#[test]
fn every_numbered_test_is_listed_with_its_number() {
    let (tests, page) = (tests(), read("docs/reliability.md"));
    let numbered = all_between(&tests, "async fn n", "()").into_iter().map(|rest| format!("n{rest}"));
    let numbered: BTreeSet<String> = numbered.filter(|name| name[1..3].chars().all(|c| c.is_ascii_digit())).collect();
    assert!(numbered.len() > 20, "{numbered:?}");
    let rows: Vec<&str> = page.lines().filter(|line| line.starts_with("| ")).collect();
    for name in &numbered {
        let number = name[1..3].trim_start_matches('0');
        let listed =
            rows.iter().any(|row| row.starts_with(&format!("| {number} |")) && row.contains(&format!("`{name}`")));
        assert!(listed, "docs/reliability.md does not list {name} in the row of {number}");
    }
    for row in rows {
        for name in all_between(row, "`", "`").into_iter().filter(|name| name.contains('_')) {
            assert!(tests.contains(&format!("fn {name}(")), "docs/reliability.md names the test {name}, which is gone");
        }
    }
    for number in 1..=27 {
        assert!(page.contains(&format!("\n| {number} |")), "docs/reliability.md says nothing of {number}");
    }
}

#[test]
fn every_template_can_be_used() {
    let page = read("docs/tasks-and-deliveries.md");
    let templates = all_between(&page, "\ntemplate: \"", "\"\n");
    assert!(!templates.is_empty());
    for template in templates {
        protocol::template::check(template).unwrap_or_else(|error| panic!("{template}: {error}"));
    }
}

#[test]
fn every_pipeline_of_the_pages_is_taken_by_the_api_server() {
    let mut names = BTreeSet::new();
    for (path, text) in pages() {
        for rest in text.split("\napiVersion: taskpipelines.dev/v1alpha1\n").skip(1) {
            // It stands in a block of its own, or in a command's input.
            let ends = ["\n```", "\nEND\n"].into_iter().filter_map(|end| rest.find(end)).min();
            let yaml = &rest[..ends.unwrap_or(rest.len())];
            let document: Value =
                serde_saphyr::from_str(yaml).unwrap_or_else(|error| panic!("{}: {error}:\n{yaml}", path.display()));
            let broken = admit(&document["spec"]).broken;
            assert!(broken.is_empty(), "{}: {broken:?} in:\n{yaml}", path.display());
            names.insert(document["metadata"]["name"].as_str().unwrap().to_owned());
        }
    }
    for known in ["hello", "sales", "certificate", "cleanup", "imports"] {
        assert!(names.contains(known), "the pages have pipeline {known}, among {names:?}");
    }
}

#[test]
fn every_link_leads_somewhere() {
    for (path, text) in pages() {
        for link in all_between(&text, "](", ")").into_iter().filter(|link| !link.contains("://")) {
            let (file, anchor) = link.split_once('#').unwrap_or((link, ""));
            let target = if file.is_empty() { path.clone() } else { path.parent().unwrap().join(file) };
            assert!(target.exists(), "{} links to {link}, which is not there", path.display());
            if !anchor.is_empty() {
                let headings = fs::read_to_string(&target).unwrap();
                let has = headings.lines().filter(|line| line.starts_with('#')).any(|line| slug(line) == anchor);
                assert!(has, "{} links to {link}, and there is no such heading", path.display());
            }
        }
    }
}

#[test]
fn every_path_of_the_development_page_is_there() {
    let page = read("docs/development.md");
    // What stands in blocks is typed, and what is built or cached is not in the repository.
    let prose: String = page.split("```").step_by(2).collect();
    let words = prose.split('`').skip(1).step_by(2).flat_map(str::split_whitespace);
    let paths: BTreeSet<&str> = words
        .filter(|word| word.contains('/') && word.starts_with(|first: char| first.is_ascii_alphabetic()))
        .filter(|word| !word.starts_with("target/"))
        .collect();
    assert!(paths.len() > 40, "{paths:?}");
    // The rooms are named within `src/`.
    let gone: Vec<_> =
        paths.iter().filter(|path| !exists(root(), path) && !exists(&root().join("src"), path)).collect();
    assert!(gone.is_empty(), "docs/development.md names what is not there: {gone:?}");
}

/// Whether a path is below a folder; `*` is any name, and `<kind>` that of a kind of AWS resource.
fn exists(folder: &Path, path: &str) -> bool {
    let Some((before, after)) = path.split_once("*/") else {
        return folder.join(path.replace("<kind>", "queue")).exists();
    };
    let below = fs::read_dir(folder.join(before)).into_iter().flatten();
    below.filter_map(Result::ok).any(|entry| exists(&entry.path(), after))
}

#[test]
fn every_page_is_in_the_summary() {
    let summary = read("docs/SUMMARY.md");
    let listed: Vec<&str> = all_between(&summary, "](", ")");
    for path in files(&root().join("docs"), ".md") {
        let name = path.strip_prefix(root().join("docs")).unwrap().to_string_lossy().into_owned();
        let times = listed.iter().filter(|page| **page == name).count();
        let expected = usize::from(name != "SUMMARY.md");
        assert_eq!(times, expected, "docs/SUMMARY.md, of which the book is made, lists {name} {times} times");
    }
}

/// A heading's anchor, as GitHub makes it.
fn slug(heading: &str) -> String {
    let text = heading.trim_start_matches('#').trim().to_lowercase().replace(' ', "-");
    text.chars().filter(|character| character.is_alphanumeric() || "-_".contains(*character)).collect()
}
