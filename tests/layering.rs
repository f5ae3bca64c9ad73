//! The layering that cargo alone does not enforce: what a crate must not depend on, directly or through other crates;
//! that one crate asks AWS; that pure crates read no clock; and that no modules import each other in a circle.
//!
//! Imports are read from the sources without a Rust parser, and without the code that only tests compile. This relies on
//! clippy, which keeps test modules at the end of a file.

#![expect(clippy::unwrap_used, reason = "a panic is how a test fails")]

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, fs};

/// The crates checked, one entry each.
const CRATES: &[Rules] = &[
    Rules { package: "task-pipelines-api", root: "crates/api/src/lib.rs", parents: Parents::Open, ..PURE },
    Rules { package: "task-pipelines-aws", root: "crates/aws/src/lib.rs", ..WORKING },
    Rules { package: "task-pipelines-core", root: "crates/core/src/lib.rs", parents: Parents::Open, ..PURE },
    Rules { package: "task-pipelines-schedule", root: "crates/schedule/src/lib.rs", ..PURE },
    Rules { package: "task-pipelines-protocol", root: "lambdas/protocol/src/lib.rs", ..PURE },
    Rules { package: "task-pipelines-function", root: "lambdas/function/src/lib.rs", ..WORKING },
    Rules { package: "task-pipelines-runner", root: "lambdas/runner/src/lib.rs", ..WORKING },
    Rules { package: "task-pipelines-sender", root: "lambdas/sender/src/lib.rs", ..WORKING },
    Rules {
        package: "task-pipelines",
        root: "src/lib.rs",
        // Every room of src/, so that a new one has to find its place.
        rooms: &["metrics", "kubernetes", "runtime", "artifacts", "drift", "inbox", "reconcile", "cli"],
        ..WORKING
    },
];

/// A crate that does no I/O and whose modules import from their siblings only.
const PURE: Rules =
    Rules { package: "", root: "", forbidden: IMPURE, clock: false, parents: Parents::Closed, rooms: &[] };

/// A crate that does I/O.
const WORKING: Rules = Rules { package: "", root: "", forbidden: &[], clock: true, parents: Parents::Open, rooms: &[] };

/// Packages that a pure crate must not depend on. A `*` at the end matches any ending. `kube` alone is types and macros.
const IMPURE: &[&str] = &["aws-*", "hyper", "kube-client", "kube-runtime", "reqwest", "tokio"];

const CLOCKS: [&str; 4] = ["Instant::now", "SystemTime::now", "Timestamp::now", "Zoned::now"];

/// The rules for one crate.
struct Rules {
    package: &'static str,
    /// The file of the crate's root module.
    root: &'static str,
    forbidden: &'static [&'static str],
    /// Whether the crate may read a clock.
    clock: bool,
    parents: Parents,
    /// Top-level modules, lowest first: none may import from a later one. If there are any, only they are checked for
    /// circles, so that a crate can be put in order room by room; else the whole crate is.
    rooms: &'static [&'static str],
}

/// Whether a module may import what a module above it defines.
#[derive(Clone, Copy, PartialEq)]
enum Parents {
    /// It may; such imports are not part of circles.
    Open,
    /// It may not: a parent uses its children, so that would be a circle.
    Closed,
}

#[test]
fn no_crate_depends_on_what_it_must_not() {
    for rules in CRATES {
        let found = dependencies(rules.package, rules.forbidden, &[]);
        assert!(found.is_empty(), "{} depends on {found:?}: see `cargo tree --invert`", rules.package);
    }
}

#[test]
fn the_operator_and_its_plugin_ask_aws_through_one_crate() {
    let found = dependencies("task-pipelines", &["aws-*"], &["--depth", "1"]);
    assert!(found.is_empty(), "task-pipelines itself depends on {found:?}: what asks AWS belongs into crates/aws");
}

/// What a package depends on outside of tests, as far as a pattern matches it.
fn dependencies(package: &str, patterns: &[&str], options: &[&str]) -> BTreeSet<String> {
    let cargo = env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let tree = ["tree", "--offline", "--edges", "normal,build", "--prefix", "none", "--package", package];
    let output = Command::new(cargo).args(tree).args(options).current_dir(env!("CARGO_MANIFEST_DIR")).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let tree = String::from_utf8(output.stdout).unwrap();
    let packages: BTreeSet<&str> = tree.lines().filter_map(|line| line.split(' ').next()).collect();
    assert!(packages.contains(package), "{packages:?}");
    let is_matched = |package: &&str| {
        patterns.iter().any(|pattern| match pattern.strip_suffix('*') {
            Some(start) => package.starts_with(start),
            None => package == pattern,
        })
    };
    packages.into_iter().filter(is_matched).map(str::to_owned).collect()
}

