//! Lambda event source mappings, from the tasks' queue to the runner.
//! <https://docs.aws.amazon.com/lambda/latest/api/API_CreateEventSourceMapping.html>
//!
//! A mapping has no name, only a UUID that AWS assigns, so it is found by its function and queue. Mappings from other
//! queues are never touched. AWS refuses changes while a mapping is between two states.

use std::time::Duration;

use aws_sdk_lambda::operation::get_event_source_mapping::GetEventSourceMappingOutput;
use aws_sdk_lambda::types::{
    EventSourceMappingConfiguration, Filter, FilterCriteria, FunctionResponseType, ProvisionedPollerConfig,
    ScalingConfig,
};
use pipeline_core::arn::Arn;
use pipeline_core::resource::{EventSourceMapping, Field, FieldName, Fields, Id, Kind, Observed};
use serde_json::json;

use super::{Changed, Progress, pages};
use crate::{Aws, AwsError};

/// How often a mapping on its way to another state is read.
const STATE_POLL: Duration = Duration::from_secs(1);

/// The state of a mapping that AWS has just made.
const CREATING: &str = "Creating";

/// Messages per batch when none were asked for. Documented for SQS.
const DEFAULT_BATCH_SIZE: i32 = 10;

/// Mappings on a page of a list, the most there are.
const LIST_PAGE: i32 = 100;

const FIELDS: [FieldName; 7] = [
    FieldName::Enabled,
    FieldName::BatchSize,
    FieldName::MaximumBatchingWindowInSeconds,
    FieldName::MaximumConcurrency,
    FieldName::FunctionResponseTypes,
    FieldName::FilterCriteria,
    FieldName::ProvisionedPollers,
];

pub(super) async fn create(aws: &Aws, mapping: &EventSourceMapping) -> Result<Progress, AwsError> {
    let request = aws
        .lambda
        .create_event_source_mapping()
        .function_name(&mapping.function_arn)
        .event_source_arn(&mapping.queue_arn)
        .enabled(true)
        .batch_size(mapping.batch_size.cast_signed())
        .set_scaling_config(mapping.max_concurrency.map(|_| scaling(mapping)))
        .function_response_types(FunctionResponseType::ReportBatchItemFailures)
        .set_tags(Some(mapping.tags.clone().into_iter().collect()));
    let made = aws.call(request).await?;
    let made = EventSourceMappingConfiguration::builder()
        .set_uuid(made.uuid)
        .set_event_source_mapping_arn(made.event_source_mapping_arn)
        // Always treated as still in creation: the read that follows returns its complete fields.
        .state(CREATING)
        .build();
    Ok(Progress::Made(Box::new(Observed { tags: mapping.tags.clone(), ..without_tags(aws, &made) })))
}

pub(super) async fn update(
    aws: &Aws,
    mapping: &EventSourceMapping,
    observed: &Observed,
    changed: Changed<'_>,
) -> Result<Progress, AwsError> {
    if !changed.any(&FIELDS) {
        return Ok(Progress::Done);
    }
    // FIFO queues do not support a batching window, so it is sent only to remove one.
    let window = changed.any(&[FieldName::MaximumBatchingWindowInSeconds]).then_some(0);
    // Empty values remove what others set: a filter silently drops messages, and provisioned pollers cost money.
    let filter = changed.any(&[FieldName::FilterCriteria]).then(|| FilterCriteria::builder().build());
    let pollers = changed.any(&[FieldName::ProvisionedPollers]).then(|| ProvisionedPollerConfig::builder().build());
    let request = aws
        .lambda
        .update_event_source_mapping()
        .uuid(uuid(&observed.arn))
        .enabled(true)
        .batch_size(mapping.batch_size.cast_signed())
        .set_maximum_batching_window_in_seconds(window)
        .scaling_config(scaling(mapping))
        .set_filter_criteria(filter)
        .set_provisioned_poller_config(pollers)
        .function_response_types(FunctionResponseType::ReportBatchItemFailures);
    let answer = aws.call(request).await?;
    Ok(progress(answer.state()))
}

/// The scaling configuration; an empty one removes the limit.
fn scaling(mapping: &EventSourceMapping) -> ScalingConfig {
    ScalingConfig::builder().set_maximum_concurrency(mapping.max_concurrency.map(u32::cast_signed)).build()
}

