//! Tasks, as they travel.

use std::collections::BTreeSet;

use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;
use protocol::{Action, StatusPattern, template};

use super::refusal::{Refusals, listed, quoted};
use super::{name, placeholder, request, secret};
use crate::crd::{Channel, Http, HttpMethod, MessageTask, NotifyOn, Retry, Task};

/// Tasks of a pipeline at most.
const MAX_TASKS: usize = 100;

/// Seconds that an attempt may take where the task doesn't say.
const DEFAULT_TIMEOUT_SECONDS: u32 = 10;

/// Seconds that an attempt may take at most: Lambda's 900, less what the runner keeps for the delivery.
const MAX_TIMEOUT_SECONDS: u32 = 870;

/// Attempts of a task at most.
const MAX_ATTEMPTS: u32 = 10;

/// Checks the tasks, and gives them as they travel.
pub(super) fn resolve(tasks: &[Task], channels: &[Channel], refusals: &mut Refusals) -> Vec<protocol::Task> {
    if tasks.is_empty() {
        refusals.invalid_hint("spec.tasks", "there is no task", "add one, like `{name: hello, message: {}}`");
    }
    if tasks.len() > MAX_TASKS {
        let message = format!("there are {} tasks, and a pipeline has {MAX_TASKS} at most", tasks.len());
        refusals.invalid_hint("spec.tasks", message, "split the pipeline");
    }
    name::check("spec.tasks", tasks.iter().map(|task| task.name.as_str()), refusals);
    tasks.iter().filter_map(|task| one(task, channels, refusals)).collect()
}

fn one(task: &Task, channels: &[Channel], refusals: &mut Refusals) -> Option<protocol::Task> {
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
        timeout_seconds,
        retry: Retry { attempts, backoff_seconds },
    } = task;
    let field = format!("spec.tasks[{name}]");
    refusals.unsupported(&field, &[("function", function.is_some()), ("functionArn", function_arn.is_some())]);
    let kinds = [
        ("message", message.is_some()),
        ("http", http.is_some()),
        ("function", function.is_some()),
        ("functionArn", function_arn.is_some()),
    ];
    refusals.one_of(&field, "the task", &kinds);
    if let Some(input) = input {
        placeholder::check_json(&format!("{field}.input"), input, refusals);
    }
    if let Some(template) = template {
        check_template(&format!("{field}.template"), template, refusals);
    }
    check_notify(&format!("{field}.notify"), notify, channels, refusals);
    let timeout_seconds = timeout_seconds.unwrap_or(DEFAULT_TIMEOUT_SECONDS);
    refusals.in_range(&format!("{field}.timeoutSeconds"), timeout_seconds, 1..=MAX_TIMEOUT_SECONDS);
    refusals.in_range(&format!("{field}.retry.attempts"), *attempts, 1..=MAX_ATTEMPTS);
    let action = match (message, http) {
        (Some(MessageTask {}), None) => Action::Message,
        (None, Some(http)) => Action::Http(request(&format!("{field}.http"), name, http, refusals)),
        (Some(_), Some(_)) | (None, None) => return None,
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
                format!("there are {}", listed(channels.iter().map(|channel| channel.name.as_str())))
            };
            refusals.invalid_hint(field, format!("{} is the name of no channel", quoted(name)), hint);
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