#[test]
fn pure_crates_read_no_clock() {
    for rules in CRATES.iter().filter(|rules| !rules.clock) {
        for module in Sources::on_disk(rules.root).0.values() {
            let clock = CLOCKS.iter().find(|clock| module.code.contains(**clock));
            assert_eq!(clock, None, "{} reads a clock: let callers pass the time", module.file.display());
        }
    }
}

#[test]
fn no_modules_import_each_other_in_a_circle() {
    for rules in CRATES {
        let arrows = Sources::on_disk(rules.root).arrows(rules.parents, rules.rooms);
        assert_eq!(arrows.upward(rules.rooms), None, "in {}", rules.package);
        assert_eq!(arrows.shortest_circle(), None, "in {}", rules.package);
    }
}

/// The path of a module below the crate's root.
type ModulePath = Vec<String>;

/// The modules of a crate that are compiled outside of tests.
struct Sources(BTreeMap<ModulePath, Module>);

struct Module {
    file: PathBuf,
    code: String,
    imports: Vec<Import>,
}

/// A path in a `use` declaration or in other code.
struct Import {
    path: Vec<String>,
    /// The name that a `use` declaration gives it.
    name: Option<String>,
}

impl Sources {
    fn on_disk(root: &str) -> Self {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR"));
        Self::read(root, |file| fs::read_to_string(folder.join(file)).ok())
    }

    /// Reads the root and, from there on, each module that another one declares.
    fn read(root: &str, read: impl Fn(&Path) -> Option<String>) -> Self {
        let mut modules = BTreeMap::new();
        let mut unread = vec![(ModulePath::new(), PathBuf::from(root))];
        while let Some((path, file)) = unread.pop() {
            let code = without_tests(&read(&file).unwrap_or_else(|| panic!("{} is missing", file.display())));
            let is_root = ["lib", "main", "mod"].iter().any(|name| file.file_stem().is_some_and(|stem| stem == *name));
            let folder = if is_root { file.parent().unwrap().to_owned() } else { file.with_extension("") };
            let tokens = tokens(&code);
            for declaration in tokens.windows(3).filter(|tokens| tokens[0] == "mod" && tokens[2] == ";") {
                let name = declaration[1];
                let files = [folder.join(format!("{name}.rs")), folder.join(name).join("mod.rs")];
                let file = files.into_iter().find(|file| read(file).is_some());
                unread.push((child(&path, name), file.unwrap_or_else(|| panic!("module {name} has no file"))));
            }
            let imports = imports(&tokens);
            modules.insert(path, Module { file, code, imports });
        }
        Self(modules)
    }

    /// The module that defines what `path`, written in the module `from`, refers to; `None` if another crate does.
    fn resolve(&self, from: &[String], path: &[String], depth: usize) -> Option<ModulePath> {
        let (mut at, rest) = match path[0].as_str() {
            "crate" => (ModulePath::new(), &path[1..]),
            "self" => (from.to_vec(), &path[1..]),
            "super" => (from.to_vec(), path),
            name if self.0.contains_key(&child(from, name)) => (from.to_vec(), path),
            _ => return None,
        };
        for name in rest {
            let below = child(&at, name);
            let reexport = self.0[&at].imports.iter().find(|import| import.name.as_ref() == Some(name));
            if name == "super" {
                at.pop();
            } else if self.0.contains_key(&below) {
                at = below;
            } else if let Some(reexport) = reexport.filter(|_| depth < 8) {
                at = self.resolve(&at, &reexport.path, depth + 1)?;
            } else {
                break;
            }
        }
        Some(at)
    }

    /// Who imports from whom. The ends of an arrow have the same parent and stand for all modules below them, unless one
    /// is the parent of the other.
    fn arrows(&self, parents: Parents, rooms: &[&str]) -> Arrows {
        let is_checked =
            |path: &[String]| rooms.is_empty() || path.first().is_some_and(|room| rooms.contains(&room.as_str()));
        let mut arrows = Arrows::default();
        for (from, module) in self.0.iter().filter(|(from, _)| is_checked(from)) {
            if parents == Parents::Closed && !from.is_empty() {
                arrows.add(&from[..from.len() - 1], from, "a declaration".to_owned());
            }
            for import in &module.imports {
                let Some(to) = self.resolve(from, &import.path, 0).filter(|to| to != from && is_checked(to)) else {
                    continue;
                };
                let common = from.iter().zip(&to).take_while(|(from, to)| from == to).count();
                if parents == Parents::Closed || common < from.len().min(to.len()) {
                    let end = |path: &[String]| path[..path.len().min(common + 1)].to_vec();
                    let import = format!("{} in {}", import.path.join("::"), module.file.display());
                    arrows.add(&end(from), &end(&to), import);
                }
            }
        }
        arrows
    }
}

