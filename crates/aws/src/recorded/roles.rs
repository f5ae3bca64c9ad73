//! Roles: documents come percent-encoded, inside XML.

use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use pipeline_core::names::Tags;
use pipeline_core::resource::{Kind, Observed, Resource, Role};
use serde_json::{Value, json};

use super::desired::{BOUNDARY, differences, differing, one, seen};
use super::wire::{Answer, Replay};
use crate::Operation;
use crate::resource::{self, Progress};

pub(super) const REPLAYED: &[u8] = &[148, 149, 151, 152, 153, 154, 155, 157, 158, 231];

fn desired() -> Resource {
    one("{}", Kind::Role, "-scheduler")
}

fn role(resource: &Resource) -> &Role {
    match resource {
        Resource::Role(role) => role,
        other => panic!("{} is not a role", other.id()),
    }
}

fn document(document: &Value) -> String {
    utf8_percent_encode(&document.to_string(), NON_ALPHANUMERIC).to_string()
}

fn tags(tags: &Tags) -> String {
    let member = |(key, value)| format!("<member><Key>{key}</Key><Value>{value}</Value></member>");
    let members: String = tags.iter().map(member).collect();
    format!("<Tags>{members}<member><Key>test</Key><Value>value</Value></member></Tags>")
}

/// What IAM shows of a role in any answer.
fn common(role: &Role, arn: &str) -> String {
    let Role { name, path, trust, .. } = role;
    format!(
        "<Path>{path}</Path><RoleName>{name}</RoleName><RoleId>AROAEXAMPLE</RoleId><Arn>{arn}</Arn>\
         <CreateDate>2025-11-25T12:00:00Z</CreateDate>\
         <AssumeRolePolicyDocument>{}</AssumeRolePolicyDocument>",
        document(trust)
    )
}

fn boundary() -> String {
    let kind = "<PermissionsBoundaryType>Policy</PermissionsBoundaryType>";
    format!(
        "<PermissionsBoundary>{kind}<PermissionsBoundaryArn>{BOUNDARY}</PermissionsBoundaryArn></PermissionsBoundary>"
    )
}

/// A role as a list of all that an account has shows it.
pub(super) fn detail(resource: &Resource) -> String {
    let role = role(resource);
    let arn = format!("arn:aws:iam::111122223333:role{}{}", role.path, role.name);
    let policy = document(&role.policy);
    format!(
        "<member>{}<InstanceProfileList/><RolePolicyList><member><PolicyName>task-pipelines</PolicyName>\
         <PolicyDocument>{policy}</PolicyDocument></member></RolePolicyList><AttachedManagedPolicies/>{}{}\
         <RoleLastUsed/></member>",
        common(role, &arn),
        boundary(),
        tags(&role.tags)
    )
}

/// The answers to the two questions about a role.
fn shown(role: &Role, arn: &str, tags: &str) -> [Answer; 2] {
    let added = "<MaxSessionDuration>3600</MaxSessionDuration><RoleLastUsed/>";
    let shown = format!("<Role>{}{added}{}{tags}</Role>", common(role, arn), boundary());
    let policy = format!(
        "<RoleName>{}</RoleName><PolicyName>task-pipelines</PolicyName><PolicyDocument>{}</PolicyDocument>",
        role.name,
        document(&role.policy)
    );
    [Answer::xml(Operation::GetRole, &shown), Answer::xml(Operation::GetRolePolicy, &policy)]
}

async fn seen_as(resource: &Resource, role: &Role, tags: &str) -> Observed {
    let arn = format!("arn:aws:iam::111122223333:role{}{}", role.path, role.name);
    seen(resource, shown(role, &arn, tags)).await.expect("it is there")
}

#[tokio::test]
async fn what_iam_adds_to_a_role_is_no_drift() {
    let desired = desired();
    let seen = seen_as(&desired, role(&desired), &tags(desired.tags())).await;
    assert_eq!(differing(&desired, &seen), [""; 0]);
    assert_eq!(seen.unique_id.as_deref(), Some("AROAEXAMPLE"));
    assert_eq!(seen.since, Some("2025-11-25T12:00:00Z".parse().unwrap()));
    let untagged = seen_as(&desired, role(&desired), "").await;
    assert_eq!(differing(&desired, &untagged).len(), desired.tags().len());
}

#[tokio::test]
async fn a_new_role_may_be_shown_by_its_id() {
    let desired = desired();
    let tags = tags(desired.tags());
    let by_id = seen(&desired, shown(role(&desired), "AROAEXAMPLE", &tags)).await.expect("it is there");
    assert_eq!(differing(&desired, &by_id), [""; 0]);
    // A principal that is one is none that was asked for, until IAM shows it by its ARN.
    let mut of_id = role(&desired).clone();
    of_id.trust["Statement"][0]["Principal"] = json!({"AWS": "AROAEXAMPLE"});
    assert!(differing(&desired, &seen_as(&desired, &of_id, &tags).await).contains(&"trust".to_owned()));
}

#[tokio::test]
async fn what_is_percent_encoded_inside_a_document_stays_so() {
    let encoded = "arn%3Aaws%3Aapigateway%3Aeu-west-1%3A%3A%2Frestapis%2Fa";
    let desired = desired();
    let mut encoding = role(&desired).clone();
    encoding.trust["Statement"][0]["Condition"] = json!({"StringEquals": {"aws:SourceArn": encoded}});
    encoding.policy["Statement"][0]["Resource"] = json!([encoded]);
    let (tags, encoding) = (tags(desired.tags()), Resource::Role(encoding));
    assert_eq!(differing(&encoding, &seen_as(&encoding, role(&encoding), &tags).await), [""; 0]);
    let places = differing(&desired, &seen_as(&desired, role(&encoding), &tags).await);
    assert!(["policy", "trust"].iter().all(|place| places.iter().any(|it| it == place)), "{places:?}");
}

#[tokio::test]
async fn a_role_is_made_with_its_policy_changed_and_deleted_with_it() {
    let desired = desired();
    let arn = "arn:aws:iam::111122223333:role/a";
    // With a boundary or without, the answer shows none; tags it shows.
    for tags in [String::new(), tags(desired.tags())] {
        let made = format!("<Role>{}{tags}</Role>", common(role(&desired), arn));
        let answers = [Answer::xml(Operation::CreateRole, &made), Answer::xml(Operation::PutRolePolicy, "")];
        let replay = Replay::of(answers);
        assert_eq!(resource::create(&replay.aws(), &desired).await, Ok(Progress::Done));
        assert!(replay.asked()[0].contains("PermissionsBoundary="));
    }
    let mut others = role(&desired).clone();
    others.trust["Statement"][0]["Principal"] = json!({"Service": "ec2.amazonaws.com"});
    let observed = seen_as(&desired, &others, &tags(desired.tags())).await;
    let replay = Replay::of([Answer::xml(Operation::UpdateAssumeRolePolicy, "")]);
    let progress = resource::update(&replay.aws(), &desired, &observed, &differences(&desired, &observed), None).await;
    assert_eq!((progress, replay.asked().len()), (Ok(Progress::Done), 1));
    let replay = Replay::of([Operation::DeleteRolePolicy, Operation::DeleteRole].map(|it| Answer::xml(it, "")));
    assert_eq!(resource::delete(&replay.aws(), &desired.id(), &observed).await, Ok(Progress::Done));
    assert_eq!(replay.asked().len(), 2);
}