pub(super) async fn observe(aws: &Aws, function: &str, arn: Option<&str>) -> Result<Option<Observed>, AwsError> {
    let known = match arn.map(uuid).filter(|uuid| !uuid.is_empty()) {
        Some(uuid) => get(aws, uuid).await?,
        None => None,
    };
    // One that somebody gave to another function is not the runner's any more.
    let known = known.filter(|mapping| calls(mapping, function)).map(|mapping| without_tags(aws, &mapping));
    let seen = if known.is_some() { known } else { listed(aws, function).await? };
    let Some(seen) = seen else { return Ok(None) };
    let request = aws.lambda.list_tags().resource(&seen.arn);
    let Some(answer) = aws.find(request).await? else { return Ok(None) };
    let tags = answer.tags.unwrap_or_default().into_iter().collect();
    Ok(Some(Observed { tags, ..seen }))
}

/// Finds a mapping by its function in a list, then reads it by UUID, since lists are eventually consistent.
async fn listed(aws: &Aws, function: &str) -> Result<Option<Observed>, AwsError> {
    match find(aws, function).await? {
        Some(listed) => {
            let mapping = get(aws, listed.uuid().unwrap_or_default()).await?;
            Ok(mapping.map(|mapping| without_tags(aws, &mapping)))
        }
        None => Ok(None),
    }
}

/// Reads a mapping of ours whose UUID and tags are known.
pub(super) async fn follow(aws: &Aws, made: &Observed) -> Result<Option<Observed>, AwsError> {
    let mapping = get(aws, uuid(&made.arn)).await?;
    Ok(mapping.map(|mapping| Observed { tags: made.tags.clone(), ..without_tags(aws, &mapping) }))
}

async fn get(aws: &Aws, uuid: &str) -> Result<Option<EventSourceMappingConfiguration>, AwsError> {
    let request = aws.lambda.get_event_source_mapping().uuid(uuid);
    Ok(aws.find(request).await?.map(of_answer))
}

/// Whether a mapping invokes this function itself, and not a version or an alias of it.
fn calls(mapping: &EventSourceMappingConfiguration, function: &str) -> bool {
    mapping.function_arn().is_some_and(|arn| arn.ends_with(&format!(":function:{function}")))
}

/// Converts the SDK's type for a single mapping into its type for an entry of a list.
fn of_answer(answer: GetEventSourceMappingOutput) -> EventSourceMappingConfiguration {
    EventSourceMappingConfiguration::builder()
        .set_uuid(answer.uuid)
        .set_event_source_mapping_arn(answer.event_source_mapping_arn)
        .set_event_source_arn(answer.event_source_arn)
        .set_function_arn(answer.function_arn)
        .set_state(answer.state)
        .set_batch_size(answer.batch_size)
        .set_maximum_batching_window_in_seconds(answer.maximum_batching_window_in_seconds)
        .set_scaling_config(answer.scaling_config)
        .set_function_response_types(answer.function_response_types)
        .set_filter_criteria(answer.filter_criteria)
        .set_provisioned_poller_config(answer.provisioned_poller_config)
        .build()
}

/// All mappings from a queue of ours to a function of ours, without their tags.
pub(super) async fn list(aws: &Aws) -> Result<Vec<(Id, Observed)>, AwsError> {
    let ours = |mapping: EventSourceMappingConfiguration| {
        let function = mapping.function_arn().and_then(Arn::parse).map_or("", |arn| arn.name());
        let id = is_from_our_queue(&mapping, function).then(|| Id::new(Kind::EventSourceMapping, function))?;
        Some((id, without_tags(aws, &mapping)))
    };
    let request = |marker| aws.lambda.list_event_source_mappings().max_items(LIST_PAGE).set_marker(marker);
    pages::all(aws, request, |answer| {
        (answer.event_source_mappings.unwrap_or_default().into_iter().filter_map(ours).collect(), answer.next_marker)
    })
    .await
}

fn without_tags(aws: &Aws, mapping: &EventSourceMappingConfiguration) -> Observed {
    let built = || aws.location.arn("lambda", &format!("event-source-mapping:{}", mapping.uuid().unwrap_or_default()));
    Observed {
        arn: mapping.event_source_mapping_arn().map_or_else(built, str::to_owned),
        fields: read(mapping),
        settling: settling(mapping.state()),
        // A re-created mapping has another UUID.
        revision: mapping.uuid().map(str::to_owned),
        ..Observed::default()
    }
}

