//! 9: after each edit of each field, one pass of writes, and then nothing: what was applied reads back as wanted.

use std::collections::{BTreeMap, BTreeSet};

use api::ScheduledTaskPipeline;
use kube::CustomResourceExt as _;
use serde_json::{Value, json};

use super::lifecycle::NAME;
use super::trials;
use crate::harness::gate::Write;
use crate::harness::{Lab, Settings, specs};

/// Fields that are set, changed and unset below: their path in the spec, a value, and another.
fn edits() -> Vec<(&'static str, Value, Value)> {
    let task = |name: &str| json!({"name": name, "message": {}});
    let function = |name: &str, source: &str| json!({"name": name, "runtime": "python3.13", "handler": "index.handler", "code": {"inline": source}});
    vec![
        ("schedule", json!("15 6 29 2 *"), json!("cron(0 11 29 2 ? *)")),
        ("timeZone", json!("Asia/Tokyo"), json!("America/New_York")),
        ("suspend", json!(true), json!(false)),
        ("startTime", json!("2097-01-01T00:00:00Z"), json!("2020-01-01T00:00:00Z")),
        ("endTime", json!("2099-01-01T00:00:00Z"), json!("2099-06-01T00:00:00Z")),
        ("flexibleWindowMinutes", json!(30), json!(1)),
        ("tasks", json!([task("hello"), task("more")]), json!([task("other")])),
        ("functions", json!([function("a", "1"), function("b", "1")]), json!([function("a", "2")])),
        ("channels", json!([specs::slack(), specs::discord()]), json!([specs::discord()])),
        ("invocation.maxAttempts", json!(0), json!(185)),
        ("invocation.maxAgeSeconds", json!(60), json!(86400)),
        ("queue.retentionSeconds", json!(3600), json!(1_209_600)),
        ("queue.visibilityTimeoutSeconds", json!(400), json!(43200)),
        ("queue.maxReceiveCount", json!(1), json!(900)),
        ("queue.deadLetterRetentionSeconds", json!(60), json!(86400)),
        ("queue.deleteWithMessages", json!(true), json!(false)),
        ("sender.memoryMiB", json!(512), json!(1024)),
        ("sender.timeoutSeconds", json!(60), json!(10)),
        ("sender.logRetentionDays", json!(7), json!(1)),
        ("sender.environment", json!({"AA": "1", "BB": "ü \"quoted\" <b>"}), json!({"AA": "2"})),
        ("runner.memoryMiB", json!(1024), json!(512)),
        ("runner.timeoutSeconds", json!(90), json!(120)),
        ("runner.logRetentionDays", json!(7), json!(1)),
        ("runner.environment", json!({"AA": "1", "BB": "2"}), json!({"BB": "3"})),
        ("runner.batchSize", json!(3), json!(10)),
        ("runner.maxConcurrency", json!(5), json!(2)),
        ("tags", json!({"team": "data", "cost:centre": "4 2/+=@"}), json!({"team": "ops"})),
        ("deletionPolicy", json!("Retain"), json!("Delete")),
    ]
}

/// Fields without an edit here, and why.
fn elsewhere() -> BTreeMap<&'static str, &'static str> {
    let configured = "works within the operator's configuration, and is tested with it";
    let layers =
        "is nothing without the other: `a_layer_is_published_once_per_content_and_goes_with_its_last_function`";
    let together = "set together: `senders_and_runners_may_be_the_users_own`";
    let architecture = "the other architecture's functions need not be built on the machine that tests";
    BTreeMap::from([
        ("concurrencyPolicy", "cannot be changed"),
        ("missedAfterSeconds", "says when a firing counts as missed, and is nothing on AWS"),
        ("layers", layers),
        ("mode", "Observe writes nothing, whatever else changes"),
        ("aws", configured),
        ("queue.kmsKeyId", configured),
        ("sender.policyStatements", configured),
        ("runner.policyStatements", configured),
        ("sender.architecture", architecture),
        ("runner.architecture", architecture),
        ("sender.layers", layers),
        ("runner.layers", layers),
        ("sender.code", together),
        ("runner.code", together),
        ("sender.runtime", together),
        ("runner.runtime", together),
        ("sender.handler", together),
        ("runner.handler", together),
    ])
}

/// A merge patch that sets the field at a path.
fn at(path: &str, value: Value) -> Value {
    path.rsplit('.').fold(value, |value, key| json!({key: value}))
}

#[test]
fn n09_every_field_of_the_spec_is_edited_or_accounted_for() {
    let definition = serde_json::to_value(ScheduledTaskPipeline::crd()).unwrap();
    let spec = &definition["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["spec"]["properties"];
    let mut fields = BTreeSet::new();
    for (name, field) in spec.as_object().unwrap() {
        match (name.as_str(), field["properties"].as_object()) {
            ("invocation" | "queue" | "sender" | "runner", Some(inner)) => {
                fields.extend(inner.keys().map(|key| format!("{name}.{key}")));
            }
            _ => drop(fields.insert(name.clone())),
        }
    }
    let edited = edits().into_iter().map(|(path, ..)| path);
    let known: BTreeSet<String> = edited.chain(elsewhere().into_keys()).map(str::to_owned).collect();
    assert_eq!(fields, known);
}

#[tokio::test]
async fn n09_each_field_set_changed_and_unset_is_one_pass_of_writes_and_then_none() {
    let edits = edits();
    let chosen: Vec<_> = trials::share(edits.len(), 1, 3).into_iter().map(|number| edits[number - 1].clone()).collect();
    let worlds = chosen.chunks(chosen.len().div_ceil(WORLDS)).map(|edits| {
        let paths: Vec<&str> = edits.iter().map(|(path, ..)| *path).collect();
        (paths.join(", "), set_change_and_unset(edits))
    });
    trials::all(worlds).await;
}

/// Worlds that share the fields.
const WORLDS: usize = 4;

async fn set_change_and_unset(edits: &[(&str, Value, Value)]) {
    let mut lab = Lab::gated().await;
    lab.start(&Settings::default());
    let plain = specs::merged(specs::message(specs::YEARLY), json!({"tasks": [{"name": "hello", "message": {}}]}));
    lab.apply(NAME, plain.clone()).await;
    lab.ready(NAME).await;
    for (path, set, changed) in edits {
        for (what, value) in [("set", Some(set)), ("changed", Some(changed)), ("unset", None)] {
            lab.strict.forget_calls().await;
            let edit = value.map_or_else(|| json!({}), |value| at(path, value.clone()));
            lab.apply(NAME, specs::merged(plain.clone(), edit)).await;
            lab.ready(NAME).await;
            let calls = lab.strict.calls().await;
            let mut written = BTreeSet::new();
            let twice = calls.iter().filter(|call| call.write && call.status < 300);
            let twice: Vec<_> = twice.filter(|call| !written.insert((&call.operation, &call.resource))).collect();
            assert!(twice.is_empty(), "{path} {what}: written more than once: {twice:?}");
            let before = lab.gate().writes();
            lab.resync(NAME).await;
            let after = lab.gate().journal().split_off(before);
            let after: Vec<_> = after.iter().filter(|write| matches!(write, Write::Aws(_))).collect();
            assert!(after.is_empty(), "{path} {what}: the second plan is not empty: {after:?}");
        }
    }
    lab.finish().await;
}
