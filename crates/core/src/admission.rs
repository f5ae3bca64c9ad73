//! Validates a spec offline as the API server would: types and bounds of the schema, and CEL rules.
//!
//! A validator of JSON Schema is not enough. Tried with `jsonschema` 0.61 without its default features: 22 more crates, 25 s
//! of a processor to build; of a CRD's schema it takes unknown fields, two tasks of one name
//! (`x-kubernetes-list-map-keys`) and anything where `x-kubernetes-int-or-string` stands, and refuses the `null` that
//! `nullable` allows. Its words are for programs: "/sender/logRetentionDays: 2 is not one of 1, 3 or 20 other candidates",
//! "/tasks/0: "name" is a required property". So the schema and the messages would both have to be translated, and
//! rules in CEL are beyond it.

use std::collections::BTreeSet;
use std::fmt;

use api::{ScheduledTaskPipelineSpec, crd};
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::{
    JSONSchemaProps, JSONSchemaPropsOrArray, JSONSchemaPropsOrBool,
};
use kube::core::cel::validate_cel_schema;
use regex::Regex;
use serde_json::{Map, Value, json};

use crate::text::{printable, truncate};

/// A rule that a spec breaks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Broken {
    /// Path of the field, with the names of list items in place of their numbers: `spec.tasks[site].http.url`.
    pub field: String,
    /// What is wrong with it.
    pub message: String,
}

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.field, self.message)
    }
}

/// What the API server would do with a spec.
#[derive(Clone, Debug)]
pub struct Admission {
    /// The spec with its defaults; `None` if its types cannot be read.
    pub spec: Option<ScheduledTaskPipelineSpec>,
    /// Every rule that the spec breaks. The API server accepts it only if there is none.
    pub broken: Vec<Broken>,
}

/// Checks a spec as the API server would.
pub fn admit(spec: &Value) -> Admission {
    let mut broken = Vec::new();
    for version in crd().spec.versions {
        let schema = version.schema.and_then(|schema| schema.open_api_v3_schema);
        let spec_schema = schema.and_then(|schema| schema.properties?.remove("spec"));
        check("spec", &spec_schema.unwrap_or_default(), spec, &mut broken);
    }
    let read = match serde_json::from_value::<ScheduledTaskPipelineSpec>(spec.clone()) {
        Ok(read) => read,
        Err(error) => {
            if broken.is_empty() {
                broken.push(Broken { field: "spec".to_owned(), message: error.to_string() });
            }
            return Admission { spec: None, broken };
        }
    };
    // CEL rules see the spec with its defaults. A rule may also be about a value that the Rust types cannot hold.
    let mut defaulted = json!(read);
    merge(&mut defaulted, spec);
    let rules = validate_cel_schema::<ScheduledTaskPipelineSpec>(&defaulted, None).err();
    broken.extend(
        rules
            .into_iter()
            .flatten()
            .map(|error| Broken { field: named(&defaulted, &error.field_path), message: error.message.clone() }),
    );
    Admission { spec: Some(read), broken }
}

/// Adds the parts of the spec that the Rust types do not have.
fn merge(defaulted: &mut Value, spec: &Value) {
    match (defaulted, spec) {
        (Value::Object(defaulted), Value::Object(spec)) => {
            for (key, value) in spec {
                merge(defaulted.entry(key).or_insert_with(|| value.clone()), value);
            }
        }
        (Value::Array(defaulted), Value::Array(spec)) => {
            for (defaulted, spec) in defaulted.iter_mut().zip(spec) {
                merge(defaulted, spec);
            }
        }
        _ => {}
    }
}

/// Translates a path of the CEL engine (`.tasks` or `tasks[0].http`) into ours.
fn named(spec: &Value, path: &str) -> String {
    let mut value = Some(spec);
    let mut named = "spec".to_owned();
    for part in path.split('.').filter(|part| !part.is_empty()) {
        let (field, index) = part.split_once('[').unwrap_or((part, ""));
        value = value.and_then(|value| value.get(field));
        named = format!("{named}.{field}");
        if let Ok(index) = index.trim_end_matches(']').parse::<usize>() {
            value = value.and_then(|value| value.get(index));
            named = format!("{named}[{}]", item_name(value, index));
        }
    }
    named
}

fn item_name(item: Option<&Value>, index: usize) -> String {
    let name = item.and_then(|item| item.get("name")?.as_str());
    name.map_or_else(|| index.to_string(), str::to_owned)
}

