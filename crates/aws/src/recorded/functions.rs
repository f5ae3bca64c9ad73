//! Functions: what Lambda adds by itself, and what it says while it works on one.

use pipeline_core::code::Code;
use pipeline_core::names::{Tags, tag};
use pipeline_core::resource::{Failure, Function, Kind, Observed, Resource};
use serde_json::{Value, json};

use super::desired::{differences, differing, one, seen, tag_map, with};
use super::wire::{Answer, Replay};
use crate::Operation;
use crate::resource::{self, Progress};

pub(super) const REPLAYED: &[u8] =
    &[0, 1, 2, 3, 4, 5, 6, 8, 9, 10, 27, 33, 34, 35, 38, 40, 41, 42, 43, 44, 45, 47, 49, 50, 51, 57, 100, 217, 218];

const IMAGE: &str = "111122223333.dkr.ecr.eu-central-1.amazonaws.com/team-a@sha256:\
                     e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

fn of_code(code: &str, settings: &str) -> Resource {
    let yaml = format!("functions: [{{name: report, {code}, {settings} timeoutSeconds: 30, memoryMiB: 128}}]");
    one(&yaml, Kind::Function, "-fn-report")
}

/// A function of a zip, with these settings beside.
fn of_zip(settings: &str) -> Resource {
    of_code("runtime: python3.12, handler: index.handler, code: {inline: x}", settings)
}

fn of_image() -> Resource {
    of_code(&format!("code: {{image: '{IMAGE}'}}"), "")
}

fn of_s3() -> Resource {
    let code = "runtime: python3.12, handler: index.handler, code: {s3: {bucket: team-a-code, key: report.zip}}";
    of_code(code, "")
}

fn function(resource: &Resource) -> &Function {
    match resource {
        Resource::Function(function) => function,
        other => panic!("{} is not a function", other.id()),
    }
}

/// What Lambda shows of a function once it has it, with what it adds.
pub(super) fn shown(resource: &Resource) -> Value {
    let it = function(resource);
    let entry = it.code.entry();
    let sha256 = match &it.code {
        Code::Builtin(artifact) => artifact.sha256.clone(),
        Code::Zip { zip, .. } => zip.sha256().to_owned(),
        Code::S3 { .. } | Code::Image(_) => "hash".to_owned(),
    };
    let common = json!({
        "FunctionName": it.name,
        "FunctionArn": format!("arn:aws:lambda:eu-west-1:111122223333:function:{}", it.name),
        "Role": it.role_arn,
        "CodeSha256": sha256,
        "CodeSize": 276,
        "Description": "",
        "Timeout": it.timeout_seconds,
        "MemorySize": it.memory_mib,
        "LastModified": "2025-11-25T12:00:00.000+0000",
        "Version": "$LATEST",
        "TracingConfig": {"Mode": "PassThrough"},
        "RevisionId": "revision-1",
        "PackageType": if entry.is_some() { "Zip" } else { "Image" },
        "Architectures": [it.architecture.as_str()],
        "EphemeralStorage": {"Size": 512},
        "SnapStart": {"ApplyOn": "None", "OptimizationStatus": "Off"},
        "LoggingConfig": {"LogFormat": "Text", "LogGroup": format!("/aws/lambda/{}", it.name)},
        "Environment": {"Variables": it.environment},
        "State": "Active",
        "LastUpdateStatus": "Successful",
    });
    match entry {
        None => common,
        Some(entry) => with(
            &common,
            json!({
                "Runtime": entry.runtime,
                "Handler": entry.handler,
                "RuntimeVersionConfig": {"RuntimeVersionArn": "arn:aws:lambda:eu-west-1::runtime:1"},
            }),
        ),
    }
}

/// What Lambda shows while it makes a function.
fn pending(resource: &Resource) -> Value {
    let creating = json!({
        "State": "Pending", "StateReason": "The function is being created.", "StateReasonCode": "Creating",
        "LastUpdateStatus": null,
    });
    with(&shown(resource), creating)
}

/// What Lambda shows while it changes a function.
fn changing(resource: &Resource) -> Value {
    let updating = json!({
        "LastUpdateStatus": "InProgress", "LastUpdateStatusReason": "The function is being created.",
        "LastUpdateStatusReasonCode": "Creating",
    });
    with(&shown(resource), updating)
}

