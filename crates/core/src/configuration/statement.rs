//! Checks that a pipeline's IAM statement stays within the configuration.

use std::collections::{BTreeMap, BTreeSet};

use super::Pattern;
use crate::iam::{Condition, Statement};

/// Actions on resources that a pipeline may give to its functions' roles.
#[derive(Clone, Debug)]
pub(super) struct AllowedStatement {
    /// In lower case: IAM's action names are case-insensitive.
    pub(super) actions: Vec<Pattern>,
    pub(super) resources: Vec<Pattern>,
    pub(super) condition: Condition,
}

impl AllowedStatement {
    /// The widest statement that it allows.
    pub(super) fn widest(&self) -> Statement {
        let texts = |patterns: &[Pattern]| patterns.iter().map(|pattern| pattern.as_str().to_owned()).collect();
        Statement {
            actions: texts(&self.actions),
            resources: texts(&self.resources),
            condition: self.condition.clone(),
        }
    }
}

/// Actions that can extend privileges: roles and sessions, and functions and schedules that run under roles. Allowed
/// only as the configuration writes them, never by its wildcards.
const GRAVE: [&str; 4] = ["iam:*", "sts:*", "lambda:*", "scheduler:*"];

/// Exceptions, which only read, or run a function as it is.
const HARMLESS: [&str; 5] = ["lambda:get*", "lambda:list*", "lambda:invoke*", "scheduler:get*", "scheduler:list*"];

/// An action on a resource that is not allowed.
#[derive(Debug)]
pub(super) struct Refused<'statement> {
    action: &'statement str,
    resource: &'statement str,
    lacks: Lacks,
}

#[derive(Debug)]
enum Lacks {
    Statement,
    Literal,
    Condition(String),
}

impl Refused<'_> {
    pub(super) fn what(&self) -> String {
        let Self { action, resource, lacks } = self;
        let how = match lacks {
            Lacks::Statement | Lacks::Literal => String::new(),
            Lacks::Condition(condition) => format!(" without the condition `{condition}`"),
        };
        format!("action `{action}` on `{resource}`{how}")
    }

    pub(super) fn rule(&self) -> String {
        let Self { action, resource, lacks } = self;
        let how = match lacks {
            Lacks::Statement | Lacks::Condition(_) => "",
            Lacks::Literal => ", in these words",
        };
        format!("{{actions: [\"{action}\"{how}], resources: [\"{resource}\"]}}")
    }
}

/// Checks each action on each resource.
pub(super) fn covered<'statement>(
    statement: &'statement Statement,
    allowed: &[&AllowedStatement],
) -> Result<(), Refused<'statement>> {
    for action in &statement.actions {
        for resource in &statement.resources {
            pair(action, resource, &statement.condition, allowed).map_err(|lacks| Refused {
                action,
                resource,
                lacks,
            })?;
        }
    }
    Ok(())
}

fn pair(action: &str, resource: &str, condition: &Condition, allowed: &[&AllowedStatement]) -> Result<(), Lacks> {
    let (asked, target) = (Pattern::new(action.to_ascii_lowercase()), Pattern::new(resource));
    let on_resource: Vec<&&AllowedStatement> =
        allowed.iter().filter(|it| it.resources.iter().any(|resources| resources.covers_arn(&target))).collect();
    let by_wildcard = on_resource.iter().any(|it| it.actions.iter().any(|actions| actions.covers(&asked)));
    let by_name = |it: &&&AllowedStatement| {
        it.actions.iter().any(|actions| if is_grave(&asked) { *actions == asked } else { actions.covers(&asked) })
    };
    let mut lacks = if by_wildcard { Lacks::Literal } else { Lacks::Statement };
    for candidate in on_resource.into_iter().filter(by_name) {
        match missing_condition(condition, &candidate.condition) {
            None => return Ok(()),
            Some(missing) => lacks = Lacks::Condition(missing),
        }
    }
    Err(lacks)
}

/// Whether an action, or any action that a pattern matches, can extend privileges.
fn is_grave(asked: &Pattern) -> bool {
    let harmless = HARMLESS.iter().any(|pattern| Pattern::new(*pattern).covers(asked));
    !harmless && GRAVE.iter().any(|pattern| Pattern::new(*pattern).overlaps(asked))
}

/// The first part of the `wanted` condition that `has` does not contain literally. All parts of a condition must hold,
/// so further parts only restrict it.
fn missing_condition(has: &Condition, wanted: &Condition) -> Option<String> {
    let set = |values: &[String]| values.iter().cloned().collect::<BTreeSet<String>>();
    let none = BTreeMap::new();
    wanted.iter().find_map(|(operator, keys)| {
        let theirs = has.get(operator).unwrap_or(&none);
        keys.iter()
            .find(|(key, values)| theirs.get(*key).is_none_or(|has| set(has) != set(values)))
            .map(|(key, values)| serde_json::json!({ operator: { key: values } }).to_string())
    })
}
