//! The functions that tasks call.

use std::collections::BTreeMap;

use api::Task;

use super::code::Given;
use super::environment::{Taken, is_name};
use super::lambda::Settings;
use super::layer::Layers;
use super::refusal::{Refusals, quoted};
use super::{Context, Function, FunctionSecret, hop, name, secret, task};
use crate::names::Part;

/// Maximum number of functions in a pipeline.
pub(super) const MAX_FUNCTIONS: usize = 20;

/// Validates the functions.
pub(super) fn resolve(
    functions: &[api::Function],
    tasks: &[Task],
    defined: &Layers<'_>,
    context: &Context<'_>,
    refusals: &mut Refusals,
) -> Vec<Function> {
    if functions.len() > MAX_FUNCTIONS {
        let message =
            format!("there are {} functions, and a pipeline can have at most {MAX_FUNCTIONS}", functions.len());
        refusals.invalid_hint("spec.functions", message, "split the pipeline");
    }
    let names = functions.iter().map(|function| function.name.as_str());
    name::check("spec.functions", name::MAX_FUNCTION, names, refusals);
    check_parameters(functions, refusals);
    functions.iter().filter_map(|function| one(function, tasks, defined, context, refusals)).collect()
}

fn one(
    function: &api::Function,
    tasks: &[Task],
    defined: &Layers<'_>,
    context: &Context<'_>,
    refusals: &mut Refusals,
) -> Option<Function> {
    let api::Function {
        name,
        runtime,
        handler,
        code,
        layers,
        environment,
        secrets,
        memory_mib,
        timeout_seconds,
        architecture,
        log_retention_days,
        policy_statements,
    } = function;
    let field = format!("spec.functions[{name}]");
    let timeout_seconds = timeout_seconds.unwrap_or_else(|| longest_call(name, tasks));
    refusals.in_range(&format!("{field}.timeoutSeconds"), timeout_seconds, 1..=hop::MAX_TIMEOUT_SECONDS);
    let secrets: Vec<FunctionSecret> =
        secrets.iter().filter_map(|it| resolve_secret(name, it, context, refusals)).collect();
    let variables: Vec<&str> = secrets.iter().map(|secret| secret.variable.as_str()).collect();
    let given = Given { field: &field, code, runtime: runtime.as_deref(), handler: handler.as_deref() };
    let code = given.resolve(context, refusals);
    let settings = Settings {
        field: &field,
        memory_mib: *memory_mib,
        timeout_seconds,
        architecture: architecture.unwrap_or(context.default_architecture),
        log_retention_days: *log_retention_days,
        environment,
        taken: Taken { variables: &variables, prefixes: &[] },
        layers,
        policy_statements,
    };
    let lambda = settings.resolve(code, defined, context, refusals)?;
    Some(Function { name: name.clone(), lambda, secrets })
}

/// The longest timeout of the tasks that call a function.
fn longest_call(name: &str, tasks: &[Task]) -> u32 {
    let calls = tasks.iter().filter(|task| task.function.as_deref() == Some(name));
    calls.map(task::timeout_seconds).max().unwrap_or(task::CALL_TIMEOUT_SECONDS)
}

fn resolve_secret(
    function: &str,
    secret: &api::FunctionSecret,
    context: &Context<'_>,
    refusals: &mut Refusals,
) -> Option<FunctionSecret> {
    let api::FunctionSecret { name, secret_key_ref: _ } = secret;
    let variable = format!("{}_PARAMETER", name.to_ascii_uppercase().replace('-', "_"));
    if !is_name(&variable) {
        let message =
            format!("{} would be known to the function as {}, which Lambda refuses", quoted(name), quoted(&variable));
        let field = format!("spec.functions[{function}].secrets[{name}].name");
        refusals.invalid_hint(field, message, "begin with a letter");
    }
    let used = secret::of_function(function, secret);
    let value = secret::text(&used, &context.owner.namespace, context.secrets, refusals)?;
    Some(FunctionSecret { name: name.clone(), variable, value })
}

/// Refuses functions and secrets whose joined names give the same name of a parameter.
fn check_parameters(functions: &[api::Function], refusals: &mut Refusals) {
    let mut seen: BTreeMap<String, String> = BTreeMap::new();
    for function in functions {
        for secret in &function.secrets {
            let field = format!("spec.functions[{}].secrets[{}]", function.name, secret.name);
            let parameter = Part::Secret { function: &function.name, secret: &secret.name }.to_string();
            if let Some(other) = seen.insert(parameter.clone(), field.clone()) {
                let message = format!("its parameter would be called {}, like that of `{other}`", quoted(&parameter));
                refusals.invalid_hint(format!("{field}.name"), message, "rename one of the two");
            }
        }
    }
}
