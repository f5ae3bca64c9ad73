//! What pipelines that are gone left on AWS: found by tags, read one by one, and deleted as a pipeline's deletion
//! would have done it.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use aws::resource::{self, list};
use aws::{Aws, AwsError};
use futures::future::try_join_all;
use pipeline_core::names::{ClusterName, Owner, Ownership};
use pipeline_core::plan::{Observations, plan_deletion};
use pipeline_core::resource::{Field, FieldName, Id, Kind, Observed};
use pipeline_core::text::{counted, printable};
use protocol::PipelineRef;
use serde::Serialize;

use crate::reconcile::apply::{Applied, Outcome, apply};

/// How long to wait for what AWS takes its time to delete.
const PATIENCE: Duration = Duration::from_mins(3);

/// A resource whose pipeline is gone.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Orphan {
    /// Kind of the resource, such as `Queue`.
    pub kind: String,
    /// Its name; that of its function, if it is a mapping.
    pub name: String,
    /// Amazon Resource Name.
    pub arn: String,
    /// Namespace of the pipeline that is gone.
    pub namespace: String,
    /// Name of that pipeline.
    pub pipeline: String,
    /// UID of that pipeline.
    pub uid: String,
    /// Account that it lies in.
    pub account: String,
    /// Region that it lies in; that of the search, if it is a role.
    pub region: String,
    /// Messages in it, if it is a queue.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub messages: Option<u64>,
    /// Whether it fires, if it is a schedule.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub enabled: Option<bool>,
    #[serde(skip)]
    pub(in crate::cli) id: Id,
}

/// Whether a pipeline lives that may have, or take over, what an owner has: also one of the same name that was made anew.
fn lives(living: &BTreeSet<PipelineRef>, owner: &Owner) -> bool {
    living.contains(&owner.pipeline())
}

/// Finds what lies in an account and region with this cluster's tags, and belongs to none of the pipelines that live.
///
/// # Errors
/// AWS does not show something.
pub async fn find(
    aws: &Aws,
    cluster: &ClusterName,
    living: &BTreeSet<PipelineRef>,
) -> Result<BTreeMap<Owner, Vec<Orphan>>, AwsError> {
    let owners = list::owners(aws, cluster).await?;
    let gone = owners.into_iter().filter(|(owner, _)| !lives(living, owner));
    let found = gone.map(|(owner, listed)| async move {
        let orphans = left_by(aws, &owner, listed).await?;
        Ok::<_, AwsError>((owner, orphans))
    });
    // The index of tags still shows some time what is gone.
    Ok(try_join_all(found).await?.into_iter().filter(|(_, orphans)| !orphans.is_empty()).collect())
}

/// All resources of an owner, each confirmed by a direct read: lists are eventually consistent, and incomplete.
///
/// # Errors
/// AWS does not show something.
pub(in crate::cli) async fn left_by(aws: &Aws, owner: &Owner, listed: BTreeSet<Id>) -> Result<Vec<Orphan>, AwsError> {
    let ids: BTreeSet<Id> = list::ids_of(aws, owner).await?.into_iter().chain(listed).collect();
    let reads = ids.into_iter().map(|id| async move {
        let seen = resource::observe(aws, &id, None).await?;
        Ok::<_, AwsError>(seen.map(|seen| (id, seen)))
    });
    let seen = try_join_all(reads).await?.into_iter().flatten();
    let ours = seen.filter(|(_, seen)| owner.ownership(&seen.tags) == Ownership::Ours);
    Ok(ours.map(|(id, seen)| orphan(aws, owner, id, seen)).collect())
}

fn orphan(aws: &Aws, owner: &Owner, id: Id, seen: Observed) -> Orphan {
    let state = seen.fields.get(&FieldName::State);
    Orphan {
        kind: id.kind.to_string(),
        name: id.name.clone(),
        arn: seen.arn,
        namespace: owner.namespace.clone(),
        pipeline: owner.name.clone(),
        uid: owner.uid.clone(),
        account: aws.location.account.clone(),
        region: aws.location.region.clone(),
        messages: seen.depth.map(|depth| depth.visible + depth.in_flight),
        enabled: (id.kind == Kind::Schedule).then(|| state == Some(&Field::plain("ENABLED"))),
        id,
    }
}

