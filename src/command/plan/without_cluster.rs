//! The plan of a pipeline that no cluster has told about: its UID and Secrets are unknown, and what AWS has of it is known
//! by its tags.

use std::collections::BTreeMap;

use jiff::Timestamp;

use crate::apply::observe_all;
use crate::aws::{Accounts, AwsError};
use crate::command::documents::Document;
use crate::configuration::Configuration;
use crate::crd::ScheduledTaskPipelineSpec;
use crate::functions::own_architecture;
use crate::health::Health;
use crate::identity::{ClusterName, Owner, Ownership, tag};
use crate::pipeline::{self, Home, Pipeline, Reason, Refusal, SecretLookup, SecretValues, secret_refs};
use crate::plan::shown::{Knowledge, Shown, changes};
use crate::plan::{Have, plan};
use crate::reconcile::NoPlan;
use crate::resource::{Field, Id, Installation, Kind, Resource, bulk, want};

/// The UID of a pipeline that may have none yet.
const UNKNOWN_UID: &str = "unknown";

/// What plans are made with.
pub(super) struct WithoutCluster {
    pub(super) installation: Installation,
    pub(super) cluster_name: ClusterName,
    pub(super) configuration: Configuration,
    pub(super) accounts: Accounts,
}

impl WithoutCluster {
    /// All that is wrong, whatever AWS has, beside what the API server would refuse.
    pub(super) fn refusals(&self, document: &Document, spec: &ScheduledTaskPipelineSpec) -> Vec<Refusal> {
        let named = |refusal: &Refusal| document.broken.iter().any(|broken| broken.field == refusal.field);
        let refusals = self.resolve(&self.owner(document), spec, true).err().unwrap_or_default();
        refusals.into_iter().filter(|refusal| !named(refusal)).collect()
    }

    pub(super) async fn plan(&self, document: &Document, spec: &ScheduledTaskPipelineSpec) -> Result<Shown, NoPlan> {
        let owner = self.owner(document);
        // What is wrong in any case is said without AWS.
        let Pipeline { target, .. } = self.resolve(&owner, spec, true).map_err(NoPlan::Refused)?;
        let aws = self.accounts.get(&target).await.map_err(|error| NoPlan::Aws(Health::no_aws(&error)))?;
        let no_plan = |error: AwsError| NoPlan::Aws(Health::aws(&error));
        let ids = bulk::ids_of(&aws, &owner).await.map_err(no_plan)?;
        let mut have = whatever_the_uid(observe_all(&aws, ids).await.map_err(no_plan)?, &owner);
        let known = ours(&have, &owner);
        let has_schedule = known.keys().any(|id| id.kind == Kind::Schedule);
        let pipeline = self.resolve(&owner, spec, has_schedule).map_err(NoPlan::Refused)?;
        let want = want(&pipeline, &self.installation, &aws.location);
        same_kind_of_queue(&want, &known)?;
        overlook_secrets(&want, &mut have);
        let knowledge = Knowledge { was_in_sync: false, secrets: false };
        let plan = plan(&owner, want, &known, have).stopped_by_conflict();
        Ok(Shown::new(&owner, &aws.location, changes(&plan, &owner, knowledge), knowledge))
    }

    fn owner(&self, document: &Document) -> Owner {
        Owner {
            cluster: self.cluster_name.clone(),
            namespace: document.namespace.clone(),
            name: document.name.clone(),
            uid: UNKNOWN_UID.to_owned(),
        }
    }

    fn resolve(
        &self,
        owner: &Owner,
        spec: &ScheduledTaskPipelineSpec,
        has_schedule: bool,
    ) -> Result<Pipeline, Vec<Refusal>> {
        let secrets: SecretValues =
            secret_refs(spec).into_iter().map(|used| (used.reference, SecretLookup::NotAsked)).collect();
        let context = pipeline::Context {
            owner,
            now: Timestamp::now(),
            secrets: &secrets,
            default_architecture: own_architecture(),
            available: &self.installation.available(),
            configuration: &self.configuration,
            home: Home { own_region: self.accounts.own_region(), ..Home::default() },
            has_schedule,
        };
        pipeline::resolve(spec, &context)
    }
}

/// What carries the pipeline's names counts as the pipeline's.
fn whatever_the_uid(mut have: Have, owner: &Owner) -> Have {
    for seen in have.values_mut().flatten() {
        if let Ownership::Predecessor { uid: _ } = owner.ownership(&seen.tags) {
            seen.tags.insert(tag::UID.to_owned(), owner.uid.clone());
        }
    }
    have
}

/// What the status of the pipeline would list.
fn ours(have: &Have, owner: &Owner) -> BTreeMap<Id, bool> {
    let seen = have.iter().filter_map(|(id, seen)| Some((id, seen.as_ref()?)));
    let ours = seen.filter(|(_, seen)| owner.ownership(&seen.tags) == Ownership::Ours);
    ours.map(|(id, _)| (id.clone(), true)).collect()
}

/// The API server knows what the kind of queue was, and refuses to change it.
fn same_kind_of_queue(want: &[Resource], known: &BTreeMap<Id, bool>) -> Result<(), NoPlan> {
    let wanted: Vec<Id> = want.iter().map(Resource::id).collect();
    match known.keys().find(|id| id.kind == Kind::Queue && !wanted.contains(id)) {
        None => Ok(()),
        Some(other) => Err(NoPlan::Refused(vec![Refusal {
            reason: Reason::InvalidSpec,
            field: "spec.concurrencyPolicy".to_owned(),
            message: format!("it cannot be changed, and AWS has {other} of this pipeline"),
            hint: Some("delete the pipeline and create it again".to_owned()),
        }])),
    }
}

/// Secrets that are not known are not compared.
fn overlook_secrets(want: &[Resource], have: &mut Have) {
    for resource in want {
        let Some(Some(seen)) = have.get_mut(&resource.id()) else { continue };
        let secrets = resource.fields().into_iter().filter(|(_, field)| matches!(field, Field::Secret(_)));
        seen.fields.extend(secrets);
    }
}
