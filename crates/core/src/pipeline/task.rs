//! Tasks, in the form that firings carry.

use std::collections::BTreeSet;

use api::{Channel, Function, Http, HttpMethod, MessageTask, NotifyOn, Retry, Task};
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;
use protocol::{Action, StatusPattern, template};
use serde_json::Value;

use super::refusal::{Refusals, listed, quoted};
use super::{Callee, Context, name, placeholder, request, secret};
use crate::arn::Arn;
use crate::configuration::is_function_arn;
use crate::depth;
use crate::location::Target;
use crate::names::{Owner, Part};

/// Maximum number of tasks in a pipeline.
pub const MAX_TASKS: usize = 100;

/// Default timeout of an attempt in seconds, for tasks that call no function.
const DEFAULT_TIMEOUT_SECONDS: u32 = 10;

/// Default timeout of an attempt in seconds, for tasks that call a function.
pub(super) const CALL_TIMEOUT_SECONDS: u32 = 45;

/// Longest timeout of an attempt in seconds: Lambda's 900, less what the runner keeps for the delivery.
pub(super) const MAX_TIMEOUT_SECONDS: u32 = 870;

/// Maximum number of attempts of a task.
pub(super) const MAX_ATTEMPTS: u32 = 10;

/// Validates the tasks, and converts them into the form that firings carry; without an owner, only those that call none
/// of the pipeline's functions.
pub(super) fn resolve(
    tasks: &[Task],
    channels: &[Channel],
    owner: Option<&Owner>,
    refusals: &mut Refusals,
) -> Vec<protocol::Task> {
    if tasks.len() > MAX_TASKS {
        let message = format!("there are {} tasks, and a pipeline can have at most {MAX_TASKS}", tasks.len());
        refusals.invalid_hint("spec.tasks", message, "split the pipeline");
    }
    name::check("spec.tasks", name::MAX, tasks.iter().map(|task| task.name.as_str()), refusals);
    tasks.iter().filter_map(|task| one(task, channels, owner, refusals)).collect()
}

/// Validates the functions that tasks call, and returns them.
pub(super) fn called(
    tasks: &[Task],
    functions: &[Function],
    target: &Target,
    context: &Context<'_>,
    refusals: &mut Refusals,
) -> BTreeSet<Callee> {
    let mut called = BTreeSet::new();
    for task in tasks {
        check_callee(task, functions, target, context, refusals);
        called.extend(task.function.iter().cloned().map(Callee::Own));
        called.extend(task.function_arn.iter().cloned().map(Callee::Existing));
    }
    called
}

/// Refuses fields that only the built-in runner reads.
pub(super) fn check_unposted(tasks: &[Task], channels: &[Channel], refusals: &mut Refusals) {
    let mut refuse = |field: String, is_set: bool| {
        if is_set {
            let message = "`spec.runner.code` decides what to post, and would ignore it";
            refusals.invalid_hint(field, message, "remove it");
        }
    };
    refuse("spec.channels".to_owned(), !channels.is_empty());
    for task in tasks {
        refuse(format!("spec.tasks[{}].notify", task.name), !task.notify.is_empty());
        refuse(format!("spec.tasks[{}].template", task.name), task.template.is_some());
    }
}

/// Timeout of an attempt in seconds.
pub(super) fn timeout_seconds(task: &Task) -> u32 {
    let calls = task.function.is_some() || task.function_arn.is_some();
    task.timeout_seconds.unwrap_or(if calls { CALL_TIMEOUT_SECONDS } else { DEFAULT_TIMEOUT_SECONDS })
}

fn one(task: &Task, channels: &[Channel], owner: Option<&Owner>, refusals: &mut Refusals) -> Option<protocol::Task> {
    let Task {
        name,
        message,
        http,
        function,
        function_arn,
        input,
        template,
        notify,
        notify_on,
        timeout_seconds: _,
        retry: Retry { attempts, backoff_seconds },
    } = task;
    let field = format!("spec.tasks[{name}]");
    let kinds = [
        ("message", message.is_some()),
        ("http", http.is_some()),
        ("function", function.is_some()),
        ("functionArn", function_arn.is_some()),
    ];
    refusals.one_of(&field, "the task", &kinds);
    if let Some(input) = input {
        check_input(&format!("{field}.input"), input, refusals);
    }
    if let Some(template) = template {
        check_template(&format!("{field}.template"), template, refusals);
    }
    check_notify(&format!("{field}.notify"), notify, channels, refusals);
    let timeout_seconds = timeout_seconds(task);
    refusals.in_range(&format!("{field}.timeoutSeconds"), timeout_seconds, 1..=MAX_TIMEOUT_SECONDS);
    refusals.in_range(&format!("{field}.retry.attempts"), *attempts, 1..=MAX_ATTEMPTS);
    let action = match (message, http, function, function_arn) {
        (Some(MessageTask {}), None, None, None) => Action::Message,
        (None, Some(http), None, None) => Action::Http(request(&format!("{field}.http"), name, http, refusals)),
        (None, None, Some(function), None) => Action::Function { name: owner?.part(Part::Function(function)) },
        (None, None, None, Some(arn)) => Action::Function { name: arn.clone() },
        _ => return None,
    };
    Some(protocol::Task {
        name: name.clone(),
        action,
        input: input.clone(),
        template: template.clone(),
        notify: notify.clone(),
        notify_on: match notify_on {
            NotifyOn::Always => protocol::NotifyOn::Always,
            NotifyOn::Failure => protocol::NotifyOn::Failure,
            NotifyOn::Success => protocol::NotifyOn::Success,
        },
        timeout_seconds,
        attempts: *attempts,
        backoff_seconds: *backoff_seconds,
    })
}