/// Deletes what was shown of an owner, in the order of a pipeline's deletion, each after its tags were read once more.
pub async fn delete(aws: &Aws, owner: &Owner, orphans: &[Orphan]) -> Applied {
    let ids = orphans.iter().map(|orphan| orphan.id.clone()).collect();
    apply(aws, owner, &plan_deletion(owner, ids, Observations::new()), PATIENCE).await
}

/// Why each resource is still there that was to be deleted.
pub fn left(applied: &Applied) -> Vec<String> {
    let why = |(id, outcome): (&Id, &Outcome)| match outcome {
        Outcome::Done(_) | Outcome::TagsRefused { .. } => None,
        Outcome::Waiting(wait) => Some(format!("{id}: AWS has not finished: {}", wait.why)),
        Outcome::Failed(error) => Some(format!("{id}: {error}; {}", error.remedy())),
        Outcome::Conflict { whose } => Some(format!("{id}: {whose}")),
        Outcome::Blocked { by } => Some(format!("{id} waits for {by}")),
    };
    applied.outcomes.iter().filter_map(why).collect()
}

/// A list for a person, a paragraph a pipeline.
pub fn text(orphans: &[Orphan]) -> String {
    let of_one = |a: &Orphan, b: &Orphan| (&a.uid, &a.region) == (&b.uid, &b.region);
    orphans.chunk_by(of_one).map(paragraph).collect::<Vec<_>>().join("\n")
}

fn paragraph(orphans: &[Orphan]) -> String {
    let head = orphans.first().map(|Orphan { namespace, pipeline, uid, account, region, .. }| {
        let head = format!("{namespace}/{pipeline}, UID {uid}, in account {account}, {region}:");
        printable(&head).into_owned() + "\n"
    });
    let lines = orphans.iter().map(|orphan| {
        let note = match (orphan.messages, orphan.enabled) {
            (Some(messages @ 1..), _) => format!("  ({})", counted(messages, "message")),
            (_, Some(true)) => "  (fires)".to_owned(),
            _ => String::new(),
        };
        format!("  {:<18} {}{note}\n", orphan.kind, printable(&orphan.arn))
    });
    head.into_iter().chain(lines).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn orphan(kind: Kind, pipeline: &str, messages: Option<u64>, enabled: Option<bool>) -> Orphan {
        let [account, region] = ["111122223333", "eu-west-1"].map(str::to_owned);
        Orphan {
            kind: kind.to_string(),
            name: format!("{pipeline}-x"),
            arn: format!("arn:aws:x:{pipeline}-x"),
            namespace: "team-a".to_owned(),
            pipeline: pipeline.to_owned(),
            uid: format!("uid-of-{pipeline}"),
            account,
            region,
            messages,
            enabled,
            id: Id::new(kind, format!("{pipeline}-x")),
        }
    }

    #[test]
    fn what_holds_messages_or_fires_is_marked() {
        let orphans = [
            orphan(Kind::Queue, "hello", Some(3), None),
            orphan(Kind::Queue, "hello", Some(0), None),
            orphan(Kind::Schedule, "later", None, Some(true)),
        ];
        let expected = "team-a/hello, UID uid-of-hello, in account 111122223333, eu-west-1:\n  \
                        Queue              arn:aws:x:hello-x  (3 messages)\n  \
                        Queue              arn:aws:x:hello-x\n\n\
                        team-a/later, UID uid-of-later, in account 111122223333, eu-west-1:\n  \
                        Schedule           arn:aws:x:later-x  (fires)\n";
        assert_eq!(text(&orphans), expected);
    }

    #[test]
    fn what_a_pipeline_of_the_same_name_can_take_over_is_no_orphan() {
        let owner = Owner {
            cluster: "lab".parse().unwrap(),
            namespace: "team-a".to_owned(),
            name: "hello".to_owned(),
            uid: "uid-0".to_owned(),
        };
        let lives = |namespace: &str, name: &str| {
            let pipeline = PipelineRef { namespace: namespace.to_owned(), name: name.to_owned() };
            lives(&BTreeSet::from([pipeline]), &owner)
        };
        assert!(lives("team-a", "hello"));
        assert!(!lives("team-b", "hello"));
        assert!(!lives("team-a", "other"));
    }
}
