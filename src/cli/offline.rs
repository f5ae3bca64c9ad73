//! Pipelines of files as the operator would resolve them, without a cluster: no UID and no Secret is known.

use api::ScheduledTaskPipelineSpec;
use jiff::Timestamp;
use pipeline_core::code::Artifacts;
use pipeline_core::configuration::Configuration;
use pipeline_core::names::{ClusterName, Owner};
use pipeline_core::pipeline::{
    self, ConfigMapLookup, ConfigMaps, Home, Pipeline, Refusal, SecretLookup, SecretValues, config_map_refs,
    secret_refs,
};

use super::documents::Document;
use crate::artifacts::builtin::own_architecture;

/// The UID of a pipeline that may have none yet.
const UNKNOWN_UID: &str = "unknown";

/// What is known without a cluster.
#[derive(Clone, Copy, Debug)]
pub(super) struct Offline<'a> {
    pub(super) artifacts: &'a Artifacts,
    pub(super) configuration: &'a Configuration,
    pub(super) cluster_name: &'a ClusterName,
    pub(super) own_region: Option<&'a str>,
}

impl Offline<'_> {
    pub(super) fn owner(&self, document: &Document) -> Owner {
        Owner {
            cluster: self.cluster_name.clone(),
            namespace: document.namespace.clone(),
            name: document.name.clone(),
            uid: UNKNOWN_UID.to_owned(),
        }
    }

    /// All that is wrong, whatever AWS has, beside what the API server would refuse.
    pub(super) fn refusals(&self, document: &Document, spec: &ScheduledTaskPipelineSpec) -> Vec<Refusal> {
        let named = |refusal: &Refusal| document.broken.iter().any(|broken| broken.field == refusal.field);
        let refusals = self.resolve(&self.owner(document), spec, true).err().unwrap_or_default();
        refusals.into_iter().filter(|refusal| !named(refusal)).collect()
    }

    pub(super) fn resolve(
        &self,
        owner: &Owner,
        spec: &ScheduledTaskPipelineSpec,
        has_schedule: bool,
    ) -> Result<Pipeline, Vec<Refusal>> {
        let secrets: SecretValues =
            secret_refs(spec).into_iter().map(|used| (used.reference, SecretLookup::NotAsked)).collect();
        let config_maps: ConfigMaps =
            config_map_refs(spec).into_iter().map(|name| (name, ConfigMapLookup::NotAsked)).collect();
        let context = pipeline::Context {
            owner,
            now: Timestamp::now(),
            secrets: &secrets,
            config_maps: &config_maps,
            default_architecture: own_architecture(),
            artifacts: self.artifacts,
            configuration: self.configuration,
            home: Home { own_region: self.own_region, ..Home::default() },
            has_schedule,
        };
        pipeline::resolve(spec, &context)
    }
}
