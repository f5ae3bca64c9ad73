//! Observes functions.

use std::collections::BTreeMap;

use aws_sdk_lambda::types::{
    Architecture, FunctionConfiguration, LastUpdateStatus, LastUpdateStatusReasonCode, PackageType, State,
    StateReasonCode, VpcConfigResponse,
};
use pipeline_core::names::tag;
use pipeline_core::resource::{Failure, Field, FieldName, Fields, Id, Kind, LogGroup, Observed};
use serde_json::json;

use super::super::pages;
use crate::{Aws, AwsError};

/// Functions on a page of a list, Lambda's maximum whatever is asked for.
/// <https://docs.aws.amazon.com/lambda/latest/api/API_ListFunctions.html>
const LIST_PAGE: i32 = 50;

pub(in crate::resource) async fn observe(aws: &Aws, name: &str) -> Result<Option<Observed>, AwsError> {
    let Some(mut seen) = observe_new(aws, name).await? else { return Ok(None) };
    if seen.settling.is_none() {
        seen.fields.extend(observe_async(aws, name).await?);
    }
    Ok(Some(seen))
}

/// Observes a function without its asynchronous settings: one that was just created has none yet.
pub(in crate::resource) async fn observe_new(aws: &Aws, name: &str) -> Result<Option<Observed>, AwsError> {
    let request = aws.lambda.get_function().function_name(name);
    let Some(answer) = aws.find(request).await? else { return Ok(None) };
    let tags = answer.tags.unwrap_or_default().into_iter().collect();
    let configuration = answer.configuration.unwrap_or_else(|| FunctionConfiguration::builder().build());
    let arn = configuration.function_arn.clone().unwrap_or_else(|| aws.location.function_arn(name));
    let settling = settling(&configuration);
    let mut seen = Observed { arn, tags, settling, ..read(configuration) };
    let image = answer.code.and_then(|code| code.image_uri);
    seen.fields.extend(image.map(|uri| (FieldName::Image, Field::plain(uri))));
    let reserved = answer.concurrency.and_then(|it| it.reserved_concurrent_executions).filter(|count| *count == 0);
    seen.fields.extend(reserved.map(|count| (FieldName::ReservedConcurrency, Field::plain(count))));
    take_mark(&mut seen);
    Ok(Some(seen))
}

/// A function's settings for failed asynchronous invocations, as fields.
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

/// All functions of the region, without their tags and their asynchronous settings.
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

/// The fields that a list does not show.
pub(in crate::resource) const LISTED_NOT: [FieldName; 4] =
    [FieldName::Image, FieldName::LastUpdateStatus, FieldName::ReservedConcurrency, FieldName::State];

/// Replaces the code's hash by the S3 object that a tag names as its origin, if the tag was written for this very hash.
pub(in crate::resource) fn take_mark(seen: &mut Observed) {
    let noted = seen.tags.get(tag::CODE).and_then(|note| note.split_once(' '));
    let origin = noted.filter(|(_, sha256)| seen.fields.get(&FieldName::CodeSha256) == Some(&Field::plain(*sha256)));
    if let Some(origin) = origin.map(|(mark, _)| Field::plain(mark)) {
        seen.tags.remove(tag::CODE);
        seen.fields.remove(&FieldName::CodeSha256);
        seen.fields.insert(FieldName::S3, origin);
    }
}

/// The observation from what a read and a list both return.
pub(super) fn read(configuration: FunctionConfiguration) -> Observed {
    let revision = configuration.revision_id.clone();
    let since = configuration.last_modified.as_deref().and_then(|text| {
        let moment = jiff::fmt::strtime::parse("%Y-%m-%dT%H:%M:%S%.f%z", text).ok()?;
        moment.to_timestamp().ok()
    });
    let failure = failure(&configuration);
    let mut fields = configuration_fields(configuration);
    fields.extend(failure.iter().map(|(name, failure)| (*name, Field::plain(failure.to_string()))));
    Observed { fields, revision, since, failure: failure.map(|(_, failure)| failure), ..Observed::default() }
}

pub(super) fn settling(configuration: &FunctionConfiguration) -> Option<String> {
    match (&configuration.state, &configuration.last_update_status) {
        (Some(State::Pending), _) => Some("the function is Pending".to_owned()),
        (Some(State::Deleting), _) => Some("the function is being deleted".to_owned()),
        (_, Some(LastUpdateStatus::InProgress)) => Some("an update of the function is in progress".to_owned()),
        _ => None,
    }
}

fn configuration_fields(configuration: FunctionConfiguration) -> Fields {
    let mut fields = foreign_fields(&configuration);
    let architecture =
        configuration.architectures.and_then(|all| all.into_iter().next()).unwrap_or(Architecture::X8664);
    let environment: BTreeMap<String, String> =
        configuration.environment.and_then(|answer| answer.variables).unwrap_or_default().into_iter().collect();
    fields.insert(FieldName::Architecture, Field::plain(architecture.as_str()));
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
    fields
}

/// A failure of Lambda, and the field that shows it. The desired state never has that field, so a failed update is retried,
/// and the code of a failed function is sent again.
fn failure(configuration: &FunctionConfiguration) -> Option<(FieldName, Failure)> {
    let text = |text: Option<&str>| text.unwrap_or_default().to_owned();
    if configuration.state == Some(State::Failed) {
        let code = text(configuration.state_reason_code.as_ref().map(StateReasonCode::as_str));
        return Some((FieldName::State, Failure { code, message: text(configuration.state_reason()) }));
    }
    if configuration.last_update_status == Some(LastUpdateStatus::Failed) {
        let code = text(configuration.last_update_status_reason_code.as_ref().map(LastUpdateStatusReasonCode::as_str));
        return Some((
            FieldName::LastUpdateStatus,
            Failure { code, message: text(configuration.last_update_status_reason()) },
        ));
    }
    None
}

/// Settings that the operator never makes and removes if others did: they can stop a function, hide its logs, or send its
/// failures elsewhere.
fn foreign_fields(configuration: &FunctionConfiguration) -> Fields {
    let name = configuration.function_name().unwrap_or_default();
    let group = configuration.logging_config().and_then(|logging| logging.log_group());
    let group = group.filter(|group| *group != LogGroup::of_function(name));
    let subnets = configuration.vpc_config().map(VpcConfigResponse::subnet_ids).filter(|subnets| !subnets.is_empty());
    let target = configuration.dead_letter_config().and_then(|config| config.target_arn());
    let key = configuration.kms_key_arn();
    let text = |text: &&str| !text.is_empty();
    let mut fields = Fields::new();
    fields.extend(group.map(|group| (FieldName::LogGroup, Field::plain(group))));
    fields.extend(subnets.map(|subnets| (FieldName::Vpc, Field::Plain(json!(subnets)))));
    fields.extend(target.filter(text).map(|arn| (FieldName::DeadLetterTarget, Field::plain(arn))));
    fields.extend(key.filter(text).map(|arn| (FieldName::KmsKey, Field::plain(arn))));
    fields
}
