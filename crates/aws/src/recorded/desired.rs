//! What pipelines want on AWS, held against what AWS is seen to have.

use pipeline_core::code::Artifacts;
use pipeline_core::desired::{Installation, desired};
use pipeline_core::location::Location;
use pipeline_core::names::{TagKeys, Tags};
use pipeline_core::partition::Partition;
use pipeline_core::resource::{Difference, Kind, Observed, Resource, diff};
use pipeline_core::test_support::resolved;
use serde_json::{Map, Value, json};

use super::wire::{Answer, Replay};
use crate::resource;

pub(super) const BOUNDARY: &str = "arn:aws:iam::111122223333:policy/boundary";

/// Where the resources are, as the clients of these tests have it.
pub(super) fn location() -> Location {
    let [account, region] = ["111122223333", "eu-west-1"].map(str::to_owned);
    Location { partition: Partition::Aws, account, region, endpoint: None }
}

/// All that a pipeline with these fields wants.
pub(super) fn all(yaml: &str) -> Vec<Resource> {
    let permissions_boundary = Some(BOUNDARY.to_owned());
    let installation = Installation { artifacts: Artifacts::new(), permissions_boundary, layer_bucket: None };
    desired(&resolved(yaml), &installation, &location())
}

/// The one of a kind whose name ends so.
#[track_caller]
pub(super) fn one(yaml: &str, kind: Kind, ending: &str) -> Resource {
    let found = all(yaml).into_iter().find(|it| it.id().kind == kind && it.id().name.ends_with(ending));
    found.unwrap_or_else(|| panic!("no {kind} …{ending}"))
}

/// What is seen of a resource when AWS answers so.
pub(super) async fn seen(resource: &Resource, answers: impl IntoIterator<Item = Answer>) -> Option<Observed> {
    let replay = Replay::of(answers);
    let seen = resource::observe(&replay.aws(), &resource.id(), None).await;
    replay.asked();
    seen.unwrap_or_else(|error| panic!("{}: {error}", resource.id()))
}

/// What differs, by place.
pub(super) fn differing(resource: &Resource, seen: &Observed) -> Vec<String> {
    differences(resource, seen).iter().map(|it| it.place.to_string()).collect()
}

pub(super) fn differences(resource: &Resource, seen: &Observed) -> Vec<Difference> {
    diff(resource, seen, &TagKeys::default())
}

/// The same object with other values for some of its keys; null takes one out.
pub(super) fn with(object: &Value, changes: Value) -> Value {
    let (Value::Object(mut members), Value::Object(changes)) = (object.clone(), changes) else {
        panic!("{object} is not an object")
    };
    members.extend(changes);
    Value::Object(members.into_iter().filter(|(_, value)| !value.is_null()).collect())
}

/// Tags as an object, and one that others put.
pub(super) fn tag_map(tags: &Tags) -> Value {
    let theirs = ("key_a".to_owned(), json!("value_a"));
    Value::Object(tags.iter().map(|(key, value)| (key.clone(), json!(value))).chain([theirs]).collect::<Map<_, _>>())
}

/// The same as a list of keys and values.
pub(super) fn tag_list(tags: &Tags) -> Value {
    let theirs = json!({"Key": "key_a", "Value": "value_a"});
    tags.iter().map(|(key, value)| json!({"Key": key, "Value": value})).chain([theirs]).collect()
}
