//! A plan as text for a terminal: signs and words, optionally coloured.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use crate::text::printable;
use api::{Action, Change, FieldChange};

use super::report::{PlanReport, Summary};

/// How a plan is printed.
#[derive(Clone, Copy, Debug, Default)]
pub struct Style {
    /// Whether signs and words are coloured.
    pub colour: bool,
    /// Characters of a line, where there is a limit: what is longer is put on lines of its own.
    pub width: Option<usize>,
}

/// All of them, in the order of the legend.
const ACTIONS: [Action; 8] = [
    Action::Create,
    Action::Update,
    Action::Replace,
    Action::TakeOver,
    Action::Delete,
    Action::Wait,
    Action::Conflict,
    Action::InSync,
];

const fn sign(action: Action) -> &'static str {
    match action {
        Action::Create => "+",
        Action::Update => "~",
        Action::Replace => "±",
        Action::TakeOver => ">",
        Action::Delete => "-",
        Action::Wait => "…",
        Action::Conflict => "!",
        Action::InSync => "=",
    }
}

const fn word(action: Action) -> &'static str {
    match action {
        Action::Create => "create",
        Action::Update => "update",
        Action::Replace => "replace",
        Action::TakeOver => "take over",
        Action::Delete => "delete",
        Action::Wait => "wait for",
        Action::Conflict => "conflict",
        Action::InSync => "in sync",
    }
}

/// A count of resources with its action, such as `13 to create`.
fn counted(action: Action, count: usize) -> String {
    match action {
        Action::Conflict => format!("{count} in conflict"),
        Action::InSync => format!("{count} in sync"),
        Action::Create | Action::Update | Action::Replace | Action::TakeOver | Action::Delete | Action::Wait => {
            format!("{count} to {}", word(action))
        }
    }
}

/// SGR parameter of its colour. <https://www.ecma-international.org/publications-and-standards/standards/ecma-48/>
const fn colour(action: Action) -> &'static str {
    match action {
        Action::Create => "32",
        Action::Update | Action::TakeOver | Action::Wait => "33",
        Action::Replace | Action::Delete | Action::Conflict => "31",
        Action::InSync => "0",
    }
}

/// The plan for a person.
pub fn text(shown: &PlanReport, style: Style) -> String {
    let PlanReport { namespace, name, cluster, account, region, plan, not_compared } = shown;
    let head = format!("Pipeline {namespace}/{name}: cluster {cluster}, account {account}, region {region}");
    let mut text = printable(&head).into_owned() + "\n";
    text.push_str(&changes(plan, style));
    for what in not_compared {
        _ = writeln!(text, "Not compared: {}, since only the cluster knows it.", printable(what));
    }
    text
}

/// The pending changes, drift first, and a summary.
pub fn changes(plan: &[Change], style: Style) -> String {
    let mut text = String::new();
    let pending = || plan.iter().filter(|change| change.action != Action::InSync);
    let (drift, rest): (Vec<&Change>, Vec<&Change>) = pending().partition(|change| change.drift);
    section(&mut text, "Has changed on AWS, and will be put right:", &drift, style);
    section(&mut text, "Will be done:", &rest, style);
    text.push('\n');
    match Summary::of(plan) {
        Summary::NothingToDo => {
            _ = writeln!(text, "Nothing to do: AWS has what the pipeline says.");
            _ = writeln!(text, "Compared, with all fields and tags that are managed: {}.", compared(plan));
        }
        Summary::Changes => {
            _ = writeln!(text, "Signs: {}.", legend(plan));
            _ = writeln!(text, "Plan: {}.", counts(plan));
        }
        Summary::Conflict => {
            _ = writeln!(text, "Signs: {}.", legend(plan));
            _ = writeln!(text, "Plan: {}. Nothing is done until that is resolved.", counts(plan));
        }
    }
    text
}

fn section(text: &mut String, headline: &str, changes: &[&Change], style: Style) {
    if changes.is_empty() {
        return;
    }
    _ = writeln!(text, "\n{headline}\n");
    for change in changes {
        row(text, change, style);
    }
}

fn row(text: &mut String, change: &Change, style: Style) {
    let Change { action, kind, name, drift, note, changes } = change;
    let what = format!("{} {:<9}", sign(*action), word(*action));
    let what = if style.colour { format!("\x1b[{}m{what}\x1b[0m", colour(*action)) } else { what };
    let drift = match (drift, action) {
        (false, _) => "",
        (true, Action::Create) => ", which is gone",
        (true, _) => ", which has changed",
    };
    let note = note.as_ref().map(|note| format!(": {}", printable(note))).unwrap_or_default();
    _ = writeln!(text, "  {what} {} {}{drift}{note}", printable(kind), printable(name));
    for field in changes {
        text.push_str(&field_line(field, style));
    }
}

/// What a field's line begins with.
const INDENT: &str = "              ";

fn field_line(change: &FieldChange, style: Style) -> String {
    let FieldChange { field, from, to, forces_replacement } = change;
    let [field, from, to] = [field, from, to].map(|text| printable(text).into_owned());
    let forces = if *forces_replacement { " (forces replacement)" } else { "" };
    let line = match (from.as_str(), to.as_str()) {
        ("", to) => format!("{INDENT}{field}: + {to}{forces}\n"),
        (from, "") => format!("{INDENT}{field}: - {from}{forces}\n"),
        // Values that are not shown.
        (from, to) if from == to => format!("{INDENT}{field}: {from} → another {to}{forces}\n"),
        (from, to) => format!("{INDENT}{field}: {from} → {to}{forces}\n"),
    };
    if style.width.is_none_or(|width| line.trim_end().chars().count() <= width) {
        return line;
    }
    let part = |sign: &str, value: &str| {
        if value.is_empty() { String::new() } else { format!("{INDENT}  {sign} {value}\n") }
    };
    format!("{INDENT}{field}:{forces}\n{}{}", part("-", &from), part("+", &to))
}

fn used(plan: &[Change]) -> impl Iterator<Item = (Action, usize)> {
    let count = |action: Action| plan.iter().filter(|change| change.action == action).count();
    ACTIONS.into_iter().map(move |action| (action, count(action))).filter(|(_, count)| *count > 0)
}

fn legend(plan: &[Change]) -> String {
    let pending = used(plan).filter(|(action, _)| *action != Action::InSync);
    pending.map(|(action, _)| format!("{} {}", sign(action), word(action))).collect::<Vec<_>>().join(", ")
}

/// Such as `13 to create, 1 to update`.
pub fn counts(plan: &[Change]) -> String {
    used(plan).map(|(action, count)| counted(action, count)).collect::<Vec<_>>().join(", ")
}

fn compared(plan: &[Change]) -> String {
    let mut kinds: BTreeMap<&str, usize> = BTreeMap::new();
    for change in plan {
        *kinds.entry(&change.kind).or_default() += 1;
    }
    let kinds = kinds.into_iter().map(|(kind, count)| format!("{count} {kind}{}", if count == 1 { "" } else { "s" }));
    kinds.collect::<Vec<_>>().join(", ")
}