fn check_callee(task: &Task, functions: &[Function], target: &Target, context: &Context<'_>, refusals: &mut Refusals) {
    if let Some(name) = task.function.as_ref().filter(|name| !functions.iter().any(|it| it.name == **name)) {
        let hint = if functions.is_empty() {
            "add it to `spec.functions`, which is empty".to_owned()
        } else {
            format!("use one of {}", listed(functions.iter().map(|function| function.name.as_str())))
        };
        let field = format!("spec.tasks[{}].function", task.name);
        refusals.invalid_hint(field, format!("{} is not the name of a function", quoted(name)), hint);
    }
    let Some(arn) = &task.function_arn else { return };
    let field = format!("spec.tasks[{}].functionArn", task.name);
    let region = target.region.as_deref().or(context.home.own_region);
    if !is_function_arn(arn) {
        let message = format!("{} is not a valid function ARN", quoted(arn));
        let hint = "write one like `arn:aws:lambda:eu-central-1:111122223333:function:name`";
        refusals.invalid_hint(field, message, hint);
    } else if let Err(missing) = context.configuration.function(&context.owner.namespace, arn) {
        refusals.not_allowed(field, missing);
    } else if let Some(region) = region.filter(|region| Arn::parse(arn).is_some_and(|arn| arn.region != *region)) {
        let message = format!("the function is not in region `{region}`, where the runner is");
        refusals.invalid_hint(field, message, "use a function of that region");
    }
}

fn check_input(field: &str, input: &Value, refusals: &mut Refusals) {
    if depth::is_deeper(input, depth::MAX_INPUT) {
        let message = format!("it nests deeper than {} levels", depth::MAX_INPUT);
        refusals.invalid_hint(field, message, "flatten it, or write the deeper part as a text");
    } else {
        placeholder::check_json(field, input, refusals);
    }
}

fn check_template(field: &str, text: &str, refusals: &mut Refusals) {
    placeholder::check(field, text, refusals);
    if let Err(error) = template::check(text) {
        refusals.invalid(field, format!("the template cannot be rendered: {error}"));
    }
}

fn check_notify(field: &str, notify: &[String], channels: &[Channel], refusals: &mut Refusals) {
    let mut seen = BTreeSet::new();
    for name in notify {
        if !seen.insert(name) {
            refusals.invalid_hint(field, format!("{} occurs twice", quoted(name)), "keep one");
        } else if !channels.iter().any(|channel| channel.name == *name) {
            let hint = if channels.is_empty() {
                "add it to `spec.channels`, which is empty".to_owned()
            } else {
                format!("use one of {}", listed(channels.iter().map(|channel| channel.name.as_str())))
            };
            refusals.invalid_hint(field, format!("{} is not the name of a channel", quoted(name)), hint);
        }
    }
}

fn request(field: &str, task: &str, http: &Http, refusals: &mut Refusals) -> protocol::Http {
    let Http { url, method, headers, body, expect_status } = http;
    request::url(&format!("{field}.url"), url, refusals);
    if let Some(body) = body {
        placeholder::check(&format!("{field}.body"), body, refusals);
    }
    protocol::Http {
        url: url.clone(),
        method: match method {
            HttpMethod::Get => protocol::HttpMethod::Get,
            HttpMethod::Head => protocol::HttpMethod::Head,
            HttpMethod::Post => protocol::HttpMethod::Post,
            HttpMethod::Put => protocol::HttpMethod::Put,
            HttpMethod::Patch => protocol::HttpMethod::Patch,
            HttpMethod::Delete => protocol::HttpMethod::Delete,
            HttpMethod::Options => protocol::HttpMethod::Options,
        },
        headers: request::headers(field, &secret::task_headers(task), headers, refusals),
        body: body.clone(),
        expect_status: status_patterns(&format!("{field}.expectStatus"), expect_status, refusals),
    }
}

fn status_patterns(field: &str, items: &[IntOrString], refusals: &mut Refusals) -> Vec<StatusPattern> {
    if items.is_empty() {
        refusals.invalid_hint(
            field,
            "no answer would count as success",
            "leave it out, or add codes like `2xx` or `200`",
        );
    }
    let texts = items.iter().map(|item| match item {
        IntOrString::Int(code) => code.to_string(),
        IntOrString::String(text) => text.clone(),
    });
    texts.filter_map(|text| text.parse().map_err(|error| refusals.invalid(field, format!("{error}"))).ok()).collect()
}
