//! The Kubernetes side of a reconcile: one pipeline's custom resource, its Secrets, its status and its events.

use std::collections::BTreeSet;

use api::{Allows, FINALIZER, PipelineStatus, ScheduledTaskPipeline, SecretKeyRef, Stored};
use k8s_openapi::api::core::v1::{ConfigMap, ObjectReference, Secret};
use kube::api::{Api, ListParams, Patch, PatchParams};
use kube::runtime::events::{self as recorder, EventType, Recorder, Reporter};
use kube::{Client, Resource as _, ResourceExt as _};
use pipeline_core::event::Event;
use pipeline_core::pipeline::{ConfigMapLookup, ConfigMaps, SecretLookup, SecretValues};
use pipeline_core::secret_text::SecretText;
use pipeline_core::text::bounded_line;
use protocol::PipelineRef;
use serde::Serialize;
use serde_json::json;

/// Field manager, and the source of events.
const MANAGER: &str = "task-pipelines";

/// Field manager of what is known of runs.
const NEWS_MANAGER: &str = "task-pipelines-inbox";

/// Bytes of an event's note; the API server refuses longer ones.
/// <https://kubernetes.io/docs/reference/kubernetes-api/cluster-resources/event-v1/>
const MAX_NOTE: usize = 1024;

/// The API server, as the operator uses it.
#[derive(Clone)]
pub struct Cluster {
    client: Client,
    /// The only namespace that is read, if it is one.
    namespace: Option<String>,
}

impl Cluster {
    /// The API server behind a client, or one namespace of it.
    pub fn new(client: Client, namespace: Option<String>) -> Self {
        Self { client, namespace }
    }

    fn pipelines(&self, namespace: &str) -> Api<Stored> {
        Api::namespaced(self.client.clone(), namespace)
    }

    /// The pipeline as it is now, not as a cache remembers it; nothing if it is gone, or another took its name.
    pub async fn live(&self, cached: &ScheduledTaskPipeline) -> kube::Result<Option<Stored>> {
        let namespace = cached.namespace().unwrap_or_default();
        let live = self.pipelines(&namespace).get_opt(&cached.name_any()).await?;
        Ok(live.filter(|live| live.uid() == cached.uid()))
    }

    /// A pipeline by its name.
    pub async fn find(&self, pipeline: &PipelineRef) -> kube::Result<Option<Stored>> {
        self.pipelines(&pipeline.namespace).get_opt(&pipeline.name).await
    }

    /// Whether any pipeline but this one is to stay in an account and region, as far as their statuses say.
    pub async fn stays_in(&self, account: &str, region: &str, uid: &str) -> kube::Result<bool> {
        let api: Api<Stored> = self
            .namespace
            .as_ref()
            .map_or_else(|| Api::all(self.client.clone()), |namespace| Api::namespaced(self.client.clone(), namespace));
        let all = api.list(&ListParams::default()).await?;
        Ok(all.items.into_iter().any(|Stored { pipeline: other, unreadable }| {
            // One whose status this version cannot read may live anywhere.
            if unreadable.is_some_and(|unreadable| unreadable.allows == Allows::Nothing) {
                return true;
            }
            let there = other.status.as_ref().is_some_and(|status| {
                status.account.as_deref() == Some(account) && status.region.as_deref() == Some(region)
            });
            there && other.uid().as_deref() != Some(uid) && other.metadata.deletion_timestamp.is_none()
        }))
    }

    /// Makes sure that the pipeline stays until everything on AWS is gone.
    pub async fn add_finalizer(&self, pipeline: &ScheduledTaskPipeline) -> kube::Result<()> {
        if has_finalizer(pipeline) {
            return Ok(());
        }
        let finalizers = pipeline.finalizers().iter().cloned().chain([FINALIZER.to_owned()]).collect();
        self.set_finalizers(pipeline, finalizers).await
    }

    /// Lets the pipeline go.
    pub async fn remove_finalizer(&self, pipeline: &ScheduledTaskPipeline) -> kube::Result<()> {
        let rest = pipeline.finalizers().iter().filter(|finalizer| *finalizer != FINALIZER).cloned().collect();
        self.set_finalizers(pipeline, rest).await
    }

    /// The resource version makes the API server refuse if anything changed in between.
    async fn set_finalizers(&self, pipeline: &ScheduledTaskPipeline, finalizers: Vec<String>) -> kube::Result<()> {
        let patch = json!({
            "metadata": { "resourceVersion": pipeline.resource_version(), "finalizers": finalizers },
        });
        let namespace = pipeline.namespace().unwrap_or_default();
        let name = pipeline.name_any();
        self.pipelines(&namespace).patch(&name, &PatchParams::default(), &Patch::Merge(patch)).await?;
        Ok(())
    }

