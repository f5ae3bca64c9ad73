//! The tables that pages take from the code, each between two marks: `make pages` writes them.

use std::collections::BTreeSet;
use std::env;
use std::fmt::Display;
use std::fs;
use std::time::Duration;

use aws::Leadership;
use aws::{Operation, Quota};
use clap::CommandFactory as _;
use http::Method;
use pipeline_core::configuration::file::File;
use pipeline_core::error_class::ErrorClass;
use pipeline_core::plan::drift::Drift;
use pipeline_core::reason::{Acted, Incomplete, Reason, Refused, Reported, Settled, Underway};
use pipeline_core::resource::{Id, Kind};
use serde_json::Value;
use strum::{EnumMessage, VariantArray};
use task_pipelines::cli::arguments::Arguments;
use task_pipelines::metrics::{Ended, Metrics};

use crate::{all_between, between, read, root};

/// Checks that a page has a table at its mark, or puts it there when `WRITE_PAGES` is set.
fn generated(page: &str, mark: &str, heads: &[&str], rows: &[Vec<String>]) {
    assert!(!rows.is_empty() && rows.iter().all(|row| row.len() == heads.len()), "{mark}: {rows:?}");
    let line = |cells: &[String]| format!("| {} |", cells.join(" | ")).replace("|  |", "| |");
    let heads = line(&heads.iter().map(|head| (*head).to_owned()).collect::<Vec<_>>());
    let dashes = "|---".repeat(rows[0].len());
    let rows: Vec<String> = rows.iter().map(|row| line(row)).collect();
    let table = format!("{heads}\n{dashes}|\n{}", rows.join("\n"));

    let (begin, end) = (format!("<!-- generated: {mark} -->\n"), "<!-- end -->\n");
    let text = read(page);
    let (before, rest) = text.split_once(&begin).unwrap_or_else(|| panic!("{page} has no line {begin}"));
    let (_, after) = rest.split_once(end).unwrap_or_else(|| panic!("{page} has no line {end} after {begin}"));
    let expected = format!("{before}{begin}\n{table}\n\n{end}{after}");
    if expected == text {
        return;
    }
    assert!(
        env::var_os("WRITE_PAGES").is_some(),
        "{page} is not what the code says, run `make pages`; {mark}:\n{table}"
    );
    fs::write(root().join(page), expected).unwrap();
}

/// As a page shows what is written in programs.
fn code(text: impl Display) -> String {
    format!("`{text}`")
}

/// The words of a variant's documentation, for a table.
fn documentation(variant: &impl EnumMessage) -> String {
    variant.get_documentation().unwrap().replace('\n', " ").trim().trim_end_matches('.').to_owned()
}

/// A row for each variant: its documentation, and what else is said of it.
fn rows<T: EnumMessage + VariantArray>(row: impl Fn(&T, String) -> Vec<String>) -> Vec<Vec<String>> {
    T::VARIANTS.iter().map(|variant| row(variant, documentation(variant))).collect()
}

#[test]
fn the_page_of_conditions_has_every_reason_with_its_remedy() {
    let page = "docs/conditions.md";
    let settled = rows(|reason: &Settled, cause| vec![code(reason), cause]);
    generated(page, "Settled", &["reason", "cause"], &settled);
    let with_remedy = ["reason", "cause", "what to do"];
    let underway = rows(|reason: &Underway, cause| vec![code(reason), cause, reason.remedy().to_owned()]);
    generated(page, "Underway", &with_remedy, &underway);
    let refused = rows(|reason: &Refused, cause| vec![code(reason), cause, reason.remedy().to_owned()]);
    generated(page, "Refused", &with_remedy, &refused);
    let failed = rows(|class: &ErrorClass, cause| {
        let beside = if class.needs_a_person() { "Stalled" } else { "Reconciling" };
        vec![code(class), code(beside), cause, class.remedy().to_owned()]
    });
    generated(page, "ErrorClass", &["reason", "beside it", "cause", "what to do"], &failed);
    let incomplete = rows(|reason: &Incomplete, cause| vec![code(reason), cause, reason.remedy().to_owned()]);
    generated(page, "Incomplete", &with_remedy, &incomplete);
    let quotas = rows(|quota: &Quota, what| vec![what, quota.remedy().to_owned()]);
    generated(page, "Quota", &["what is full", "what to do"], &quotas);
    let acted = rows(|reason: &Acted, meaning| {
        let kind = if Reason::from(*reason).is_warning() { "Warning" } else { "Normal" };
        vec![code(reason), kind.to_owned(), meaning]
    });
    generated(page, "Acted", &["reason", "type", "meaning"], &acted);
    let reported = rows(|reason: &Reported, meaning| {
        vec![code(reason), reason.condition().to_owned(), meaning, reason.remedy().unwrap_or_default().to_owned()]
    });
    generated(page, "Reported", &["reason", "condition", "meaning", "what to do"], &reported);
}

