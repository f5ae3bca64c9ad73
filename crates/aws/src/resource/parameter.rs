//! SSM parameters that hold secrets.
//! <https://docs.aws.amazon.com/systems-manager/latest/APIReference/API_PutParameter.html>
//!
//! `PutParameter` takes either tags or `Overwrite`: tags are set at creation, and updates leave them alone. The standard
//! tier is free and holds 4,096 characters. One that somebody made advanced stays so: AWS takes it back only with the
//! parameter, and without that its functions could not begin.

use std::time::Duration;

use aws_sdk_ssm::operation::put_parameter::builders::PutParameterFluentBuilder;
use aws_sdk_ssm::types::{
    Parameter as SdkParameter, ParameterMetadata, ParameterStringFilter, ParameterTier, ParameterType,
    ResourceTypeForTagging, Tag,
};
use pipeline_core::names::Tags;
use pipeline_core::resource::{Field, FieldName, Fields, Id, Kind, Observed, Parameter};
use pipeline_core::secret_text::SecretText;

use super::{Changed, Progress, pages};
use crate::{Aws, AwsError};

/// How long the name of a deleted parameter should rest before it is used again.
/// <https://docs.aws.amazon.com/systems-manager/latest/APIReference/API_DeleteParameter.html>
pub(super) const NAME_RESTS: Duration = Duration::from_secs(30);

/// Parameters on a page of a list, the most there are.
const LIST_PAGE: i32 = 50;

pub(super) async fn create(aws: &Aws, parameter: &Parameter) -> Result<Progress, AwsError> {
    put(aws, request(aws, parameter).set_tags(Some(sdk_tags(&parameter.tags)))).await?;
    Ok(Progress::Done)
}

pub(super) async fn update(aws: &Aws, parameter: &Parameter, changed: Changed<'_>) -> Result<Progress, AwsError> {
    if changed.any(&[FieldName::Value]) {
        put(aws, request(aws, parameter).overwrite(true)).await?;
    }
    Ok(Progress::Done)
}

fn request(aws: &Aws, parameter: &Parameter) -> PutParameterFluentBuilder {
    aws.ssm.put_parameter().name(&parameter.name).value(parameter.value.expose()).r#type(ParameterType::SecureString)
}

/// Puts it into the standard tier, or into that which AWS says it has to be in.
async fn put(aws: &Aws, request: PutParameterFluentBuilder) -> Result<(), AwsError> {
    let Err(error) = aws.call(request.clone().tier(ParameterTier::Standard)).await else { return Ok(()) };
    let request = match TierRefusal::of(&error) {
        Some(TierRefusal::IsAdvanced) => request.tier(ParameterTier::Advanced),
        Some(TierRefusal::Unknown) => request,
        None => return Err(error),
    };
    aws.call(request).await.map(drop)
}

/// Why AWS refuses the standard tier, where nothing else is wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum TierRefusal {
    /// The parameter is in the advanced tier.
    IsAdvanced,
    /// The partition has no tiers.
    Unknown,
}

impl TierRefusal {
    fn of(error: &AwsError) -> Option<Self> {
        let reasons =
            [("uses the advanced-parameter tier", Self::IsAdvanced), ("Tier is not supported", Self::Unknown)];
        let is_refusal = error.code == "ValidationException";
        let found = reasons.into_iter().find(|(text, _)| is_refusal && error.message.contains(text));
        found.map(|(_, reason)| reason)
    }
}

pub(super) async fn observe(aws: &Aws, name: &str) -> Result<Option<Observed>, AwsError> {
    let request = aws.ssm.get_parameter().name(name).with_decryption(true);
    let answer = aws.find(request).await?;
    let Some(parameter) = answer.and_then(|answer| answer.parameter) else { return Ok(None) };
    let request = aws.ssm.list_tags_for_resource().resource_type(ResourceTypeForTagging::Parameter).resource_id(name);
    let Some(answer) = aws.find(request).await? else {
        return Ok(None);
    };
    let tags = answer.tag_list.unwrap_or_default().into_iter().map(|tag| (tag.key, tag.value)).collect();
    let arn = aws.location.parameter_arn(name);
    let revision = Some(parameter.version.to_string());
    Ok(Some(Observed { arn, tags, fields: read(parameter), revision, ..Observed::default() }))
}

/// The fields that a list shows. A change of the value shows up as a new version.
pub(super) const LISTED: [FieldName; 1] = [FieldName::Type];

