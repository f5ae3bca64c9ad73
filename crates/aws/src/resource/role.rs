//! IAM roles with one inline policy. <https://docs.aws.amazon.com/IAM/latest/APIReference/API_CreateRole.html>
//!
//! `CreateRole` is not idempotent and role names are unique per account, so "exists" is always investigated. A new role
//! cannot be assumed for some seconds; a call that passes it waits.

mod foreign;

use aws_sdk_iam::primitives::DateTime;
use aws_sdk_iam::types::{EntityType, RoleDetail, Tag};
use jiff::Timestamp;
use pipeline_core::iam::Document;
use pipeline_core::names::Tags;
use pipeline_core::resource::{Field, FieldName, Fields, Id, Kind, Observed, Role};

use super::{Changed, Progress, pages};
use crate::{Aws, AwsError};

/// Name of the inline policy; a role of ours has this one alone.
const POLICY_NAME: &str = "task-pipelines";

/// Roles on a page of a list, the most there are.
const LIST_PAGE: i32 = 1000;

pub(super) async fn create(aws: &Aws, role: &Role) -> Result<Progress, AwsError> {
    let request = aws
        .iam
        .create_role()
        .role_name(&role.name)
        .path(&role.path)
        .assume_role_policy_document(role.trust.to_string())
        .set_permissions_boundary(role.boundary.clone())
        .set_tags(Some(sdk_tags(&role.tags)));
    aws.call(request).await?;
    put_policy(aws, role).await?;
    Ok(Progress::Done)
}

pub(super) async fn update(aws: &Aws, role: &Role, changed: Changed<'_>) -> Result<Progress, AwsError> {
    if changed.any(&[FieldName::Trust]) {
        let request = aws.iam.update_assume_role_policy().role_name(&role.name).policy_document(role.trust.to_string());
        aws.call(request).await?;
    }
    if changed.any(&[FieldName::PermissionsBoundary]) {
        put_boundary(aws, role).await?;
    }
    if changed.any(&[FieldName::Policy]) {
        put_policy(aws, role).await?;
    }
    Ok(Progress::Done)
}

async fn put_policy(aws: &Aws, role: &Role) -> Result<(), AwsError> {
    let request = aws
        .iam
        .put_role_policy()
        .role_name(&role.name)
        .policy_name(POLICY_NAME)
        .policy_document(role.policy.to_string());
    aws.call(request).await?;
    Ok(())
}

async fn put_boundary(aws: &Aws, role: &Role) -> Result<(), AwsError> {
    if let Some(boundary) = &role.boundary {
        let request = aws.iam.put_role_permissions_boundary().role_name(&role.name).permissions_boundary(boundary);
        aws.call(request).await?;
    } else {
        let request = aws.iam.delete_role_permissions_boundary().role_name(&role.name);
        aws.call(request).await?;
    }
    Ok(())
}

pub(super) async fn observe(aws: &Aws, name: &str) -> Result<Option<Observed>, AwsError> {
    let request = aws.iam.get_role().role_name(name);
    let Some(role) = aws.find(request).await?.and_then(|answer| answer.role) else {
        return Ok(None);
    };
    let mut fields = Fields::from([(FieldName::Path, Field::plain(role.path.as_str()))]);
    if let Some(trust) = &role.assume_role_policy_document {
        fields.insert(FieldName::Trust, Field::Policy(Document::decode(trust)));
    }
    if let Some(boundary) = role.permissions_boundary.and_then(|boundary| boundary.permissions_boundary_arn) {
        fields.insert(FieldName::PermissionsBoundary, Field::plain(boundary));
    }
    let request = aws.iam.get_role_policy().role_name(name).policy_name(POLICY_NAME);
    if let Some(answer) = aws.find(request).await? {
        fields.insert(FieldName::Policy, Field::Policy(Document::decode(&answer.policy_document)));
    }
    let tags = read_tags(role.tags);
    let since = moment(&role.create_date);
    Ok(Some(Observed {
        arn: role.arn,
        tags,
        fields,
        revision: Some(role.role_id.clone()),
        unique_id: Some(role.role_id),
        since,
        ..Observed::default()
    }))
}

