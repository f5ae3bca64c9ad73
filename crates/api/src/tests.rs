//! What the API server's rules refuse, and what the CRD looks like.

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::{
    CustomResourceColumnDefinition, JSONSchemaProps, JSONSchemaPropsOrArray,
};
use kube::core::cel::validate_cel_schema;
use serde_json::{Value, json};

use super::{ScheduledTaskPipelineSpec, crd, crd_yaml};

/// A spec of the smallest pipeline, with these fields in place of its own.
fn spec(yaml: &str) -> Value {
    let mut spec = json!({ "schedule": "@daily", "tasks": [{ "name": "a", "message": {} }] });
    let fields: Value = serde_saphyr::from_str(yaml).unwrap_or_else(|error| panic!("{yaml}: {error}"));
    let (Value::Object(spec_fields), Value::Object(fields)) = (&mut spec, fields) else { panic!("{yaml}: no mapping") };
    spec_fields.extend(fields);
    spec
}

/// The spec as the API server would fill it in.
fn defaulted(yaml: &str) -> Value {
    let spec: ScheduledTaskPipelineSpec =
        serde_json::from_value(spec(yaml)).unwrap_or_else(|error| panic!("{yaml}: {error}"));
    json!(spec)
}

fn broken_rules(spec: &Value, before: Option<&Value>) -> Vec<String> {
    let broken = validate_cel_schema::<ScheduledTaskPipelineSpec>(spec, before).err();
    broken.into_iter().flatten().map(|error| format!("{}: {}", error.field_path, error.message)).collect()
}

#[test]
fn rules_refuse_what_cannot_work() {
    let chat = "webhookUrl: {secretKeyRef: {name: chat, key: slack}}";
    let team = format!("channels: [{{name: team, slack: {{{chat}}}}}]");
    let both = format!("channels: [{{name: team, slack: {{{chat}}}, discord: {{{chat}}}}}]");
    let notify = "tasks: [{name: a, message: {}, notify: [ops]}]";
    let (task, channel) = (
        "a task has exactly one of message, http, function and functionArn",
        "a channel has exactly one of slack, discord, telegram, teams and webhook",
    );
    for (yaml, expected) in [
        ("tasks: []".to_owned(), ".tasks: at least one task is needed, unless sender.code makes the messages".to_owned()),
        ("tasks: [{name: a}]".to_owned(), format!("tasks[0]: {task}")),
        ("tasks: [{name: a, message: {}, http: {url: 'https://example.com'}}]".to_owned(), format!("tasks[0]: {task}")),
        (notify.to_owned(), ".tasks: each name in notify must be the name of one of channels".to_owned()),
        (
            format!("{{{notify}, {team}}}"),
            ".tasks: each name in notify must be the name of one of channels".to_owned(),
        ),
        (
            "tasks: [{name: a, function: f}]".to_owned(),
            ".tasks: function must be the name of one of functions".to_owned(),
        ),
        ("channels: [{name: team}]".to_owned(), format!("channels[0]: {channel}")),
        (both, format!("channels[0]: {channel}")),
        (
            "channels: [{name: hook, webhook: {}}]".to_owned(),
            "channels[0].webhook: a webhook has exactly one of url and urlFrom".to_owned(),
        ),
        (
            "tasks: [{name: a, http: {url: 'https://example.com', headers: [{name: X}]}}]".to_owned(),
            "tasks[0].http.headers[0]: a header has exactly one of value and secretKeyRef".to_owned(),
        ),
        (
            "tasks: [{name: a, http: {url: example.com}}]".to_owned(),
            "tasks[0].http.url: write an absolute URL, like https://example.com/health".to_owned(),
        ),
        (
            "channels: [{name: hook, webhook: {url: 'https:///path'}}]".to_owned(),
            "channels[0].webhook.url: write an absolute URL, like https://example.com/health".to_owned(),
        ),
        (
            "tasks: [{name: a, http: {url: 'https://example.com', expectStatus: [200, 2xx, ok]}}]".to_owned(),
            "tasks[0].http.expectStatus[2]: write a status code from 100 to 599, or a class from 1xx to 5xx".to_owned(),
        ),
        (
            format!("{{runner: {{code: {{inline: x}}}}, {team}}}"),
            ".runner: runner.code excludes channels, and notify and template of tasks: your own runner decides what to post"
                .to_owned(),
        ),
        (
            "{concurrencyPolicy: Queue, runner: {batchSize: 2}}".to_owned(),
            ".runner: runner.batchSize must be 1 with concurrencyPolicy Queue".to_owned(),
        ),
        (
            "{startTime: 2030-01-02T00:00:00Z, endTime: 2030-01-01T00:00:00Z}".to_owned(),
            ".endTime: endTime must be after startTime".to_owned(),
        ),
        (
            "tags: {'aws:x': a}".to_owned(),
            "tags: tag keys have at most 128 characters and begin neither with aws: nor with taskpipelines.dev/".to_owned(),
        ),
        (
            "layers: [{name: l}]".to_owned(),
            "layers[0]: a layer has exactly one of python, configMapRef and s3".to_owned(),
        ),
    ] {
        assert_eq!(broken_rules(&defaulted(&yaml), None), [expected], "{yaml}");
    }
}

