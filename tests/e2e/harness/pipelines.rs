//! A user's dealings with pipelines.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicU64, Ordering};

use api::{PipelineStatus, RunResult, ScheduledTaskPipeline};
use k8s_openapi::api::events::v1::Event;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use kube::ResourceExt;
use kube::api::{Api, DeleteParams, ListParams, Patch, PatchParams};
use serde_json::{Value, json};

use super::{Lab, eventually, user};

impl Lab {
    fn pipelines(&self) -> Api<ScheduledTaskPipeline> {
        Api::namespaced(self.kube.clone(), &self.namespace)
    }

    /// Applies a pipeline, as `kubectl apply --server-side` would.
    pub(crate) async fn apply(&self, name: &str, spec: Value) -> ScheduledTaskPipeline {
        self.try_apply(name, spec).await.unwrap_or_else(|refusal| panic!("pipeline {name} is refused: {refusal}"))
    }

    /// The same, or what the API server says against it.
    pub(crate) async fn try_apply(&self, name: &str, spec: Value) -> Result<ScheduledTaskPipeline, String> {
        let pipeline = json!({
            "apiVersion": "taskpipelines.dev/v1alpha1", "kind": "ScheduledTaskPipeline",
            "metadata": {"name": name}, "spec": spec,
        });
        let applied = self.pipelines().patch(name, &user(), &Patch::Apply(pipeline)).await;
        applied.map_err(|error| match error {
            kube::Error::Api(status) => status.message.clone(),
            other => panic!("the API server does not answer: {other}"),
        })
    }

    /// Changes some fields of a pipeline, as `kubectl patch --type merge` would.
    pub(crate) async fn patch(&self, name: &str, change: Value) -> ScheduledTaskPipeline {
        self.pipelines().patch(name, &PatchParams::default(), &Patch::Merge(change)).await.unwrap()
    }

    /// Asks for a run by hand.
    pub(crate) async fn fire(&self, name: &str, token: &str) {
        self.patch(name, json!({"metadata": {"annotations": {"taskpipelines.dev/run-now": token}}})).await;
    }

    pub(crate) async fn get(&self, name: &str) -> ScheduledTaskPipeline {
        self.pipelines().get(name).await.unwrap()
    }

    pub(crate) async fn find(&self, name: &str) -> Option<ScheduledTaskPipeline> {
        self.pipelines().get_opt(name).await.unwrap()
    }

    /// Names of all pipelines.
    pub(crate) async fn all(&self) -> Vec<String> {
        let pipelines = self.pipelines().list(&ListParams::default()).await.unwrap();
        pipelines.items.iter().map(ResourceExt::name_any).collect()
    }

    /// Asks for the deletion of a pipeline.
    pub(crate) async fn delete(&self, name: &str) {
        self.pipelines().delete(name, &DeleteParams::default()).await.unwrap();
    }

    /// Waits until a pipeline is gone from the API server.
    pub(crate) async fn gone(&self, name: &str) {
        eventually(&format!("pipeline {name} is gone"), async || match self.pipelines().get_opt(name).await.unwrap() {
            None => Ok(()),
            Some(pipeline) => Err(describe(&pipeline)),
        })
        .await;
    }

    /// Waits until a pipeline is as a test wants it.
    pub(crate) async fn until(
        &self,
        name: &str,
        what: &str,
        wanted: impl Fn(&ScheduledTaskPipeline) -> bool,
    ) -> ScheduledTaskPipeline {
        eventually(&format!("pipeline {name} {what}"), async || {
            let pipeline = self.get(name).await;
            if wanted(&pipeline) { Ok(pipeline) } else { Err(describe(&pipeline)) }
        })
        .await
    }

    /// Waits until a pipeline is ready in the generation it has.
    pub(crate) async fn ready(&self, name: &str) -> ScheduledTaskPipeline {
        self.until(name, "is Ready", |pipeline| ready(pipeline).is_some_and(|ready| ready.status == "True")).await
    }

    /// Waits until a pipeline is not ready for this reason, and gives the message.
    pub(crate) async fn not_ready(&self, name: &str, reason: &str) -> String {
        let not_ready = |pipeline: &ScheduledTaskPipeline| {
            ready(pipeline).is_some_and(|ready| ready.status == "False" && ready.reason == reason)
        };
        let pipeline = self.until(name, &format!("is not Ready, reason {reason}"), not_ready).await;
        ready(&pipeline).unwrap().message.clone()
    }