/// Whether one module imports from another, with an example.
#[derive(Default)]
struct Arrows(BTreeMap<(String, String), String>);

impl Arrows {
    fn add(&mut self, from: &[String], to: &[String], example: String) {
        let name = |path: &[String]| [&["crate".to_owned()], path].concat().join("::");
        self.0.insert((name(from), name(to)), example);
    }

    /// An import from a room by a lower one.
    fn upward(&self, rooms: &[&str]) -> Option<String> {
        let height = |module: &str| rooms.iter().position(|room| module.strip_prefix("crate::") == Some(room));
        let upward = self.0.iter().find(|((from, to), _)| height(from).zip(height(to)).is_some_and(|(a, b)| a < b));
        upward.map(|((from, to), example)| format!("{from} imports from {to}, which is above: {example}"))
    }

    fn shortest_circle(&self) -> Option<String> {
        let modules: BTreeSet<&str> = self.0.keys().map(|(from, _)| from.as_str()).collect();
        let circle = modules.into_iter().filter_map(|module| self.way_back_to(module)).min_by_key(Vec::len)?;
        let examples = circle.windows(2).map(|ends| &self.0[&(ends[0].to_owned(), ends[1].to_owned())][..]);
        Some(format!("{}: {}", circle.join(" -> "), examples.collect::<Vec<_>>().join(", ")))
    }

    /// The shortest way along the arrows from a module to itself.
    fn way_back_to<'arrows>(&'arrows self, module: &'arrows str) -> Option<Vec<&'arrows str>> {
        let mut seen = BTreeSet::new();
        let mut ways = VecDeque::from([vec![module]]);
        while let Some(way) = ways.pop_front() {
            if way.len() > 1 && way.last() == Some(&module) {
                return Some(way);
            }
            let next = self.0.keys().filter(|(from, _)| way.last() == Some(&from.as_str()));
            let next = next.map(|(_, to)| to.as_str()).filter(|to| seen.insert(*to));
            ways.extend(next.map(|to| [&way[..], &[to]].concat()));
        }
        None
    }
}

fn child(parent: &[String], name: &str) -> ModulePath {
    [parent, &[name.to_owned()]].concat()
}

/// The code without comments and without what `#[cfg(test)]` precedes.
fn without_tests(source: &str) -> String {
    let mut code = String::new();
    let mut is_test = false;
    for line in source.lines().map(str::trim).filter(|line| !line.starts_with("//")) {
        if is_test && line.contains("mod ") && line.ends_with('{') {
            break;
        }
        if !is_test {
            code.extend([line, "\n"]);
        }
        is_test = line.starts_with("#[cfg(test)]") || is_test && line.starts_with("#[");
    }
    code
}

fn is_word(character: char) -> bool {
    character.is_alphanumeric() || character == '_'
}

/// Words, `::`, and other characters one by one.
fn tokens(mut code: &str) -> Vec<&str> {
    let mut tokens = Vec::new();
    while let Some(first) = code.trim_start().chars().next() {
        code = code.trim_start();
        let length = match first {
            _ if code.starts_with("::") => 2,
            _ if is_word(first) => code.find(|character| !is_word(character)).unwrap_or(code.len()),
            _ => first.len_utf8(),
        };
        let (token, rest) = code.split_at(length);
        tokens.push(token);
        code = rest;
    }
    tokens
}

fn imports(tokens: &[&str]) -> Vec<Import> {
    let mut imports = Vec::new();
    let mut at = 0;
    while at < tokens.len() {
        let is_use = tokens[at] == "use";
        let is_path = ["crate", "self", "super"].contains(&tokens[at]) && tokens.get(at + 1) == Some(&"::");
        if is_use || is_path {
            at += usize::from(is_use);
            read_paths(tokens, &mut at, &[], is_use, &mut imports);
        } else {
            at += 1;
        }
    }
    imports
}

