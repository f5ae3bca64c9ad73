//! Limits that stand in the schema, where attributes take no constants, and in the checks: they are the same.

use serde_json::{Value, json};

use super::super::{code, function, hop, layer, name, tags, task};

#[test]
fn the_checks_have_the_limits_of_the_schema() {
    let schema = json!(api::crd())["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["spec"].clone();
    // `[]` stands for the items of a list.
    let limit = |path: &str, keyword: &str| -> Value {
        let field = path.split('.').fold(schema.clone(), |field, part| match part {
            "[]" => field["items"].clone(),
            part => field["properties"][part].clone(),
        });
        field[keyword].clone()
    };
    for (path, keyword, expected) in [
        ("tasks", "maxItems", json!(task::MAX_TASKS)),
        ("tasks.[].name", "maxLength", json!(name::MAX)),
        ("tasks.[].timeoutSeconds", "maximum", json!(task::MAX_TIMEOUT_SECONDS)),
        ("tasks.[].retry.attempts", "maximum", json!(task::MAX_ATTEMPTS)),
        ("channels.[].name", "maxLength", json!(name::MAX)),
        ("functions", "maxItems", json!(function::MAX_FUNCTIONS)),
        ("functions.[].name", "maxLength", json!(name::MAX_FUNCTION)),
        ("functions.[].timeoutSeconds", "maximum", json!(hop::MAX_TIMEOUT_SECONDS)),
        ("functions.[].code.inline", "maxLength", json!(code::MAX_INLINE)),
        ("functions.[].layers", "maxItems", json!(layer::MAX_LAYERS)),
        ("sender.layers", "maxItems", json!(layer::MAX_LAYERS)),
        ("sender.timeoutSeconds", "maximum", json!(hop::MAX_TIMEOUT_SECONDS)),
        ("runner.timeoutSeconds", "maximum", json!(hop::MAX_TIMEOUT_SECONDS)),
        ("runner.batchSize", "maximum", json!(hop::MAX_BATCH_SIZE)),
        ("tags", "maxProperties", json!(tags::MAX_TAGS)),
    ] {
        // The schema has whole numbers as floating point where Kubernetes has them so.
        assert_eq!(limit(path, keyword).as_f64(), expected.as_f64(), "{keyword} of spec.{path}");
    }
}