/// The answer to `GetFunction`.
fn get(configuration: &Value, tags: Option<&Tags>) -> Answer {
    let code = json!({"RepositoryType": "S3", "Location": "https://example.com/code"});
    let answer = json!({"Code": code, "Configuration": configuration, "Tags": tags.map(tag_map)});
    Answer::json(with(&answer, json!({})))
}

fn no_invoke_config() -> Answer {
    let message =
        "The function arn:aws:lambda:eu-west-1:111122223333:function:a:$LATEST doesn't have an EventInvokeConfig";
    Answer::error(Operation::GetFunctionEventInvokeConfig, 404, "ResourceNotFoundException", message)
}

async fn seen_as(resource: &Resource, configuration: &Value) -> Observed {
    let answers = [get(configuration, Some(resource.tags())), no_invoke_config()];
    seen(resource, answers).await.expect("it is there")
}

#[tokio::test]
async fn what_lambda_adds_to_a_function_is_no_drift() {
    let (plain, with_variable) = (of_zip(""), of_zip("environment: {ENV_A: a},"));
    for (resource, changes) in [
        (&plain, json!({})),
        (&plain, json!({"Environment": null})),
        (&plain, json!({"Description": "Changed-Description"})),
        (&with_variable, json!({})),
    ] {
        let seen = seen_as(resource, &with(&shown(resource), changes.clone())).await;
        assert_eq!(differing(resource, &seen), [""; 0], "{changes}");
        assert_eq!((seen.settling, seen.failure), (None, None));
        assert_eq!(seen.revision.as_deref(), Some("revision-1"));
        assert_eq!(seen.since, Some("2025-11-25T12:00:00Z".parse().unwrap()));
    }
}

#[tokio::test]
async fn code_of_an_image_and_of_s3_is_no_drift() {
    let image = of_image();
    let code = json!({"ImageUri": IMAGE, "RepositoryType": "ECR", "ResolvedImageUri": IMAGE});
    let answer = json!({"Code": code, "Configuration": shown(&image), "Tags": tag_map(image.tags())});
    let found = seen(&image, [Answer::json(answer), no_invoke_config()]).await.expect("it is there");
    assert_eq!(differing(&image, &found), [""; 0]);

    // Lambda names no object, only a place to fetch the code from: the tag says which it was.
    let from_s3 = of_s3();
    let Code::S3 { object, .. } = &function(&from_s3).code else { panic!("it is in S3") };
    let mut tags = from_s3.tags().clone();
    tags.insert(tag::CODE.to_owned(), format!("{} hash", object.mark()));
    let found = seen(&from_s3, [get(&shown(&from_s3), Some(&tags)), no_invoke_config()]).await.expect("it is there");
    assert_eq!(differing(&from_s3, &found), [""; 0]);
}

#[tokio::test]
async fn tags_of_others_are_no_drift_and_missing_ones_are() {
    let resource = of_zip("");
    let mut tags = resource.tags().clone();
    tags.extend(["b", "c", "d", "e"].map(|key| (format!("key_{key}"), "value".to_owned())));
    let found = seen(&resource, [get(&shown(&resource), Some(&tags)), no_invoke_config()]).await.expect("it is there");
    assert_eq!(differing(&resource, &found), [""; 0]);
    let found = seen(&resource, [get(&shown(&resource), None), no_invoke_config()]).await.expect("it is there");
    let places: Vec<String> = resource.tags().keys().map(|key| format!("tags.{key}")).collect();
    assert_eq!(differing(&resource, &found), places);
}

#[tokio::test]
async fn a_function_is_awaited_while_lambda_makes_or_changes_it() {
    let resource = of_zip("");
    for (configuration, expected) in [
        (pending(&resource), "the function is Pending"),
        (changing(&resource), "an update of the function is in progress"),
    ] {
        let found = seen(&resource, [get(&configuration, Some(resource.tags()))]).await.expect("it is there");
        assert_eq!((found.settling.as_deref(), found.failure), (Some(expected), None));
        assert_eq!(found.fields, resource.fields());
    }
}

#[tokio::test]
async fn another_state_of_a_function_is_another_revision() {
    let resource = of_zip("");
    let revision = async |revision: &str| {
        let configuration = with(&shown(&resource), json!({"RevisionId": revision}));
        seen_as(&resource, &configuration).await.revision
    };
    assert_eq!(revision("revision-2").await.as_deref(), Some("revision-2"));
    assert_eq!(revision("revision-4").await.as_deref(), Some("revision-4"));
}