/// Reads `a::b`, `a as b` or `a::{b, c::*}`.
fn read_paths(tokens: &[&str], at: &mut usize, start: &[String], is_use: bool, imports: &mut Vec<Import>) {
    let mut path = start.to_vec();
    while tokens.get(*at).is_some_and(|token| token.starts_with(is_word)) {
        path.push(tokens[*at].to_owned());
        *at += 1;
        if tokens.get(*at) != Some(&"::") {
            break;
        }
        *at += 1;
    }
    if is_use && tokens.get(*at) == Some(&"{") {
        while !matches!(tokens.get(*at), None | Some(&"}")) {
            *at += 1;
            read_paths(tokens, at, &path, is_use, imports);
        }
        *at += 1;
    } else if path.len() > start.len() {
        path.truncate(path.len() - usize::from(path.len() > 1 && path.ends_with(&["self".to_owned()])));
        let alias = tokens.get(*at).filter(|token| **token == "as").and_then(|_| tokens.get(*at + 1));
        *at += if alias.is_some() { 2 } else { 0 };
        let name = alias.map(|alias| (*alias).to_owned()).or_else(|| path.last().cloned());
        imports.push(Import { path, name: name.filter(|_| is_use) });
    }
}

/// What a made-up crate fails with. `lib.rs` declares each module whose file is here.
fn problem(parents: Parents, rooms: &[&str], files: &[(&str, &str)]) -> Option<String> {
    let files: BTreeMap<PathBuf, &str> = files.iter().map(|(file, text)| (PathBuf::from(file), *text)).collect();
    let arrows = Sources::read("lib.rs", |file| files.get(file).map(ToString::to_string)).arrows(parents, rooms);
    arrows.upward(rooms).or_else(|| arrows.shortest_circle())
}

#[test]
fn the_shortest_circle_is_reported() {
    let lib = ("lib.rs", "mod a;\nmod b;\nmod c;\nmod d;\npub use d::Deep;\nstruct Root;\n");
    let (b, c) =
        (("b.rs", "use std::fmt;\nuse crate::{\n    c::{self, C},\n};\n"), ("c.rs", "fn c() { super::d::d() }\n"));
    let check = |files: &[(&str, &str)], circle: Option<&str>| {
        let found = problem(Parents::Closed, &[], &[&[lib], files].concat());
        assert_eq!(found.as_deref().and_then(|found| found.split(": ").next()), circle, "{found:?}");
    };
    check(&[("a.rs", "use crate::b;\n"), b, c, ("d.rs", "")], None);
    check(
        &[("a.rs", "use crate::b;\n"), b, c, ("d.rs", "use super::a::A;\n")],
        Some("crate::a -> crate::b -> crate::c -> crate::d -> crate::a"),
    );
    check(
        &[("a.rs", "use crate::b;\n"), b, c, ("d.rs", "use super::{a::A, b::{self, B}};\n")],
        Some("crate::b -> crate::c -> crate::d -> crate::b"),
    );
    // Through a re-export, and to what the root itself defines.
    check(&[("a.rs", ""), b, c, ("d.rs", "use crate::a::A;\n")], None);
    check(
        &[("a.rs", "use crate::Deep;\n"), b, c, ("d.rs", "use crate::a::A;\n")],
        Some("crate::a -> crate::d -> crate::a"),
    );
    check(&[("a.rs", "use crate::Root;\n"), b, c, ("d.rs", "")], Some("crate -> crate::a -> crate"));
    // Comments and tests do not count.
    check(
        &[("a.rs", "//! [`crate::Root`]\n#[cfg(test)]\nmod tests {\n    use crate::Root;\n}\n"), b, c, ("d.rs", "")],
        None,
    );
}

#[test]
fn rooms_are_in_order_and_without_circles() {
    let lib = ("lib.rs", "mod low;\nmod high;\nmod other;\nstruct Root;\n");
    let high = [
        ("high/mod.rs", "mod x;\nmod y;\nstruct High;\n"),
        ("high/x.rs", "use super::High;\nuse super::y::Y;\nuse crate::low;\nuse crate::other;\n"),
        ("high/y.rs", "use crate::Root;\n"),
        ("other.rs", "use crate::high::High;\n"),
    ];
    let check = |low: &str, parents, rooms: &[&str]| {
        let files = [&[lib, ("low.rs", low)], &high[..]].concat();
        problem(parents, rooms, &files)
    };
    assert_eq!(check("", Parents::Open, &["low", "high"]), None);
    let upward = "crate::low imports from crate::high, which is above: crate::high::y::Y in low.rs";
    assert_eq!(check("use crate::high::y::Y;\n", Parents::Open, &["low", "high"]).as_deref(), Some(upward));
    let circle = check("", Parents::Open, &[]).unwrap();
    assert!(circle.starts_with("crate::high -> crate::other -> crate::high: "), "{circle}");
    assert!(check("", Parents::Closed, &["low", "high"]).unwrap().contains("crate::high -> crate::high::x"));
}
