//! IAM statements that a pipeline adds to its functions' roles.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value};

use super::Context;
use super::refusal::{Refusals, listed, quoted};
use crate::configuration::{is_action, is_arn};
use crate::iam::{Condition, Statement};

/// Maximum length of all statements of one role: IAM's 10,240 characters for inline policies, less the role's own
/// statements.
/// <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html>
const MAX_CHARACTERS: usize = 6000;

/// The allowed elements of a statement. The other elements of IAM's grammar invert a statement, or belong to other
/// kinds of policy.
const ELEMENTS: [&str; 4] = ["Effect", "Action", "Resource", "Condition"];

/// Validates statements, and checks that the configuration allows each.
pub(super) fn resolve(
    field: &str,
    statements: &[Value],
    context: &Context<'_>,
    refusals: &mut Refusals,
) -> Vec<Statement> {
    let characters = statements.iter().map(|statement| statement.to_string().chars().count()).sum::<usize>();
    if characters > MAX_CHARACTERS {
        let message =
            format!("the statements have {characters} characters, and {MAX_CHARACTERS} fit beside the role's own");
        refusals.invalid_hint(field, message, "shorten them, with wildcards where the configuration allows that");
        return Vec::new();
    }
    let mut resolved = Vec::new();
    for (number, statement) in statements.iter().enumerate() {
        let field = format!("{field}[{number}]");
        let Some(statement) = read(&field, statement, refusals) else { continue };
        match context.configuration.policy_statement(&context.owner.namespace, &statement) {
            Ok(()) => resolved.push(statement),
            Err(missing) => refusals.not_allowed(field, missing),
        }
    }
    resolved
}

/// Parses a statement; `None` if it is refused.
fn read(field: &str, statement: &Value, refusals: &mut Refusals) -> Option<Statement> {
    let nothing = Map::new();
    let elements = statement.as_object().unwrap_or(&nothing);
    let mut sound = true;
    let mut refuse = |field: String, message: String, hint: &str| {
        sound = false;
        refusals.invalid_hint(field, message, hint);
    };
    for element in elements.keys().filter(|element| !ELEMENTS.contains(&element.as_str())) {
        let hint = format!("use only {}", listed(ELEMENTS));
        refuse(format!("{field}.{element}"), format!("{} is not a supported element", quoted(element)), &hint);
    }
    if elements.get("Effect").and_then(Value::as_str) != Some("Allow") {
        refuse(format!("{field}.Effect"), "it is not `Allow`".to_owned(), "write `Effect: Allow`");
    }
    let actions = texts(elements.get("Action"));
    let resources = texts(elements.get("Resource"));
    if actions.is_empty() || !actions.iter().all(|action| action == "*" || is_action(action)) {
        let hint = "write one or more like `s3:GetObject`, with `*` and `?` as wildcards";
        refuse(
            format!("{field}.Action"),
            format!("{} is not a valid list of actions", shown(elements.get("Action"))),
            hint,
        );
    }
    if resources.is_empty() || !resources.iter().all(|resource| resource == "*" || is_plain_arn(resource)) {
        let hint =
            "write one or more ARNs of six parts, without `..`, `%` and variables, with `*` and `?` as wildcards";
        refuse(
            format!("{field}.Resource"),
            format!("{} is not a valid list of resources", shown(elements.get("Resource"))),
            hint,
        );
    }
    let condition = condition(elements.get("Condition"));
    if condition.is_none() {
        let hint = "write `operator: {key: value}`, each operator and each key once";
        refuse(format!("{field}.Condition"), "it is not a valid condition".to_owned(), hint);
    }
    sound.then_some(Statement { actions, resources, condition: condition.unwrap_or_default() })
}

/// One text or a list of texts; `None` for anything else.
fn texts(value: Option<&Value>) -> Vec<String> {
    let text = |value: &Value| value.as_str().map(str::to_owned);
    match value {
        Some(Value::Array(values)) => values.iter().map(text).collect::<Option<_>>().unwrap_or_default(),
        Some(single) => text(single).into_iter().collect(),
        None => Vec::new(),
    }
}

fn shown(value: Option<&Value>) -> String {
    quoted(&value.map(Value::to_string).unwrap_or_default())
}

/// An ARN that means what it says: no step upwards, nothing encoded, and no variable that IAM fills in later.
fn is_plain_arn(text: &str) -> bool {
    is_arn(text) && !text.contains(['%', '$']) && !text.split(['/', ':']).any(|segment| segment == "..")
}

/// A condition, each operator and each key once: IAM's keys know no case, and what it makes of two is not documented.
fn condition(value: Option<&Value>) -> Option<Condition> {
    let Some(value) = value else { return Some(Condition::new()) };
    let operators = value.as_object()?;
    let condition: Condition = operators
        .iter()
        .map(|(operator, keys)| {
            let keys = keys.as_object()?;
            let values = |(key, values): (&String, &Value)| Some((key.clone(), scalars(values)?));
            let keys: BTreeMap<_, _> = keys.iter().map(values).collect::<Option<_>>()?;
            (!keys.is_empty() && once(keys.keys())).then(|| (operator.clone(), keys))
        })
        .collect::<Option<_>>()?;
    once(condition.keys()).then_some(condition)
}

fn once<'a>(names: impl Iterator<Item = &'a String> + Clone) -> bool {
    names.clone().map(|name| name.to_lowercase()).collect::<BTreeSet<_>>().len() == names.count()
}

fn scalars(value: &Value) -> Option<Vec<String>> {
    let scalar = |value: &Value| match value {
        Value::String(text) => Some(text.clone()),
        Value::Bool(_) | Value::Number(_) => Some(value.to_string()),
        Value::Null | Value::Array(_) | Value::Object(_) => None,
    };
    match value {
        Value::Array(values) if values.is_empty() => None,
        Value::Array(values) => values.iter().map(scalar).collect(),
        single => Some(vec![scalar(single)?]),
    }
}