fn check(path: &str, schema: &JSONSchemaProps, value: &Value, broken: &mut Vec<Broken>) {
    let mut refuse = |message: String| broken.push(Broken { field: path.to_owned(), message });
    if value.is_null() && schema.nullable == Some(true) {
        return;
    }
    if let Some(wanted) = wrong_type(schema, value) {
        refuse(format!("{} is not of type {wanted}", brief(value)));
        return;
    }
    if schema.enum_.as_ref().is_some_and(|choices| !choices.iter().any(|choice| choice.0 == *value)) {
        let choices: Vec<String> = schema.enum_.iter().flatten().map(|choice| choice.0.to_string()).collect();
        refuse(format!("{} is not one of {}", brief(value), choices.join(", ")));
        return;
    }
    match value {
        Value::String(text) => check_text(schema, text).into_iter().for_each(refuse),
        Value::Number(number) => {
            let number = number.as_f64().unwrap_or_default();
            if schema.minimum.is_some_and(|least| number < least) || schema.maximum.is_some_and(|most| number > most) {
                refuse(format!("{number} is not {}", bounds(schema.minimum, schema.maximum)));
            }
        }
        Value::Array(items) => {
            if !within(items.len(), schema.min_items, schema.max_items) {
                refuse(format!("it has {} items; use {}", items.len(), bounds(schema.min_items, schema.max_items)));
            }
            check_items(path, schema, items, broken);
        }
        Value::Object(fields) => {
            if !within(fields.len(), schema.min_properties, schema.max_properties) {
                let wanted = bounds(schema.min_properties, schema.max_properties);
                refuse(format!("it has {} entries; use {wanted}", fields.len()));
            }
            check_fields(path, schema, fields, broken);
        }
        Value::Null | Value::Bool(_) => {}
    }
}

/// The type that the schema asks for, if the value has another.
fn wrong_type<'schema>(schema: &'schema JSONSchemaProps, value: &Value) -> Option<&'schema str> {
    if schema.x_kubernetes_int_or_string == Some(true) {
        return (!value.is_i64() && !value.is_string()).then_some("integer or string");
    }
    let wanted = schema.type_.as_deref()?;
    let fits = match wanted {
        "object" => value.is_object(),
        "array" => value.is_array(),
        "string" => value.is_string(),
        "integer" => value.is_i64() || value.is_u64(),
        "number" => value.is_number(),
        "boolean" => value.is_boolean(),
        _ => true,
    };
    (!fits).then_some(wanted)
}

fn check_text(schema: &JSONSchemaProps, text: &str) -> Vec<String> {
    let mut wrong = Vec::new();
    let length = text.chars().count();
    if !within(length, schema.min_length, schema.max_length) {
        wrong.push(format!("it has {length} characters; use {}", bounds(schema.min_length, schema.max_length)));
    }
    if let Some(pattern) = &schema.pattern
        && Regex::new(pattern).is_ok_and(|regex| !regex.is_match(text))
    {
        wrong.push(format!("{} does not match {pattern}", brief(&text.into())));
    }
    if schema.format.as_deref() == Some("date-time") && text.parse::<jiff::Timestamp>().is_err() {
        wrong.push(format!("{} is not a valid time; write one like `2030-01-31T09:00:00Z`", brief(&text.into())));
    }
    wrong
}

fn check_items(path: &str, schema: &JSONSchemaProps, items: &[Value], broken: &mut Vec<Broken>) {
    let keys = schema.x_kubernetes_list_map_keys.as_deref().unwrap_or_default();
    let mut seen = BTreeSet::new();
    for (index, item) in items.iter().enumerate() {
        let field = format!("{path}[{}]", item_name(Some(item), index));
        let key: Vec<String> = keys.iter().filter_map(|key| Some(item.get(key)?.to_string())).collect();
        if !key.is_empty() && !seen.insert(key.clone()) {
            broken.push(Broken { field: field.clone(), message: format!("{} occurs twice", key.join(", ")) });
        }
        if let Some(JSONSchemaPropsOrArray::Schema(schema)) = &schema.items {
            check(&field, schema, item, broken);
        }
    }
}

fn check_fields(path: &str, schema: &JSONSchemaProps, fields: &Map<String, Value>, broken: &mut Vec<Broken>) {
    for required in schema.required.iter().flatten().filter(|required| !fields.contains_key(*required)) {
        broken.push(Broken { field: format!("{path}.{required}"), message: "it is required".to_owned() });
    }
    let properties = schema.properties.as_ref();
    for (key, value) in fields {
        let field = format!("{path}.{key}");
        if let Some(schema) = properties.and_then(|properties| properties.get(key)) {
            check(&field, schema, value, broken);
        } else if let Some(JSONSchemaPropsOrBool::Schema(schema)) = &schema.additional_properties {
            check(&field, schema, value, broken);
        } else if properties.is_some() && schema.x_kubernetes_preserve_unknown_fields != Some(true) {
            broken.push(Broken { field, message: "unknown field".to_owned() });
        }
    }
}