async fn find(aws: &Aws, function: &str) -> Result<Option<EventSourceMappingConfiguration>, AwsError> {
    let mut marker = None;
    loop {
        let request = aws.lambda.list_event_source_mappings().function_name(function).set_marker(marker);
        let Some(answer) = aws.find(request).await? else {
            return Ok(None);
        };
        let mappings = answer.event_source_mappings.unwrap_or_default();
        if let Some(mapping) = mappings.into_iter().find(|mapping| is_from_our_queue(mapping, function)) {
            return Ok(Some(mapping));
        }
        marker = answer.next_marker.filter(|marker| !marker.is_empty());
        if marker.is_none() {
            return Ok(None);
        }
    }
}

/// Whether a mapping's queue is that of the function's pipeline: their names have the same prefix.
fn is_from_our_queue(mapping: &EventSourceMappingConfiguration, function: &str) -> bool {
    let prefix = function.strip_suffix("-runner").unwrap_or(function);
    let part = queue(mapping).and_then(|queue| queue.strip_prefix(prefix));
    matches!(part, Some("-tasks" | "-tasks.fifo"))
}

/// Name of the queue that a mapping reads.
fn queue(mapping: &EventSourceMappingConfiguration) -> Option<&str> {
    mapping.event_source_arn().and_then(Arn::parse).map(|arn| arn.name())
}

fn read(mapping: &EventSourceMappingConfiguration) -> Fields {
    let mut fields = Fields::from([
        (FieldName::Queue, Field::plain(queue(mapping).unwrap_or_default())),
        (FieldName::Enabled, Field::plain(matches!(mapping.state(), Some("Enabled" | "Enabling")))),
        (FieldName::BatchSize, Field::plain(mapping.batch_size.unwrap_or(DEFAULT_BATCH_SIZE))),
        (
            FieldName::MaximumBatchingWindowInSeconds,
            Field::plain(mapping.maximum_batching_window_in_seconds.unwrap_or(0)),
        ),
    ]);
    let limit = mapping.scaling_config().and_then(|scaling| scaling.maximum_concurrency);
    fields.extend(limit.map(|limit| (FieldName::MaximumConcurrency, Field::plain(limit))));
    let types = mapping.function_response_types();
    if !types.is_empty() {
        fields.insert(FieldName::FunctionResponseTypes, response_types(types));
    }
    let filters = mapping.filter_criteria().map(FilterCriteria::filters).unwrap_or_default();
    if !filters.is_empty() {
        let patterns: Vec<_> = filters.iter().filter_map(Filter::pattern).collect();
        fields.insert(FieldName::FilterCriteria, Field::Plain(json!(patterns)));
    }
    let pollers = mapping.provisioned_poller_config();
    if let Some(minimum) = pollers.and_then(|pollers| pollers.minimum_pollers) {
        fields.insert(FieldName::ProvisionedPollers, Field::plain(minimum));
    }
    fields
}

fn response_types(types: &[FunctionResponseType]) -> Field {
    Field::Plain(json!(types.iter().map(FunctionResponseType::as_str).collect::<Vec<_>>()))
}

/// Every state but Enabled and Disabled is a transition.
fn settling(state: Option<&str>) -> Option<String> {
    match state {
        None | Some("Enabled" | "Disabled") => None,
        Some(state) => Some(format!("the mapping is {state}")),
    }
}

fn progress(state: Option<&str>) -> Progress {
    match state {
        Some("Enabled") => Progress::Done,
        _ => Progress::waiting("the mapping to become Enabled", STATE_POLL),
    }
}

pub(super) async fn delete(aws: &Aws, observed: &Observed) -> Result<Progress, AwsError> {
    // AWS would refuse, or the mapping is Deleting already.
    if let Some(why) = &observed.settling {
        return Ok(Progress::waiting(why, STATE_POLL));
    }
    let request = aws.lambda.delete_event_source_mapping().uuid(uuid(&observed.arn));
    aws.call(request).await?;
    Ok(Progress::waiting("the mapping to be gone", STATE_POLL))
}

/// A mapping's ARN ends in its UUID.
/// <https://docs.aws.amazon.com/service-authorization/latest/reference/list_awslambda.html#awslambda-resources-for-iam-policies>
fn uuid(arn: &str) -> &str {
    Arn::parse(arn).map_or("", |arn| arn.name())
}

