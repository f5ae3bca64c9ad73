//! Layers: versions as Lambda numbers and lists them.

use std::path::Path;
use std::sync::Arc;

use data_encoding::BASE64;
use pipeline_core::code::Artifact;
use pipeline_core::resource::{Difference, FieldName, Kind, LayerVersion, LayerZip, Observed, Resource};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use super::desired::{differences, differing, one, seen};
use super::wire::{Answer, Replay};
use crate::resource::{self, Progress};

pub(super) const REPLAYED: &[u8] = &[77, 78, 79, 80, 82, 83, 84, 86, 93];

const YAML: &str = "
functions: [{name: report, runtime: python3.12, handler: index.handler, code: {inline: x}, layers: [deps]}]
layers: [{name: deps, python: {version: '3.12', requirements: ['humanize==4.13.0']}}]
";

/// A version of packages, with a zip.
fn version() -> Resource {
    let Resource::LayerVersion(version) = one(YAML, Kind::LayerVersion, "") else { panic!("it is not a layer") };
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("Cargo.toml");
    let bytes = std::fs::read(&path).unwrap();
    let (size, sha256) = (bytes.len() as u64, BASE64.encode(&Sha256::digest(bytes)));
    let zip = Some(LayerZip::InCall(Arc::new(Artifact { path, size, sha256 })));
    Resource::LayerVersion(LayerVersion { zip, ..version })
}

fn arn(number: u8) -> String {
    format!("arn:aws:lambda:eu-west-1:111122223333:layer:a-layer-deps:{number}")
}

/// What Lambda shows of a version.
fn shown(number: u8, description: &Value) -> Value {
    json!({
        "LayerVersionArn": arn(number), "Version": number, "Description": description, "LicenseInfo": "MIT",
        "CreatedDate": "2025-11-25T12:00:00.000+0000", "CompatibleRuntimes": ["python3.12"],
        "CompatibleArchitectures": ["x86_64"],
    })
}

/// A version as it was published under this number, and its description.
async fn published(number: u8, echoed: Value) -> (Observed, Value) {
    let content = json!({"Location": "https://example.com/layer", "CodeSha256": "hash", "CodeSize": 276});
    let mut answer = shown(number, &json!(""));
    answer["LayerArn"] = json!("arn:aws:lambda:eu-west-1:111122223333:layer:a-layer-deps");
    answer["Content"] = content;
    answer["CompatibleRuntimes"] = echoed;
    let replay = Replay::of([Answer::json(answer)]);
    let progress = resource::create(&replay.aws(), &version()).await.unwrap();
    let Progress::Made(made) = progress else { panic!("{progress:?}") };
    let asked = replay.asked();
    let sent = asked[0].split_once("  ").and_then(|(_, body)| serde_json::from_str::<Value>(body).ok());
    (*made, sent.expect("JSON is sent")["Description"].clone())
}

#[tokio::test]
async fn a_version_has_the_number_that_lambda_gives_it() {
    // Numbers go on where all versions before were deleted.
    for (number, echoed) in
        [(1, json!(["python3.12"])), (2, json!(["python3.12"])), (3, json!(["nodejs24.x", "python3.12"]))]
    {
        let (made, _) = published(number, echoed).await;
        assert_eq!((made.arn, made.revision), (arn(number), Some(number.to_string())));
        assert_eq!(made.fields, version().fields());
    }
}

#[tokio::test]
async fn versions_are_told_apart_by_their_descriptions() {
    let version = version();
    let (_, description) = published(1, json!(["python3.12"])).await;
    let list = |versions: [(u8, &Value); 2]| {
        let versions = versions.map(|(number, description)| shown(number, description));
        [Answer::json(json!({"LayerVersions": versions}))]
    };
    let other = json!("Task Pipelines: lab/team-a/hello, uid uid-1, content other");
    let found = seen(&version, list([(2, &other), (1, &description)])).await.expect("it is there");
    assert_eq!((differing(&version, &found), found.arn), (Vec::new(), arn(1)));
    let found = seen(&version, list([(2, &description), (1, &description)])).await.expect("it is there");
    let copies = differences(&version, &found);
    assert_eq!(copies.iter().filter_map(Difference::field).collect::<Vec<_>>(), [FieldName::Copies]);
    let of_others = json!("numpy");
    let found = seen(&version, list([(2, &other), (1, &of_others)])).await.expect("it is there");
    assert!(found.tags.is_empty(), "{found:?}");
}

#[tokio::test]
async fn a_layer_without_versions_is_not_there() {
    assert_eq!(seen(&version(), [Answer::json(json!({"LayerVersions": []}))]).await, None);
}

#[tokio::test]
async fn a_version_that_is_gone_is_deleted_all_the_same() {
    let observed = Observed { arn: arn(1), ..Observed::default() };
    let replay = Replay::of([Answer::empty(204)]);
    let progress = resource::delete(&replay.aws(), &version().id(), &observed).await.unwrap();
    assert!(matches!(progress, Progress::Waiting(_)), "{progress:?}");
}