fn within(count: usize, least: Option<i64>, most: Option<i64>) -> bool {
    let count = i64::try_from(count).unwrap_or(i64::MAX);
    least.is_none_or(|least| count >= least) && most.is_none_or(|most| count <= most)
}

fn bounds<N: std::fmt::Display>(least: Option<N>, most: Option<N>) -> String {
    match (least, most) {
        (Some(least), Some(most)) => format!("from {least} to {most}"),
        (Some(least), None) => format!("at least {least}"),
        (None, Some(most)) => format!("at most {most}"),
        (None, None) => "any number".to_owned(),
    }
}

fn brief(value: &Value) -> String {
    let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    format!("`{}`", truncate(&printable(&text), 80))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn refused(yaml: &str) -> Vec<String> {
        let mut spec = json!({ "schedule": "@daily", "tasks": [{ "name": "a", "message": {} }] });
        let fields: Value = serde_saphyr::from_str(yaml).unwrap_or_else(|error| panic!("{yaml}: {error}"));
        for (key, value) in fields.as_object().unwrap() {
            spec[key] = value.clone();
        }
        admit(&spec).broken.iter().map(Broken::to_string).collect()
    }

    #[test]
    fn what_breaks_the_schema_is_refused_with_its_field() {
        for (yaml, expected) in [
            ("shedule: '@daily'", "spec.shedule: unknown field"),
            ("schedule: 5", "spec.schedule: `5` is not of type string"),
            ("schedule: ''", "spec.schedule: it has 0 characters; use from 1 to 256"),
            ("suspend: 'yes'", "spec.suspend: `yes` is not of type boolean"),
            (
                "startTime: tomorrow",
                "spec.startTime: `tomorrow` is not a valid time; write one like `2030-01-31T09:00:00Z`",
            ),
            ("flexibleWindowMinutes: 0", "spec.flexibleWindowMinutes: 0 is not from 1 to 1440"),
            ("mode: Watch", "spec.mode: `Watch` is not one of \"Manage\", \"Observe\""),
            (
                "sender: {logRetentionDays: 2}",
                "spec.sender.logRetentionDays: `2` is not one of 1, 3, 5, 7, 14, 30, 60, 90, 120",
            ),
            ("tasks: [{name: A_B, message: {}}]", "spec.tasks[A_B].name: `A_B` does not match"),
            ("tasks: [{message: {}}]", "spec.tasks[0].name: it is required"),
            ("tasks: [{name: a, message: {}}, {name: a, message: {}}]", "spec.tasks[a]: \"a\" occurs twice"),
            (
                "tasks: [{name: a, http: {url: 'https://a.b', expectStatus: [[]]}}]",
                "spec.tasks[a].http.expectStatus[0]: `[]` is not of type integer or string",
            ),
        ] {
            let all = refused(yaml);
            assert!(all.iter().any(|line| line.starts_with(expected)), "{yaml}: no {expected:?} in {all:?}");
        }
    }

    #[test]
    fn what_breaks_a_rule_is_refused_beside_what_breaks_the_schema() {
        assert_eq!(
            refused("{timeZone: '', tasks: [{name: site, http: {url: example.com}, notify: [ops]}]}"),
            [
                "spec.timeZone: it has 0 characters; use from 1 to 50",
                "spec.tasks: each name in notify must be the name of one of channels",
                "spec.tasks[site].http.url: write an absolute URL, like https://example.com/health",
            ]
        );
        let with_fields = refused("tasks: [{name: a, message: {text: hello}}]");
        let expected = "spec.tasks[a].message: message has no fields: write `message: {}`";
        assert!(with_fields.iter().any(|line| line.starts_with(expected)), "{with_fields:?}");
    }

    #[test]
    fn what_the_api_server_takes_is_admitted_with_its_defaults() {
        let spec = json!({
            "schedule": "@daily",
            "tasks": [{ "name": "a", "http": { "url": "https://example.com", "expectStatus": [200, "3xx"] }, "input": { "any": [1] } }],
        });
        let Admission { spec, broken } = admit(&spec);
        assert_eq!(broken, []);
        let admitted = spec.unwrap();
        assert_eq!((admitted.time_zone.as_str(), admitted.queue.max_receive_count), ("UTC", 5));
    }
}
