//! Observes the resources of many pipelines at once, by lists of an account and region.
//!
//! Lists show less than a read: changes of hidden fields show up as a new revision, or are read individually. Lists are
//! also eventually consistent, the index of tags most of all. So they only ever cause a reconcile, never a write.

use std::collections::{BTreeMap, BTreeSet};

use aws_sdk_resourcegroupstagging::types::{ResourceTagMapping, TagFilter};
use futures::future::try_join_all;
use futures::try_join;
use pipeline_core::desired::possible_ids;
use pipeline_core::names::{ClusterName, Owner, Tags, tag};
use pipeline_core::resource::{FieldName, Fields, Id, Kind, Observed};

use super::{event_source_mapping, function, layer_version, log_group, pages, parameter, queue, role, schedule};
use crate::{Aws, AwsError};

/// Listed resources. A resource that is missing does not exist, or is not listed yet.
pub type ListedResources = BTreeMap<Id, Observed>;

/// The resources to read individually, since lists do not show them or their settings.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct IndividualReads {
    /// Names of queues.
    pub queues: BTreeSet<String>,
    /// Names of functions that have settings for asynchronous invocations.
    pub async_functions: BTreeSet<String>,
    /// Whether any pipeline has layers.
    pub layers: bool,
}

/// Resources on a page of the index of tags, the most there are.
/// <https://docs.aws.amazon.com/resourcegroupstagging/latest/APIReference/API_GetResources.html>
const TAGS_PAGE: i32 = 100;

/// The resource types to look up in the index of tags. Roles list their tags themselves, and schedules have none.
const TAGGED: [&str; 6] = [
    "lambda:function",
    "lambda:event-source-mapping",
    "sqs",
    "logs:log-group",
    "scheduler:schedule-group",
    "ssm:parameter",
];

/// Lists all that this cluster's pipelines may have in an account and region, and more.
///
/// # Errors
/// The first list that AWS refuses.
pub async fn list(
    aws: &Aws,
    cluster: &ClusterName,
    individually: &IndividualReads,
) -> Result<ListedResources, AwsError> {
    let parameters = format!("/taskpipelines/{cluster}");
    let (layers, functions, mappings, schedules, roles, log_groups, parameters, queues, asyncs, tags) = try_join!(
        Box::pin(layers(aws, individually.layers)),
        Box::pin(function::list(aws)),
        Box::pin(event_source_mapping::list(aws)),
        Box::pin(schedule::list(aws)),
        Box::pin(role::list(aws)),
        Box::pin(log_group::list(aws)),
        Box::pin(parameter::list(aws, &parameters)),
        Box::pin(queues(aws, &individually.queues)),
        Box::pin(asyncs(aws, &individually.async_functions)),
        Box::pin(tags(aws, cluster)),
    )?;
    let mut listed: ListedResources =
        [layers, functions, mappings, schedules, roles, log_groups, parameters, queues].into_iter().flatten().collect();
    for (name, fields) in asyncs {
        if let Some(function) = listed.get_mut(&Id::new(Kind::Function, name)) {
            function.fields.extend(fields);
        }
    }
    put_tags(&mut listed, tags, aws);
    Ok(listed)
}

async fn layers(aws: &Aws, included: bool) -> Result<Vec<(Id, Observed)>, AwsError> {
    if included { layer_version::list(aws).await } else { Ok(Vec::new()) }
}

/// The attributes of these queues, without their tags. Queues that do not exist are left out.
///
/// # Errors
/// AWS does not show one.
pub async fn queues(aws: &Aws, names: &BTreeSet<String>) -> Result<Vec<(Id, Observed)>, AwsError> {
    let looks = names.iter().map(|name| async move {
        let seen = queue::observe_without_tags(aws, name).await?;
        Ok::<_, AwsError>(seen.map(|seen| (Id::new(Kind::Queue, name), seen)))
    });
    Ok(try_join_all(looks).await?.into_iter().flatten().collect())
}

async fn asyncs(aws: &Aws, functions: &BTreeSet<String>) -> Result<Vec<(String, Fields)>, AwsError> {
    let looks =
        functions.iter().map(|name| async move { Ok((name.clone(), function::observe_async(aws, name).await?)) });
    try_join_all(looks).await
}

/// The pipelines of a cluster that own anything in an account and region, each with those of its resources whose names
/// may depend on the spec.
///
/// # Errors
/// AWS does not show its tags or its roles.
pub async fn owners(aws: &Aws, cluster: &ClusterName) -> Result<BTreeMap<Owner, BTreeSet<Id>>, AwsError> {
    let (tagged, roles, layers) =
        try_join!(Box::pin(tags(aws, cluster)), Box::pin(role::list(aws)), Box::pin(layer_version::list(aws)))?;
    let tagged = tagged.into_iter().map(|(arn, tags)| (id_of(&arn), tags));
    let untagged = roles.into_iter().chain(layers).map(|(id, seen)| (Some(id), seen.tags));
    let mut owners: BTreeMap<Owner, BTreeSet<Id>> = BTreeMap::new();
    for (id, tags) in tagged.chain(untagged) {
        if let Some(owner) = Owner::of(&tags).filter(|owner| owner.cluster == *cluster) {
            owners.entry(owner).or_default().extend(id);
        }
    }
    Ok(owners)
}