/// All parameters below a path, without their tags and values.
pub(super) async fn list(aws: &Aws, path: &str) -> Result<Vec<(Id, Observed)>, AwsError> {
    let below = ParameterStringFilter::builder().key("Path").option("Recursive").values(path).build();
    // The builder refuses only a missing key.
    let filters: Vec<ParameterStringFilter> = below.into_iter().collect();
    let shown = |parameter: ParameterMetadata| {
        let name = parameter.name()?;
        let (id, arn) = (Id::new(Kind::Parameter, name), aws.location.parameter_arn(name));
        let kind = parameter.r#type().map(|kind| (FieldName::Type, Field::plain(kind.as_str())));
        let revision = Some(parameter.version.to_string());
        Some((id, Observed { arn, fields: kind.into_iter().collect(), revision, ..Observed::default() }))
    };
    let request = |token| {
        aws.ssm
            .describe_parameters()
            .set_parameter_filters(Some(filters.clone()))
            .max_results(LIST_PAGE)
            .set_next_token(token)
    };
    pages::all(aws, request, |answer| {
        (answer.parameters.unwrap_or_default().into_iter().filter_map(shown).collect(), answer.next_token)
    })
    .await
}

fn read(parameter: SdkParameter) -> Fields {
    let mut fields = Fields::new();
    fields.extend(parameter.r#type.map(|kind| (FieldName::Type, Field::plain(kind.as_str()))));
    fields.extend(parameter.value.map(|value| (FieldName::Value, Field::Secret(SecretText::new(value)))));
    fields
}

pub(super) async fn delete(aws: &Aws, name: &str) -> Result<Progress, AwsError> {
    aws.call(aws.ssm.delete_parameter().name(name)).await?;
    Ok(Progress::Done)
}

pub(super) async fn put_tags(aws: &Aws, name: &str, tags: &Tags) -> Result<(), AwsError> {
    let request = aws.ssm.add_tags_to_resource().resource_type(ResourceTypeForTagging::Parameter).resource_id(name);
    let request = request.set_tags(Some(sdk_tags(tags)));
    aws.call(request).await?;
    Ok(())
}

pub(super) async fn remove_tags(aws: &Aws, name: &str, keys: Vec<String>) -> Result<(), AwsError> {
    let kind = ResourceTypeForTagging::Parameter;
    let request = aws.ssm.remove_tags_from_resource().resource_type(kind).resource_id(name).set_tag_keys(Some(keys));
    aws.call(request).await?;
    Ok(())
}

fn sdk_tags(tags: &Tags) -> Vec<Tag> {
    // The builder refuses only a missing key or value.
    tags.iter().filter_map(|(key, value)| Tag::builder().key(key).value(value).build().ok()).collect()
}

#[cfg(test)]
mod tests {
    use pipeline_core::error_class::ErrorClass;

    use super::*;
    use crate::Operation;

    fn desired() -> Parameter {
        Parameter {
            name: "/taskpipelines/lab/a/channels".to_owned(),
            value: SecretText::new("hook-4711".to_owned()),
            tags: Tags::new(),
        }
    }

    fn answer(kind: ParameterType) -> SdkParameter {
        SdkParameter::builder().name("/taskpipelines/lab/a/channels").r#type(kind).value("hook-4711").version(3).build()
    }

    #[test]
    fn what_was_created_reads_back_as_wanted() {
        assert_eq!(read(answer(ParameterType::SecureString)), desired().fields());
    }

    #[test]
    fn the_same_value_in_the_clear_is_a_difference() {
        assert_ne!(read(answer(ParameterType::String)), desired().fields());
    }

    #[test]
    fn a_parameter_is_put_into_the_tier_that_it_has_to_be_in() {
        let refused = |message: &str| AwsError {
            operation: Operation::PutParameter,
            class: ErrorClass::Invalid,
            code: "ValidationException".to_owned(),
            message: message.to_owned(),
        };
        let advanced = "This parameter uses the advanced-parameter tier. You can't downgrade a parameter from the \
                        advanced-parameter tier to the standard-parameter tier.";
        assert_eq!(TierRefusal::of(&refused(advanced)), Some(TierRefusal::IsAdvanced));
        assert_eq!(TierRefusal::of(&refused("Tier is not supported")), Some(TierRefusal::Unknown));
        let too_long = "Standard tier parameters support a maximum parameter value of 4096 characters. To create a larger \
                        parameter value, upgrade the parameter to use the advanced-parameter tier.";
        assert_eq!(TierRefusal::of(&refused(too_long)), None);
    }

    #[test]
    fn the_value_is_never_shown() {
        let fields = read(answer(ParameterType::SecureString));
        assert_eq!(fields[&FieldName::Value].to_string(), "[secret]");
        assert!(!format!("{fields:?} {:?}", desired()).contains("hook-4711"));
    }
}
