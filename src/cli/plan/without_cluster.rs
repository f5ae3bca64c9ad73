//! The plan of a pipeline that no cluster has told about: its UID and Secrets are unknown, and what AWS has of it is known
//! by its tags.

use std::collections::{BTreeMap, BTreeSet};

use api::ScheduledTaskPipelineSpec;
use aws::resource::list;
use aws::{Accounts, Aws, AwsError, invocation};
use pipeline_core::archive::UNKNOWN;
use pipeline_core::configuration::Configuration;
use pipeline_core::desired::{Installation, desired};
use pipeline_core::names::{ClusterName, Owner, Ownership, TagKeys, tag};
use pipeline_core::pipeline::Refusal;
use pipeline_core::plan::report::{Knowledge, PlanReport, changes};
use pipeline_core::plan::{Arns, Observations, Recorded, plan};
use pipeline_core::reason::Refused;
use pipeline_core::resource::{Field, Id, Kind, Resource};

use crate::cli::documents::Document;
use crate::cli::offline::Offline;
use crate::reconcile::ReconcileError;
use crate::reconcile::apply::observe_all;

/// What plans are made with.
pub(super) struct WithoutCluster {
    pub(super) installation: Installation,
    pub(super) cluster_name: ClusterName,
    pub(super) configuration: Configuration,
    pub(super) accounts: Accounts,
}

impl WithoutCluster {
    /// All that is wrong, whatever AWS has.
    pub(super) fn refusals(&self, document: &Document, spec: &ScheduledTaskPipelineSpec) -> Vec<Refusal> {
        self.offline().refusals(document, spec)
    }

    pub(super) async fn plan(
        &self,
        document: &Document,
        spec: &ScheduledTaskPipelineSpec,
    ) -> Result<PlanReport, ReconcileError> {
        let offline = self.offline();
        let owner = offline.owner(document);
        // What is wrong in any case is said without AWS.
        let pipeline = offline.resolve(&owner, spec, true).map_err(ReconcileError::Refused)?;
        let aws = self.accounts.get(&pipeline.target).await?;
        let ids = desired(&pipeline, &self.installation, &aws.location).iter().map(Resource::id).collect();
        let mut observed = whatever_the_uid(observe_named(&aws, &owner, ids).await?, &owner);
        let known = ours(&observed, &owner);
        let has_schedule = known.keys().any(|id| id.kind == Kind::Schedule);
        let pipeline = offline.resolve(&owner, spec, has_schedule).map_err(ReconcileError::Refused)?;
        let pipeline = pipeline.within(invocation::account_limit(&aws).await?);
        let desired = desired(&pipeline, &self.installation, &aws.location);
        same_kind_of_queue(&desired, &known).map_err(|refusal| ReconcileError::Refused(vec![refusal]))?;
        overlook_unknown(&desired, &mut observed);
        let knowledge = Knowledge { was_in_sync: false, secrets: false };
        let tags = tags_of_whom(&desired, &observed);
        let plan = plan(&owner, desired, &known, &TagKeys::default(), observed).stopped_by_conflict();
        let mut shown = PlanReport::new(&owner, &aws.location, changes(&plan, knowledge), knowledge);
        shown.not_compared.extend(tags);
        Ok(shown)
    }

    fn offline(&self) -> Offline<'_> {
        Offline {
            artifacts: &self.installation.artifacts,
            configuration: &self.configuration,
            cluster_name: &self.cluster_name,
            own_region: self.accounts.own_region(),
        }
    }
}

/// Observes the desired resources, and all others that AWS may have under the pipeline's names: those that every pipeline
/// can have, and those that the lists of AWS show.
async fn observe_named(aws: &Aws, owner: &Owner, desired: BTreeSet<Id>) -> Result<Observations, AwsError> {
    let owners = list::owners(aws, &owner.cluster).await?;
    let same = |(it, _): &(Owner, _)| (&it.namespace, &it.name) == (&owner.namespace, &owner.name);
    let listed = owners.into_iter().filter(same).flat_map(|(_, ids)| ids);
    let ids: BTreeSet<Id> = list::ids_of(aws, owner).await?.into_iter().chain(desired).chain(listed).collect();
    observe_all(aws, ids, &Arns::new()).await
}

/// What carries the pipeline's names counts as the pipeline's.
fn whatever_the_uid(mut observed: Observations, owner: &Owner) -> Observations {
    for seen in observed.values_mut().flatten() {
        if let Ownership::Predecessor { uid: _ } = owner.ownership(&seen.tags) {
            seen.tags.insert(tag::UID.to_owned(), owner.uid.clone());
        }
    }
    observed
}

/// What the status of the pipeline would list.
fn ours(observed: &Observations, owner: &Owner) -> BTreeMap<Id, Recorded> {
    let seen = observed.iter().filter_map(|(id, seen)| Some((id, seen.as_ref()?)));
    let ours = seen.filter(|(_, seen)| owner.ownership(&seen.tags) == Ownership::Ours);
    ours.map(|(id, _)| (id.clone(), Recorded::Ours)).collect()
}

/// The API server knows what the kind of queue was, and refuses to change it.
fn same_kind_of_queue(desired: &[Resource], known: &BTreeMap<Id, Recorded>) -> Result<(), Refusal> {
    let desired: Vec<Id> = desired.iter().map(Resource::id).collect();
    match known.keys().find(|id| id.kind == Kind::Queue && !desired.contains(id)) {
        None => Ok(()),
        Some(other) => Err(Refusal {
            reason: Refused::InvalidSpec,
            field: "spec.concurrencyPolicy".to_owned(),
            message: format!("it cannot be changed, and AWS has {other} of this pipeline"),
            hint: Some("delete the pipeline and create it again".to_owned()),
        }),
    }
}

/// The tags on AWS that the spec does not name: the operator removes those that it set, and only the status tells which.
fn tags_of_whom(desired: &[Resource], observed: &Observations) -> Option<String> {
    let unnamed = desired.iter().flat_map(|resource| {
        let has =
            observed.get(&resource.id()).and_then(Option::as_ref).map(|seen| seen.tags.clone()).unwrap_or_default();
        let removable = TagKeys::default().with(&has);
        let unnamed = move |key: &String| removable.contains(key) && !TagKeys::default().contains(key);
        has.into_keys().filter(unnamed).filter(|key| !resource.tags().contains_key(key))
    });
    let unnamed: BTreeSet<String> = unnamed.collect();
    let keys = unnamed.into_iter().collect::<Vec<_>>().join(", ");
    (!keys.is_empty()).then(|| format!("whether the tags {keys} are to be removed"))
}

/// Secrets and code that are not known are not compared.
fn overlook_unknown(desired: &[Resource], observed: &mut Observations) {
    for resource in desired {
        let Some(Some(seen)) = observed.get_mut(&resource.id()) else { continue };
        let is_unknown = |field: &Field| matches!(field, Field::Secret(_)) || *field == Field::plain(UNKNOWN);
        seen.fields.extend(resource.fields().into_iter().filter(|(_, field)| is_unknown(field)));
    }
}
