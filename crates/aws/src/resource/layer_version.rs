//! Versions of Lambda layers.
//! <https://docs.aws.amazon.com/lambda/latest/api/API_PublishLayerVersion.html>
//!
//! A version is immutable, has a number that AWS assigns, and cannot be tagged: its description names its owner and the
//! digest of its content, and it is found by that. New content is a new version; the old one is deleted when no function
//! uses it. Publishing always adds a version, even to a layer of another owner.

mod bucket;

use std::sync::Arc;
use std::time::Duration;

use aws_sdk_lambda::operation::list_layer_versions::ListLayerVersionsOutput;
use aws_sdk_lambda::operation::publish_layer_version::PublishLayerVersionOutput;
use aws_sdk_lambda::types::{Architecture, LayerVersionContentInput, LayerVersionsListItem, LayersListItem, Runtime};
use aws_smithy_runtime_api::client::result::SdkError;
use pipeline_core::archive::Zip;
use pipeline_core::arn::Arn;
use pipeline_core::code::{Artifact, S3Object};
use pipeline_core::names::{Owner, Part, Tags, tag};
use pipeline_core::pipeline::{LayerContent, Packages};
use pipeline_core::resource::{Field, FieldName, Fields, Id, LayerVersion, LayerZip, Observed};

use super::function::Upload;
use super::{Changed, Progress, pages};
use crate::{Aws, AwsError};

/// Layers or versions on a page of a list, the most there are.
/// <https://docs.aws.amazon.com/lambda/latest/api/API_ListLayerVersions.html>
const LIST_PAGE: i32 = 50;