/// The resource of an ARN, for the kinds whose names can depend on the spec.
fn id_of(arn: &str) -> Option<Id> {
    let mut parts = arn.splitn(6, ':').skip(2);
    let (service, resource) = (parts.next()?, parts.nth(2)?);
    let (kind, name) = match service {
        "lambda" => (Kind::Function, resource.strip_prefix("function:")?),
        "logs" => (Kind::LogGroup, resource.strip_prefix("log-group:")?),
        "ssm" => (Kind::Parameter, resource.strip_prefix("parameter")?),
        _ => return None,
    };
    Some(Id::new(kind, name))
}

/// Ids of all resources whose names depend on the owner alone, and of all its layer versions.
///
/// # Errors
/// AWS does not show its layers.
pub async fn ids_of(aws: &Aws, owner: &Owner) -> Result<BTreeSet<Id>, AwsError> {
    let layers = layer_version::ids_of(aws, owner).await?;
    Ok(possible_ids(owner).into_iter().chain(layers).collect())
}

/// The tags of all resources with this cluster's tag, by ARN.
async fn tags(aws: &Aws, cluster: &ClusterName) -> Result<BTreeMap<String, Tags>, AwsError> {
    let ours = TagFilter::builder().key(tag::CLUSTER).values(cluster.to_string()).build();
    let tagged = |resource: ResourceTagMapping| {
        let tags = resource.tags.unwrap_or_default().into_iter().map(|tag| (tag.key, tag.value)).collect();
        Some((resource.resource_arn?, tags))
    };
    let request = |token| {
        let request = aws.tagging.get_resources().tag_filters(ours.clone()).resources_per_page(TAGS_PAGE);
        request.set_resource_type_filters(Some(TAGGED.map(str::to_owned).into())).set_pagination_token(token)
    };
    let found = pages::all(aws, request, |answer| {
        (
            answer.resource_tag_mapping_list.unwrap_or_default().into_iter().filter_map(tagged).collect(),
            answer.pagination_token,
        )
    });
    Ok(found.await?.into_iter().collect())
}

/// Adds tags to the listed resources. Schedule groups are known only from their tags, so this lists them too.
fn put_tags(listed: &mut ListedResources, mut tags: BTreeMap<String, Tags>, aws: &Aws) {
    for (id, seen) in listed.iter_mut() {
        if let Some(tags) = tags.remove(&seen.arn) {
            seen.tags = tags;
        }
        if id.kind == Kind::Function {
            function::take_mark(seen);
        }
    }
    let group_arn = aws.location.schedule_group_arn("");
    for (arn, tags) in tags {
        if let Some(name) = arn.strip_prefix(&group_arn) {
            let id = Id::new(Kind::ScheduleGroup, name);
            listed.insert(id, Observed { arn, tags, ..Observed::default() });
        }
    }
}

/// Whether lists show this field of a kind. Changes of the others show up as a new revision.
pub fn shows(kind: Kind, field: FieldName) -> bool {
    match kind {
        Kind::Schedule => schedule::LISTED.contains(&field),
        Kind::Parameter => parameter::LISTED.contains(&field),
        Kind::Function => !function::LISTED_NOT.contains(&field),
        Kind::LogGroup
        | Kind::Queue
        | Kind::Role
        | Kind::ScheduleGroup
        | Kind::LayerVersion
        | Kind::EventSourceMapping => true,
    }
}

/// Whether lists show the tags of a kind. A schedule has none; its description names the owner.
pub const fn shows_tags(kind: Kind) -> bool {
    match kind {
        Kind::Schedule => false,
        Kind::LogGroup
        | Kind::Queue
        | Kind::Parameter
        | Kind::Role
        | Kind::ScheduleGroup
        | Kind::LayerVersion
        | Kind::Function
        | Kind::EventSourceMapping => true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_spec_named_is_known_by_its_arn() {
        for (arn, expected) in [
            ("arn:aws:lambda:eu-west-1:1:function:a-fn-b", Some(Id::new(Kind::Function, "a-fn-b"))),
            ("arn:aws:logs:eu-west-1:1:log-group:/aws/lambda/a", Some(Id::new(Kind::LogGroup, "/aws/lambda/a"))),
            (
                "arn:aws:ssm:eu-west-1:1:parameter/taskpipelines/c/a/b",
                Some(Id::new(Kind::Parameter, "/taskpipelines/c/a/b")),
            ),
            ("arn:aws:lambda:eu-west-1:1:event-source-mapping:uuid", None),
            ("arn:aws:sqs:eu-west-1:1:a-tasks", None),
            ("a", None),
        ] {
            assert_eq!(id_of(arn), expected, "{arn}");
        }
    }
}