    /// Writes the status, all of it, and returns the pipeline as it then is.
    pub async fn write_status(
        &self,
        pipeline: &ScheduledTaskPipeline,
        status: &PipelineStatus,
    ) -> kube::Result<ScheduledTaskPipeline> {
        let patch = json!({
            "apiVersion": ScheduledTaskPipeline::api_version(&()),
            "kind": ScheduledTaskPipeline::kind(&()),
            // Another pipeline of the same name is not ours to speak of.
            "metadata": { "uid": pipeline.uid() },
            "status": status,
        });
        let namespace = pipeline.namespace().unwrap_or_default();
        let parameters = PatchParams::apply(MANAGER).force();
        let written =
            self.pipelines(&namespace).patch_status(&pipeline.name_any(), &parameters, &Patch::Apply(patch)).await?;
        Ok(written.pipeline)
    }

    /// Writes what is known of the pipeline's runs, unless it has changed since it was read.
    pub async fn write_reports(&self, pipeline: &ScheduledTaskPipeline, reports: &impl Serialize) -> kube::Result<()> {
        let patch = json!({
            "apiVersion": ScheduledTaskPipeline::api_version(&()),
            "kind": ScheduledTaskPipeline::kind(&()),
            "metadata": { "uid": pipeline.uid(), "resourceVersion": pipeline.resource_version() },
            "status": reports,
        });
        let namespace = pipeline.namespace().unwrap_or_default();
        let parameters = PatchParams::apply(NEWS_MANAGER).force();
        self.pipelines(&namespace).patch_status(&pipeline.name_any(), &parameters, &Patch::Apply(patch)).await?;
        Ok(())
    }

    /// Reads Secrets by name, each once.
    pub async fn secrets(&self, namespace: &str, keys: &[SecretKeyRef]) -> kube::Result<SecretValues> {
        let api: Api<Secret> = Api::namespaced(self.client.clone(), namespace);
        let mut values = SecretValues::new();
        let mut keys = keys.to_vec();
        keys.sort();
        keys.dedup();
        for of_one in keys.chunk_by(|a, b| a.name == b.name) {
            let Some(first) = of_one.first() else { continue };
            let secret = match api.get_opt(&first.name).await {
                Ok(secret) => Ok(secret),
                Err(kube::Error::Api(status)) if status.is_forbidden() => Err(status.message.clone()),
                Err(error) => return Err(error),
            };
            values.extend(of_one.iter().map(|key| (key.clone(), look_up(&secret, &key.key))));
        }
        Ok(values)
    }

    /// Reads `ConfigMaps` by name.
    pub async fn config_maps(&self, namespace: &str, names: BTreeSet<String>) -> kube::Result<ConfigMaps> {
        let api: Api<ConfigMap> = Api::namespaced(self.client.clone(), namespace);
        let mut found = ConfigMaps::new();
        for name in names {
            let lookup = match api.get_opt(&name).await {
                Ok(Some(ConfigMap { data, binary_data, .. })) => {
                    let binary_data = binary_data.unwrap_or_default();
                    ConfigMapLookup::Found {
                        data: data.unwrap_or_default(),
                        binary_data: binary_data.into_iter().map(|(key, bytes)| (key, bytes.0)).collect(),
                    }
                }
                Ok(None) => ConfigMapLookup::NotFound,
                Err(kube::Error::Api(status)) if status.is_forbidden() => {
                    ConfigMapLookup::Denied(status.message.clone())
                }
                Err(error) => return Err(error),
            };
            found.insert(name, lookup);
        }
        Ok(found)
    }

    /// Publishes an event of the pipeline.
    pub async fn publish(&self, pipeline: &ScheduledTaskPipeline, event: &Event) -> kube::Result<()> {
        let event = recorder::Event {
            type_: if event.reason.is_warning() { EventType::Warning } else { EventType::Normal },
            reason: event.reason.to_string(),
            note: Some(bounded_line(&event.note, MAX_NOTE)),
            action: event.reason.action().to_owned(),
            secondary: None,
        };
        let reference: ObjectReference = pipeline.object_ref(&());
        // A recorder that is kept counts another event of the same reason as a repetition, and its note is lost.
        Recorder::new(self.client.clone(), Reporter::from(MANAGER)).publish(&event, &reference).await
    }
}

/// Whether the pipeline stays until everything on AWS is gone.
pub fn has_finalizer(pipeline: &ScheduledTaskPipeline) -> bool {
    pipeline.finalizers().iter().any(|finalizer| finalizer == FINALIZER)
}

fn look_up(secret: &Result<Option<Secret>, String>, key: &str) -> SecretLookup {
    match secret {
        Err(denied) => SecretLookup::Denied(denied.clone()),
        Ok(None) => SecretLookup::NoSecret,
        Ok(Some(secret)) => match secret.data.as_ref().and_then(|data| data.get(key)) {
            None => SecretLookup::NoKey,
            Some(bytes) => String::from_utf8(bytes.0.clone())
                .map_or(SecretLookup::NotUtf8, |text| SecretLookup::Found(SecretText::new(text))),
        },
    }
}