#[tokio::test]
async fn a_function_that_could_not_be_made_says_why() {
    let resource = of_image();
    let failed = json!({"State": "Failed", "StateReasonCode": "ImageAccessDenied", "StateReason": "no"});
    let found = seen_as(&resource, &with(&shown(&resource), failed)).await;
    let failure = Failure { code: "ImageAccessDenied".to_owned(), message: "no".to_owned() };
    assert_eq!(found.failure, Some(failure));
    assert!(differing(&resource, &found).contains(&"state".to_owned()));
}

#[tokio::test]
async fn a_new_function_is_followed_until_it_is_active() {
    let variable = format!("environment: {{LARGE_VAR: {}}},", "x".repeat(3000));
    for resource in [of_zip(""), of_zip(&variable), of_image()] {
        let replay = Replay::of([Answer::json(pending(&resource))]);
        let made = resource::create(&replay.aws(), &resource).await.unwrap();
        let Progress::Made(made) = made else { panic!("{made:?}") };
        assert_eq!(made.settling.as_deref(), Some("the new function to become Active"));
        assert_eq!(Some(made.arn.as_str()), shown(&resource)["FunctionArn"].as_str());
        assert_eq!(replay.asked().len(), 1);
    }
}

/// What comes of mending a function that is seen so.
async fn mended(resource: &Resource, observed: &Value, answer: Answer) -> (Progress, Vec<String>) {
    let observed = seen_as(resource, observed).await;
    let replay = Replay::of([answer]);
    let progress = resource::update(&replay.aws(), resource, &observed, &differences(resource, &observed), None).await;
    (progress.unwrap(), replay.asked())
}

#[tokio::test]
async fn an_update_is_awaited_and_takes_variables_away_in_so_many_words() {
    let resource = of_zip("");
    let others = json!({"Environment": {"Variables": {"ENV_A": "a"}}, "MemorySize": 512, "Runtime": "python3.11"});
    let other = with(&shown(&resource), others);
    let (progress, asked) = mended(&resource, &other, Answer::json(changing(&resource))).await;
    assert!(matches!(progress, Progress::Waiting(_)), "{progress:?}");
    // An environment without `Variables` would keep those that are there.
    assert!(asked[0].contains(r#""Environment":{"Variables":{}}"#), "{asked:?}");
}

#[tokio::test]
async fn new_code_is_awaited() {
    let zip = of_zip("");
    let other = with(&shown(&zip), json!({"CodeSha256": "other"}));
    let (progress, _) = mended(&zip, &other, Answer::json(changing(&zip))).await;
    assert!(matches!(progress, Progress::Waiting(_)), "{progress:?}");
    let image = of_image();
    // Without its code, `GetFunction` shows no image.
    let (progress, _) = mended(&image, &shown(&image), Answer::json(changing(&image))).await;
    assert!(matches!(progress, Progress::Waiting(_)), "{progress:?}");
}

#[tokio::test]
async fn tags_are_put_and_removed_also_where_they_are_gone() {
    let resource = of_zip("");
    let mut observed = seen_as(&resource, &shown(&resource)).await;
    observed.tags.insert(tag::CODE.to_owned(), "of another code".to_owned());
    observed.tags.remove(tag::NAME);
    let replay = Replay::of([Answer::empty(204), Answer::empty(204)]);
    let progress =
        resource::update(&replay.aws(), &resource, &observed, &differences(&resource, &observed), None).await;
    assert_eq!(progress, Ok(Progress::Done));
    let asked = replay.asked();
    assert!(asked[0].starts_with("POST") && asked[1].starts_with("DELETE"), "{asked:?}");
}

#[tokio::test]
async fn a_function_is_deleted_once_and_for_all() {
    let resource = of_zip("");
    let observed = seen_as(&resource, &shown(&resource)).await;
    let gone = Answer::error(Operation::DeleteFunction, 404, "ResourceNotFoundException", "Function not found: a");
    for answer in [Answer::empty(204), gone] {
        let replay = Replay::of([answer]);
        let progress = resource::delete(&replay.aws(), &resource.id(), &observed).await;
        assert_eq!(progress, Ok(Progress::Done));
    }
}