#[test]
fn rules_let_pass_what_can_work() {
    for yaml in [
        "{}",
        "{tasks: [], sender: {code: {inline: x}}}",
        "{runner: {code: {inline: x}}, channels: []}",
        "{startTime: 2030-01-01T00:00:00Z}",
        "{tasks: [{name: a, function: f}], functions: [{name: f, code: {inline: x}}]}",
    ] {
        assert_eq!(broken_rules(&defaulted(yaml), None), [""; 0], "{yaml}");
    }
}

#[test]
fn a_message_with_fields_is_refused_not_pruned() {
    let with_text = spec("{concurrencyPolicy: Allow, tasks: [{name: a, message: {text: hello}}]}");
    let expected = "message has no fields: write `message: {}`, and the text into the task's template";
    assert_eq!(broken_rules(&with_text, None), [format!("tasks[0].message: {expected}")]);
}

#[test]
fn the_kind_of_queue_is_for_ever() {
    let (before, after) = (defaulted("{}"), defaulted("concurrencyPolicy: Queue"));
    let expected = "concurrencyPolicy cannot be changed: delete the pipeline and create it again";
    assert_eq!(broken_rules(&after, Some(&before)), [format!(".concurrencyPolicy: {expected}")]);
    assert_eq!(broken_rules(&before, Some(&before)), [""; 0]);
}

#[test]
fn the_columns_are_those_of_the_api() {
    let columns = crd().spec.versions.remove(0).additional_printer_columns.unwrap();
    let (wide, usual): (Vec<_>, Vec<_>) = columns.into_iter().partition(|column| column.priority == Some(1));
    let names = |columns: Vec<_>| -> Vec<String> {
        columns.into_iter().map(|column: CustomResourceColumnDefinition| column.name.to_uppercase()).collect()
    };
    assert_eq!(
        names(usual),
        ["SCHEDULE", "TIMEZONE", "SUSPEND", "READY", "REASON", "LAST RUN", "RESULT", "NEXT", "DLQ", "AGE"]
    );
    assert_eq!(names(wide), ["VISIBLE", "IN FLIGHT", "REGION", "ACCOUNT"]);
}

#[test]
fn every_field_is_described() {
    let version = crd().spec.versions.remove(0);
    let schema = version.schema.and_then(|schema| schema.open_api_v3_schema).unwrap();
    let mut missing = Vec::new();
    let properties = schema.properties.unwrap();
    for (name, field) in &properties {
        find_undescribed(name, field, &mut missing);
    }
    assert_eq!(missing, [""; 0]);
}

fn find_undescribed(path: &str, schema: &JSONSchemaProps, missing: &mut Vec<String>) {
    if schema.description.as_ref().is_none_or(String::is_empty) {
        missing.push(path.to_owned());
    }
    let item = match &schema.items {
        Some(JSONSchemaPropsOrArray::Schema(item)) => Some(item),
        Some(JSONSchemaPropsOrArray::Schemas(_)) | None => None,
    };
    let fields =
        schema.properties.iter().flatten().chain(item.iter().filter_map(|item| item.properties.as_ref()).flatten());
    for (name, field) in fields {
        find_undescribed(&format!("{path}.{name}"), field, missing);
    }
}

#[test]
fn the_file_is_what_the_types_say() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../crds/taskpipelines.dev_scheduledtaskpipelines.yaml");
    let file = std::fs::read_to_string(path).unwrap();
    assert!(file == crd_yaml().unwrap(), "{path} is stale: write it with `task-pipelines crd`");
}