#[cfg(test)]
mod tests {
    use aws_sdk_lambda::types::builders::EventSourceMappingConfigurationBuilder;
    use pipeline_core::names::Tags;

    use super::*;

    fn desired(max_concurrency: Option<u32>) -> EventSourceMapping {
        EventSourceMapping {
            function: "a-runner".to_owned(),
            function_arn: "arn:aws:lambda:eu-west-1:111122223333:function:a-runner".to_owned(),
            queue: "a-tasks".to_owned(),
            queue_arn: "arn:aws:sqs:eu-west-1:111122223333:a-tasks".to_owned(),
            batch_size: 1,
            max_concurrency,
            tags: Tags::new(),
        }
    }

    fn answer() -> EventSourceMappingConfigurationBuilder {
        EventSourceMappingConfiguration::builder()
            .uuid("6d9bce8e-836b-442c-8070-74e77903c815")
            .event_source_arn("arn:aws:sqs:eu-west-1:111122223333:a-tasks")
            .function_arn("arn:aws:lambda:eu-west-1:111122223333:function:a-runner")
            .batch_size(1)
            .maximum_batching_window_in_seconds(0)
            .function_response_types(FunctionResponseType::ReportBatchItemFailures)
            .state("Enabled")
    }

    #[test]
    fn what_was_created_reads_back_as_wanted() {
        assert_eq!(read(&answer().build()), desired(None).fields());
        let empty = ScalingConfig::builder().build();
        assert_eq!(read(&answer().scaling_config(empty).build()), desired(None).fields());
        let limit = scaling(&desired(Some(5)));
        assert_eq!(read(&answer().scaling_config(limit).build()), desired(Some(5)).fields());
    }

    #[test]
    fn every_field_that_differs_is_one_that_an_update_mends() {
        assert!(desired(Some(5)).fields().keys().all(|field| FIELDS.contains(field) || *field == FieldName::Queue));
    }

    #[test]
    fn a_mapping_from_the_other_kind_of_queue_differs() {
        let fifo = answer().event_source_arn("arn:aws:sqs:eu-west-1:111122223333:a-tasks.fifo");
        assert_ne!(read(&fifo.build()), desired(None).fields());
    }

    #[test]
    fn a_mapping_that_somebody_disabled_or_made_blind_to_failures_differs() {
        assert_ne!(read(&answer().state("Disabled").build()), desired(None).fields());
        assert_ne!(read(&answer().set_function_response_types(Some(Vec::new())).build()), desired(None).fields());
        let filter = FilterCriteria::builder().filters(Filter::builder().pattern("{}").build()).build();
        assert_ne!(read(&answer().filter_criteria(filter).build()), desired(None).fields());
        let pollers = ProvisionedPollerConfig::builder().minimum_pollers(2).build();
        assert_ne!(read(&answer().provisioned_poller_config(pollers).build()), desired(None).fields());
    }

    #[test]
    fn a_mapping_on_its_way_is_left_alone() {
        for state in ["Creating", "Enabling", "Disabling", "Updating", "Deleting"] {
            assert_eq!(settling(Some(state)), Some(format!("the mapping is {state}")));
            assert!(matches!(progress(Some(state)), Progress::Waiting(_)));
        }
        assert_eq!(settling(Some("Enabled")), None);
        assert_eq!(settling(Some("Disabled")), None);
        assert_eq!(progress(Some("Enabled")), Progress::Done);
    }

    #[test]
    fn only_the_pipelines_own_queue_counts() {
        let from =
            |queue: &str| answer().event_source_arn(format!("arn:aws:sqs:eu-west-1:111122223333:{queue}")).build();
        for (queue, ours) in
            [("a-tasks", true), ("a-tasks.fifo", true), ("a-tasks-dlq", false), ("b-tasks", false), ("tasks", false)]
        {
            assert_eq!(is_from_our_queue(&from(queue), "a-runner"), ours, "{queue}");
        }
        assert!(!is_from_our_queue(&EventSourceMappingConfiguration::builder().build(), "a-runner"));
    }

    #[test]
    fn the_uuid_is_the_end_of_the_arn() {
        let arn = "arn:aws:lambda:eu-west-1:111122223333:event-source-mapping:6d9bce8e".to_owned();
        let observed = Observed { arn, ..Observed::default() };
        assert_eq!(uuid(&observed.arn), "6d9bce8e");
    }
}