/// A row for each field below a schema, and for those below them.
fn field_rows(root: &Value, schema: &Value, path: &str) -> Vec<Vec<String>> {
    let schema = resolved(root, schema);
    let required: BTreeSet<&str> =
        schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    let fields = schema["properties"].as_object().into_iter().flatten();
    fields
        .flat_map(|(name, field)| {
            let list = if field["type"] == "array" { "[]" } else { "" };
            let path = format!("{path}{name}");
            let text = field["description"].as_str().unwrap().replace('\n', " ");
            let must = if required.contains(name.as_str()) { "; required" } else { "" };
            let row = vec![code(&path), format!("{}{must}", type_name(root, field)), text];
            [row].into_iter().chain(field_rows(root, &field["items"], &format!("{path}{list}.")))
        })
        .collect()
}

fn resolved<'root>(root: &'root Value, schema: &'root Value) -> &'root Value {
    let name = schema["$ref"].as_str().and_then(|reference| reference.strip_prefix("#/$defs/"));
    name.map_or(schema, |name| &root["$defs"][name])
}

fn type_name(root: &Value, field: &Value) -> &'static str {
    let is = |type_: &str| field["type"] == type_ || field["type"][0] == type_;
    match &field["items"] {
        items if resolved(root, items)["type"] == "object" => "list of objects",
        Value::Object(_) => "list of texts",
        _ if is("object") => "map",
        _ if is("string") => "text",
        _ => panic!("what is {field}?"),
    }
}

#[test]
fn the_page_of_the_configuration_has_every_field_and_every_setting() {
    let page = "docs/configuration.md";
    let schema = serde_json::to_value(schemars::schema_for!(File)).unwrap();
    generated(page, "File", &["field", "type", "meaning"], &field_rows(&schema, &schema, ""));

    let command = Arguments::command();
    let run = command.find_subcommand("run").unwrap();
    let settings = run.get_arguments().chain(command.get_arguments()).filter_map(|argument| {
        let (flag, variable) = (argument.get_long()?, argument.get_env()?.to_str()?);
        let help = argument.get_help()?.to_string();
        let (help, said) = match help.split_once(" [default: ") {
            Some((before, rest)) => (before.to_owned(), rest.trim_end_matches("].").trim_end_matches(']').to_owned()),
            None => (help.trim_end_matches('.').to_owned(), String::new()),
        };
        let default = argument.get_default_values().first().and_then(|value| value.to_str()).map_or(said, code);
        Some(vec![code(format_args!("--{flag}")), code(variable), default, help])
    });
    let settings: Vec<Vec<String>> = settings.collect();
    generated(page, "RunSettings", &["flag", "variable", "by default", "meaning"], &settings);
}

#[test]
fn the_page_of_metrics_lists_each_as_it_is_served() {
    let mut metrics = Metrics::default();
    metrics.tell_lead("task-pipelines", Leadership::sole());
    // What was never counted is not served.
    metrics.reconciles.allow(1);
    metrics.reconciles.count_retry();
    metrics.reconciles.wait().begin().end(Ended::Error);
    metrics.aws.count(Operation::GetRole, Duration::ZERO, &Ok(()));
    metrics.api_server.count(&Method::GET, None);
    metrics.count_drift(&Drift { id: Id::new(Kind::Queue, "a"), differences: Vec::new() });
    let text = metrics.text();
    let metrics = all_between(&text, "# HELP ", ".\n").into_iter().map(|line| {
        let (name, help) = line.split_once(' ').unwrap();
        let kind = between(&text, &format!("# TYPE {name} "), "\n");
        let total = if kind == "counter" { "_total" } else { "" };
        vec![code(format_args!("{name}{total}")), kind.to_owned(), help.to_owned()]
    });
    generated("docs/metrics.md", "Metrics", &["metric", "kind", "meaning"], &metrics.collect::<Vec<_>>());
}
