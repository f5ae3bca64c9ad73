//! What Lambda says of functions.

use std::collections::BTreeMap;

use aws_sdk_lambda::types::{Architecture, FunctionConfiguration, LastUpdateStatus, PackageType, State};
use pipeline_core::names::tag;
use pipeline_core::resource::{Field, FieldName, Fields, Id, Kind, Observed};
use serde_json::json;

use super::super::pages;
use crate::{Aws, AwsError};

/// Functions on a page of a list; more are not given whatever is asked for.
/// <https://docs.aws.amazon.com/lambda/latest/api/API_ListFunctions.html>
const LIST_PAGE: i32 = 50;

pub(in crate::resource) async fn observe(aws: &Aws, name: &str) -> Result<Option<Observed>, AwsError> {
    let request = aws.lambda.get_function().function_name(name);
    let Some(answer) = aws.find(request).await? else { return Ok(None) };
    let tags = answer.tags.unwrap_or_default().into_iter().collect();
    let configuration = answer.configuration.unwrap_or_else(|| FunctionConfiguration::builder().build());
    let arn = configuration.function_arn.clone().unwrap_or_else(|| aws.location.function_arn(name));
    let settling = settling(&configuration);
    let mut seen = Observed { arn, tags, settling, ..read(configuration) };
    let image = answer.code.and_then(|code| code.image_uri);
    seen.fields.extend(image.map(|uri| (FieldName::Image, Field::plain(uri))));
    take_mark(&mut seen);
    if seen.settling.is_none() {
        seen.fields.extend(observe_async(aws, name).await?);
    }
    Ok(Some(seen))
}

/// What becomes of a function's asynchronous invocations that fail.
pub(in crate::resource) async fn observe_async(aws: &Aws, name: &str) -> Result<Fields, AwsError> {
    let request = aws.lambda.get_function_event_invoke_config().function_name(name);
    let mut fields = Fields::new();
    if let Some(invoke) = aws.find(request).await? {
        let on_failure = invoke.destination_config.and_then(|config| config.on_failure?.destination);
        fields.extend(
            invoke.maximum_retry_attempts.map(|value| (FieldName::AsyncMaximumRetryAttempts, Field::plain(value))),
        );
        fields.extend(
            invoke.maximum_event_age_in_seconds.map(|value| (FieldName::AsyncMaximumEventAge, Field::plain(value))),
        );
        fields.extend(on_failure.map(|value| (FieldName::AsyncOnFailure, Field::plain(value))));
    }
    Ok(fields)
}

/// All functions there are, without their tags, and without what becomes of their asynchronous invocations.
pub(in crate::resource) async fn list(aws: &Aws) -> Result<Vec<(Id, Observed)>, AwsError> {
    let shown = |configuration: FunctionConfiguration| {
        let name = configuration.function_name.clone()?;
        let arn = configuration.function_arn.clone().unwrap_or_else(|| aws.location.function_arn(&name));
        Some((Id::new(Kind::Function, name), Observed { arn, ..read(configuration) }))
    };
    let request = |marker| aws.lambda.list_functions().max_items(LIST_PAGE).set_marker(marker);
    pages::all(aws, request, |answer| {
        (answer.functions.unwrap_or_default().into_iter().filter_map(shown).collect(), answer.next_marker)
    })
    .await
}

/// The one field that a list does not show.
pub(in crate::resource) const LISTED_NOT: [FieldName; 1] = [FieldName::Image];

/// Puts in the place of a hash what the tags say of its origin, if they say it of just this code.
pub(in crate::resource) fn take_mark(seen: &mut Observed) {
    let noted = seen.tags.get(tag::CODE).and_then(|note| note.split_once(' '));
    let origin = noted.filter(|(_, sha256)| seen.fields.get(&FieldName::CodeSha256) == Some(&Field::plain(*sha256)));
    if let Some(origin) = origin.map(|(mark, _)| Field::plain(mark)) {
        seen.tags.remove(tag::CODE);
        seen.fields.remove(&FieldName::CodeSha256);
        seen.fields.insert(FieldName::S3, origin);
    }
}

/// What a read and a list have in common.
pub(super) fn read(configuration: FunctionConfiguration) -> Observed {
    let revision = configuration.revision_id.clone();
    let since = configuration.last_modified.as_deref().and_then(|text| {
        let moment = jiff::fmt::strtime::parse("%Y-%m-%dT%H:%M:%S%.f%z", text).ok()?;
        moment.to_timestamp().ok()
    });
    Observed { fields: configuration_fields(configuration), revision, since, ..Observed::default() }
}

pub(super) fn settling(configuration: &FunctionConfiguration) -> Option<String> {
    match (&configuration.state, &configuration.last_update_status) {
        (Some(State::Pending), _) => Some("the function is Pending".to_owned()),
        (_, Some(LastUpdateStatus::InProgress)) => Some("an update of the function is in progress".to_owned()),
        _ => None,
    }
}

fn configuration_fields(configuration: FunctionConfiguration) -> Fields {
    let architecture =
        configuration.architectures.and_then(|all| all.into_iter().next()).unwrap_or(Architecture::X8664);
    let environment: BTreeMap<String, String> =
        configuration.environment.and_then(|answer| answer.variables).unwrap_or_default().into_iter().collect();
    let mut fields = Fields::from([(FieldName::Architecture, Field::plain(architecture.as_str()))]);
    let runtime = configuration.runtime.filter(|runtime| !runtime.as_str().is_empty());
    fields.extend(runtime.map(|value| (FieldName::Runtime, Field::plain(value.as_str()))));
    let handler = configuration.handler.filter(|handler| !handler.is_empty());
    fields.extend(handler.map(|value| (FieldName::Handler, Field::plain(value))));
    fields.extend(configuration.role.map(|value| (FieldName::Role, Field::plain(value))));
    fields.extend(configuration.timeout.map(|value| (FieldName::Timeout, Field::plain(value))));
    fields.extend(configuration.memory_size.map(|value| (FieldName::MemorySize, Field::plain(value))));
    match configuration.package_type {
        // The hash is the image's digest, which its URI names.
        Some(PackageType::Image) => {
            fields.insert(FieldName::PackageType, Field::plain(PackageType::Image.as_str()));
        }
        Some(_) | None => {
            fields.extend(configuration.code_sha256.map(|value| (FieldName::CodeSha256, Field::plain(value))));
        }
    }
    let layers: Vec<String> = configuration.layers.unwrap_or_default().into_iter().filter_map(|it| it.arn).collect();
    if !layers.is_empty() {
        fields.insert(FieldName::Layers, Field::Plain(json!(layers)));
    }
    if !environment.is_empty() {
        fields.insert(FieldName::Environment, Field::Plain(json!(environment)));
    }
    // Wanted never has the field, so a failed update is a difference, and is sent again.
    if configuration.last_update_status == Some(LastUpdateStatus::Failed) {
        let reason = configuration.last_update_status_reason.unwrap_or_default();
        fields.insert(FieldName::LastUpdateStatus, Field::plain(format!("Failed: {reason}")));
    }
    fields
}