/// All roles of the account, each with the same fields as a read.
pub(super) async fn list(aws: &Aws) -> Result<Vec<(Id, Observed)>, AwsError> {
    let shown = |role: RoleDetail| Some((Id::new(Kind::Role, role.role_name()?), read(role)));
    let request = |marker| {
        aws.iam.get_account_authorization_details().filter(EntityType::Role).max_items(LIST_PAGE).set_marker(marker)
    };
    pages::all(aws, request, |answer| {
        (
            answer.role_detail_list.unwrap_or_default().into_iter().filter_map(shown).collect(),
            answer.marker.filter(|_| answer.is_truncated),
        )
    })
    .await
}

fn read(role: RoleDetail) -> Observed {
    let by_others = foreign::policies(&role);
    let mut fields = Fields::new();
    fields.extend(role.path.map(|path| (FieldName::Path, Field::plain(path))));
    fields.extend(
        role.assume_role_policy_document.map(|trust| (FieldName::Trust, Field::Policy(Document::decode(&trust)))),
    );
    let boundary = role.permissions_boundary.and_then(|boundary| boundary.permissions_boundary_arn);
    fields.extend(boundary.map(|boundary| (FieldName::PermissionsBoundary, Field::plain(boundary))));
    let policies = role.role_policy_list.unwrap_or_default();
    let ours = policies.into_iter().find(|policy| policy.policy_name() == Some(POLICY_NAME));
    let document = ours.and_then(|policy| policy.policy_document);
    fields.extend(document.map(|document| (FieldName::Policy, Field::Policy(Document::decode(&document)))));
    Observed {
        arn: role.arn.unwrap_or_default(),
        tags: read_tags(role.tags),
        fields,
        revision: role.role_id.clone(),
        unique_id: role.role_id,
        since: role.create_date.as_ref().and_then(moment),
        by_others,
        ..Observed::default()
    }
}

fn read_tags(tags: Option<Vec<Tag>>) -> Tags {
    tags.unwrap_or_default().into_iter().map(|tag| (tag.key, tag.value)).collect()
}

fn moment(moment: &DateTime) -> Option<Timestamp> {
    Timestamp::from_second(moment.secs()).ok()
}

/// Deletes our inline policy, then the role. Policies that others attached are kept, and make AWS refuse the deletion.
pub(super) async fn delete(aws: &Aws, name: &str) -> Result<Progress, AwsError> {
    let request = aws.iam.delete_role_policy().role_name(name).policy_name(POLICY_NAME);
    aws.find(request).await?;
    let request = aws.iam.delete_role().role_name(name);
    match aws.call(request).await {
        Ok(_) => Ok(Progress::Done),
        Err(refusal) if refusal.code == "DeleteConflict" => Err(foreign::explain(aws, name, refusal).await),
        Err(error) => Err(error),
    }
}

pub(super) async fn put_tags(aws: &Aws, name: &str, tags: &Tags) -> Result<(), AwsError> {
    let request = aws.iam.tag_role().role_name(name).set_tags(Some(sdk_tags(tags)));
    aws.call(request).await?;
    Ok(())
}

pub(super) async fn remove_tags(aws: &Aws, name: &str, keys: Vec<String>) -> Result<(), AwsError> {
    let request = aws.iam.untag_role().role_name(name).set_tag_keys(Some(keys));
    aws.call(request).await?;
    Ok(())
}

fn sdk_tags(tags: &Tags) -> Vec<Tag> {
    // The builder refuses only a missing key or value.
    tags.iter().filter_map(|(key, value)| Tag::builder().key(key).value(value).build().ok()).collect()
}
