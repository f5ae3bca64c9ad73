//! The page of the configuration: every field of the file, and every setting of `task-pipelines run`.

use std::collections::BTreeSet;
use std::error::Error;

use clap::CommandFactory as _;
use pipeline_core::configuration::file::File;
use serde_json::Value;
use task_pipelines::cli::arguments::Arguments;

use crate::page::{Page, Table, code};

pub fn page() -> Result<Page, Box<dyn Error>> {
    let schema = serde_json::to_value(schemars::schema_for!(File))?;
    let mut fields = Vec::new();
    add_fields(&mut fields, &schema, &schema, "")?;
    Ok(Page {
        path: "docs/configuration.md",
        tables: vec![
            Table { mark: "File", heads: &["field", "type", "meaning"], rows: fields },
            Table { mark: "RunSettings", heads: &["flag", "variable", "by default", "meaning"], rows: settings()? },
        ],
    })
}

/// Adds a row for each field below a schema, and for those below them.
fn add_fields(rows: &mut Vec<Vec<String>>, root: &Value, schema: &Value, path: &str) -> Result<(), String> {
    let schema = resolved(root, schema);
    let required: BTreeSet<&str> =
        schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    for (name, field) in schema["properties"].as_object().into_iter().flatten() {
        let list = if field["type"] == "array" { "[]" } else { "" };
        let path = format!("{path}{name}");
        let text =
            field["description"].as_str().ok_or_else(|| format!("{path} has no description"))?.replace('\n', " ");
        let must = if required.contains(name.as_str()) { "; required" } else { "" };
        let kind = type_name(root, field).ok_or_else(|| format!("{path} has a type that the page has no word for"))?;
        rows.push(vec![code(&path), format!("{kind}{must}"), text]);
        let below = if list.is_empty() { field } else { &field["items"] };
        add_fields(rows, root, below, &format!("{path}{list}."))?;
    }
    Ok(())
}

fn resolved<'root>(root: &'root Value, schema: &'root Value) -> &'root Value {
    let name = schema["$ref"].as_str().and_then(|reference| reference.strip_prefix("#/$defs/"));
    name.map_or(schema, |name| &root["$defs"][name])
}

fn type_name(root: &Value, field: &Value) -> Option<&'static str> {
    let is = |type_: &str| field["type"] == type_ || field["type"][0] == type_;
    match &field["items"] {
        items if resolved(root, items)["type"] == "object" => Some("list of objects"),
        Value::Object(_) => Some("list of texts"),
        _ if resolved(root, field)["properties"].is_object() => Some("object"),
        _ if is("object") => Some("map"),
        _ if is("string") => Some("text"),
        _ => None,
    }
}

fn settings() -> Result<Vec<Vec<String>>, &'static str> {
    let command = Arguments::command();
    let run = command.find_subcommand("run").ok_or("task-pipelines has no command `run`")?;
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
    Ok(settings.collect())
}