/// Where Lambda gets a version's zip from.
enum Source<'a> {
    /// A file, which the call carries.
    Disk(&'a Artifact),
    /// Bytes, which the call carries.
    Memory(&'a Arc<Zip>),
    /// An object, which Lambda fetches.
    S3(&'a S3Object),
}

pub(super) async fn create(aws: &Aws, desired: &LayerVersion) -> Result<Progress, AwsError> {
    let answer = match (&desired.content.content, &desired.zip) {
        // The version existed when the reconcile began, so its zip was not built.
        (LayerContent::Python(_), None) => return Ok(Progress::waiting("its zip to be built", Duration::ZERO)),
        (LayerContent::Python(_), Some(LayerZip::InCall(zip))) => publish(aws, desired, Source::Disk(zip)).await?,
        (LayerContent::Python(_), Some(LayerZip::InBucket { zip, object })) => {
            let publish = publish(aws, desired, Source::S3(object));
            bucket::published(aws, zip, object, &aws.location.layer_arn(&desired.layer), publish).await?
        }
        (LayerContent::Zip(zip), _) => publish(aws, desired, Source::Memory(zip)).await?,
        (LayerContent::S3(object), _) => publish(aws, desired, Source::S3(object)).await?,
    };
    // Returned instead of read: a version that AWS does not list yet would be published again.
    Ok(Progress::Made(Box::new(Observed {
        arn: answer.layer_version_arn.unwrap_or_default(),
        tags: desired.owner_tags.clone(),
        fields: desired.fields(),
        revision: Some(answer.version.to_string()),
        ..Observed::default()
    })))
}

async fn publish(aws: &Aws, desired: &LayerVersion, source: Source<'_>) -> Result<PublishLayerVersionOutput, AwsError> {
    let content = LayerVersionContentInput::builder();
    let content = match source {
        Source::Disk(_) | Source::Memory(_) => content.zip_file(Upload::placeholder()),
        Source::S3(S3Object { bucket, key, version }) => {
            content.s3_bucket(bucket).s3_key(key).set_s3_object_version(version.clone())
        }
    };
    let request = aws
        .lambda
        .publish_layer_version()
        .layer_name(&desired.layer)
        .description(description(&desired.owner_tags, &desired.content.digest()))
        .content(content.build());
    let request = match &desired.content.content {
        LayerContent::Python(Packages { version, architecture, requirements: _ }) => request
            .compatible_runtimes(Runtime::from(format!("python{version}").as_str()))
            .compatible_architectures(Architecture::from(architecture.as_str())),
        LayerContent::Zip(_) | LayerContent::S3(_) => request,
    };
    let filled_in = || async {
        let upload = match source {
            Source::Disk(zip) => {
                let upload = Upload::read(zip, aws.uploads(), &aws.location.layer_arn(&desired.layer)).await;
                Some(upload.map_err(SdkError::construction_failure)?)
            }
            Source::Memory(zip) => Some(Upload::of(zip)),
            Source::S3(_) => None,
        };
        Ok(Upload::fill_in(upload, request.clone().customize()))
    };
    aws.call_prepared(filled_in).await
}

pub(super) async fn update(aws: &Aws, desired: &LayerVersion, changed: Changed<'_>) -> Result<Progress, AwsError> {
    let (layer, content) = (desired.layer.as_str(), desired.content.digest());
    if changed.any(&[FieldName::Copies]) {
        for copy in versions(aws, layer).await?.iter().filter(|it| is_of(it, &content)).skip(1) {
            delete_version(aws, layer, copy.version).await?;
        }
        return Ok(Progress::waiting("its copies to be gone", Duration::ZERO));
    }
    Ok(Progress::Done)
}

pub(super) async fn observe(aws: &Aws, name: &str) -> Result<Option<Observed>, AwsError> {
    let (layer, content) = LayerVersion::parts(name);
    let versions = versions(aws, layer).await?;
    let mut ours = versions.iter().filter(|version| is_of(version, content));
    if let Some(first) = ours.next() {
        let mut seen = read(first);
        let copies = ours.count();
        if copies > 0 {
            // The desired state never has this field, so duplicates (published again after a lost answer) are deleted.
            seen.fields.insert(FieldName::Copies, Field::plain(copies + 1));
        }
        return Ok(Some(seen));
    }
    // Any version without our description shows that the layer belongs to somebody else.
    Ok(versions.iter().find(|version| said(version).is_none()).map(read))
}

/// All versions of a layer, the oldest first.
async fn versions(aws: &Aws, layer: &str) -> Result<Vec<LayerVersionsListItem>, AwsError> {
    let request = |marker| aws.lambda.list_layer_versions().layer_name(layer).max_items(LIST_PAGE).set_marker(marker);
    let page = |answer: ListLayerVersionsOutput| (answer.layer_versions.unwrap_or_default(), answer.next_marker);
    let mut found = match pages::all(aws, request, page).await {
        Err(error) if error.is_not_found() => Vec::new(),
        found => found?,
    };
    found.sort_by_key(|version| version.version);
    Ok(found)
}

/// The latest version of each layer of ours. A pipeline in sync has no other versions.
pub(super) async fn list(aws: &Aws) -> Result<Vec<(Id, Observed)>, AwsError> {
    let ours = |layer: LayersListItem| {
        let (name, latest) = (layer.layer_name?, layer.latest_matching_version?);
        Some((LayerVersion::id_of(&name, &said(&latest)?.content), read(&latest)))
    };
    let request = |marker| aws.lambda.list_layers().max_items(LIST_PAGE).set_marker(marker);
    pages::all(aws, request, |answer| {
        (answer.layers.unwrap_or_default().into_iter().filter_map(ours).collect(), answer.next_marker)
    })
    .await
}

/// All versions of a pipeline's layers, whatever their content.
pub(super) async fn ids_of(aws: &Aws, owner: &Owner) -> Result<Vec<Id>, AwsError> {
    let front = owner.part(Part::Layer(""));
    let mut found = Vec::new();
    for (latest, _) in list(aws).await?.into_iter().filter(|(id, _)| id.name.starts_with(&front)) {
        let (layer, _) = LayerVersion::parts(&latest.name);
        found.extend(
            versions(aws, layer).await?.iter().filter_map(|it| Some(LayerVersion::id_of(layer, &said(it)?.content))),
        );
    }
    Ok(found)
}

pub(super) async fn delete(aws: &Aws, name: &str, observed: &Observed) -> Result<Progress, AwsError> {
    let (layer, _) = LayerVersion::parts(name);
    delete_version(aws, layer, number(&observed.arn)).await?;
    // Observe again: there may be a duplicate.
    Ok(Progress::waiting("the version to be gone", Duration::ZERO))
}

async fn delete_version(aws: &Aws, layer: &str, version: i64) -> Result<(), AwsError> {
    let request = aws.lambda.delete_layer_version().layer_name(layer).version_number(version);
    aws.call(request).await?;
    Ok(())
}

/// A version's ARN ends in its number.
fn number(arn: &str) -> i64 {
    Arn::parse(arn).and_then(|arn| arn.name().parse().ok()).unwrap_or_default()
}

fn read(version: &LayerVersionsListItem) -> Observed {
    let mut fields = Fields::new();
    let runtime = version.compatible_runtimes().first();
    fields.extend(runtime.map(|runtime| (FieldName::CompatibleRuntime, Field::plain(runtime.as_str()))));
    let architecture = version.compatible_architectures().first();
    fields.extend(architecture.map(|it| (FieldName::CompatibleArchitecture, Field::plain(it.as_str()))));
    Observed {
        arn: version.layer_version_arn.clone().unwrap_or_default(),
        tags: said(version).map(|said| said.owner_tags).unwrap_or_default(),
        fields,
        revision: Some(version.version.to_string()),
        ..Observed::default()
    }
}

fn is_of(version: &LayerVersionsListItem, content: &str) -> bool {
    said(version).is_some_and(|said| said.content == content)
}

/// The content of a version's description.
#[derive(Debug, PartialEq, Eq)]
struct Said {
    owner_tags: Tags,
    content: String,
}

const INTRODUCTION: &str = "Task Pipelines: ";
const OWNER: [&str; 3] = [tag::CLUSTER, tag::NAMESPACE, tag::NAME];

/// Says whose a version is, and of what content: at most 256 characters. Names in Kubernetes hold no `/` and no space.
fn description(owner_tags: &Tags, content: &str) -> String {
    let value = |key: &str| owner_tags.get(key).map(String::as_str).unwrap_or_default();
    format!("{INTRODUCTION}{}, uid {}, content {content}", OWNER.map(value).join("/"), value(tag::UID))
}

fn said(version: &LayerVersionsListItem) -> Option<Said> {
    let (owner, rest) = version.description()?.strip_prefix(INTRODUCTION)?.split_once(", uid ")?;
    let (uid, content) = rest.split_once(", content ")?;
    let names: Vec<&str> = owner.split('/').collect();
    let names: [&str; 3] = names.try_into().ok()?;
    let values = OWNER.into_iter().zip(names).chain([(tag::UID, uid)]);
    let owner_tags = values.map(|(key, value)| (key.to_owned(), value.to_owned())).collect();
    Some(Said { owner_tags, content: content.to_owned() })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use pipeline_core::pipeline::{Layer, MAX_OWNER};
    use pipeline_core::test_support::owner;

    use super::*;

    fn desired() -> LayerVersion {
        let packages = Packages {
            version: "3.13".to_owned(),
            architecture: api::Architecture::Arm64,
            requirements: BTreeSet::from(["humanize==4.13.0".to_owned()]),
        };
        LayerVersion {
            layer: "a-layer-deps".to_owned(),
            content: Layer { name: "deps".to_owned(), content: LayerContent::Python(packages) },
            zip: None,
            object: None,
            owner_tags: owner().tags(),
        }
    }

    fn answer(description: &str) -> LayerVersionsListItem {
        LayerVersionsListItem::builder()
            .layer_version_arn("arn:aws:lambda:eu-west-1:111122223333:layer:a-layer-deps:7")
            .version(7)
            .description(description)
            .compatible_runtimes(Runtime::Python313)
            .compatible_architectures(Architecture::Arm64)
            .build()
    }

    #[test]
    fn what_was_published_reads_back_as_wanted() {
        let desired = desired();
        let seen = answer(&description(&desired.owner_tags, &desired.content.digest()));
        assert_eq!((read(&seen).fields, read(&seen).tags), (desired.fields(), desired.owner_tags.clone()));
        assert!(is_of(&seen, LayerVersion::parts(&desired.id().name).1));
        assert_eq!((LayerVersion::parts(&desired.id().name).0, number(&read(&seen).arn)), ("a-layer-deps", 7));
    }

    #[test]
    fn a_foreign_description_names_no_owner() {
        for text in ["", "numpy", "Task Pipelines: ", "Task Pipelines: lab/team-a, uid 1, content a", "lab/a/b, uid 1"]
        {
            assert_eq!(said(&answer(text)), None, "{text}");
            assert_eq!(read(&answer(text)).tags, Tags::new(), "{text}");
        }
    }

    #[test]
    fn the_longest_description_fits() {
        let longest = Owner { name: "n".repeat(MAX_OWNER - 9), uid: "u".repeat(36), ..owner() };
        let text = description(&longest.tags(), &desired().content.digest());
        assert!(text.len() <= 256, "{} characters", text.len());
    }
}