    /// Waits until the newest run of a pipeline has ended so.
    pub(crate) async fn ended(&self, name: &str, result: RunResult) -> PipelineStatus {
        let has_ended = |pipeline: &ScheduledTaskPipeline| {
            let newest = pipeline.status.as_ref().and_then(|status| status.runs.first());
            newest.is_some_and(|run| run.result == result)
        };
        self.until(name, &format!("has a run that ended {result:?}"), has_ended).await.status.unwrap()
    }

    /// Makes the operator reconcile a pipeline that it has made, and waits until it has done so.
    pub(crate) async fn resync(&self, name: &str) {
        self.resyncs(name, 1).await;
    }

    /// The same, so many times.
    pub(crate) async fn resyncs(&self, name: &str, count: usize) {
        // Any annotation will do, and one that is not a command leaves no trace in the status.
        // A reconcile begins with its reads, and the next begins after its end: so the start of one more proves the end of the last.
        for _ in 0..=count {
            static TOKEN: AtomicU64 = AtomicU64::new(0);
            let before = self.reconciles().await;
            let token = TOKEN.fetch_add(1, Ordering::Relaxed).to_string();
            self.patch(name, json!({"metadata": {"annotations": {"example.com/resync": token}}})).await;
            eventually("the operator reconciles", async || {
                let reconciles = self.reconciles().await;
                if reconciles > before { Ok(()) } else { Err(self.log()) }
            })
            .await;
        }
    }

    async fn reconciles(&self) -> usize {
        self.strict.calls().await.iter().filter(|call| call.operation == "GetSchedule").count()
    }

    /// Waits until a pipeline has so many events of a reason: a status is written before its event is.
    pub(crate) async fn told(&self, name: &str, reason: &str, count: usize) -> Vec<String> {
        let start = format!("{reason}: ");
        eventually(&format!("{name} has {count} events of reason {reason}"), async || {
            let all = self.events(name).await;
            let told: Vec<String> = all.iter().filter(|event| event.starts_with(&start)).cloned().collect();
            if told.len() >= count { Ok(told) } else { Err(format!("{all:?}")) }
        })
        .await
    }

    /// Events of a pipeline up to now, as `reason: note`.
    pub(crate) async fn events(&self, name: &str) -> Vec<String> {
        let api: Api<Event> = Api::namespaced(self.kube.clone(), &self.namespace);
        let events = api.list(&ListParams::default()).await.unwrap();
        let of_pipeline =
            |event: &Event| event.regarding.as_ref().is_some_and(|about| about.name.as_deref() == Some(name));
        let text = |event: Event| format!("{}: {}", event.reason.unwrap_or_default(), event.note.unwrap_or_default());
        events.items.into_iter().filter(of_pipeline).map(text).collect()
    }
}

/// A condition of a pipeline, if it speaks of the present generation.
pub(crate) fn condition<'pipeline>(
    pipeline: &'pipeline ScheduledTaskPipeline,
    type_: &str,
) -> Option<&'pipeline Condition> {
    let status = pipeline.status.as_ref()?;
    let condition = status.conditions.iter().find(|condition| condition.type_ == type_)?;
    let present = pipeline.metadata.generation;
    (condition.observed_generation == present && status.observed_generation == present).then_some(condition)
}

fn ready(pipeline: &ScheduledTaskPipeline) -> Option<&Condition> {
    condition(pipeline, "Ready")
}

/// The rows of a pipeline's status, as `kind name`.
pub(crate) fn rows(pipeline: &ScheduledTaskPipeline) -> BTreeSet<String> {
    let rows = pipeline.status.iter().flat_map(|status| &status.resources);
    rows.map(|row| format!("{} {}", row.kind, row.name)).collect()
}

fn describe(pipeline: &ScheduledTaskPipeline) -> String {
    let status = serde_json::to_string_pretty(&pipeline.status).unwrap();
    format!("generation {:?}, finalizers {:?}, status {status}", pipeline.metadata.generation, pipeline.finalizers())
}
