//! The lists that a sweep reads, of all that a pipeline has.

use pipeline_core::names::Owner;
use pipeline_core::resource::{Difference, Kind, Place, Resource};
use pipeline_core::test_support::owner;
use serde_json::{Value, json};

use super::desired::{all, differences, location, tag_list, with};
use super::functions::shown;
use super::logs_and_parameters::shown_group;
use super::roles::detail;
use super::wire::{Answer, Replay};
use crate::Operation;
use crate::resource::list::{IndividualReads, list, shows, shows_tags};

pub(super) const REPLAYED: &[u8] = &[15, 174, 234];

/// Whether lists show the place of a difference.
fn is_listed(kind: Kind, difference: &Difference) -> bool {
    match &difference.place {
        Place::Field { name, .. } => shows(kind, *name),
        Place::Tag(_) => shows_tags(kind),
    }
}

/// The functions as a list shows them: without what they are doing.
fn functions(resources: &[Resource]) -> Vec<Value> {
    let of = resources.iter().filter(|it| it.id().kind == Kind::Function);
    let left_out = json!({"State": null, "LastUpdateStatus": null, "RuntimeVersionConfig": null});
    of.map(|it| with(&shown(it), left_out.clone())).collect()
}

#[tokio::test]
async fn a_sweep_sees_no_drift_in_functions_roles_and_log_groups() {
    let resources = all("functions: [{name: report, runtime: python3.12, handler: index.handler, code: {inline: x}}]");
    let of = |kind: Kind| resources.iter().filter(move |it| it.id().kind == kind);
    let roles: String = of(Kind::Role).map(detail).collect();
    let roles = format!("<IsTruncated>false</IsTruncated><RoleDetailList>{roles}</RoleDetailList>");
    let groups: Vec<Value> = of(Kind::LogGroup).map(shown_group).collect();
    let tagged = of(Kind::Function)
        .chain(of(Kind::LogGroup))
        .map(|it| json!({"ResourceARN": it.arn(&location()), "Tags": tag_list(it.tags())}));
    let tagged: Value = tagged.collect();
    let replay = Replay::of([
        Answer::json(json!({"Functions": functions(&resources)})).to("/functions"),
        Answer::json(json!({"EventSourceMappings": []})).to("/event-source-mappings"),
        Answer::json(json!({"Schedules": []})).to("/schedules"),
        Answer::xml(Operation::GetAccountAuthorizationDetails, &roles).to("Action=GetAccountAuthorizationDetails"),
        Answer::json(json!({"logGroups": groups})).to("DescribeLogGroups"),
        Answer::json(json!({"Parameters": []})).to("DescribeParameters"),
        // The last page ends in an empty token.
        Answer::json(json!({"PaginationToken": "", "ResourceTagMappingList": tagged})).to("GetResources"),
    ]);
    let Owner { cluster, .. } = owner();
    let listed = list(&replay.aws(), &cluster, &IndividualReads::default()).await.unwrap();
    replay.asked();
    for resource in of(Kind::Function).chain(of(Kind::Role)).chain(of(Kind::LogGroup)) {
        let id = resource.id();
        let seen = listed.get(&id).unwrap_or_else(|| panic!("{id} is not listed"));
        let mut drift = differences(resource, seen);
        drift.retain(|difference| is_listed(id.kind, difference));
        // What becomes of failed invocations is read by itself.
        drift.retain(|difference| !difference.place.to_string().starts_with("async"));
        assert_eq!(drift, [], "{id}");
    }
}
