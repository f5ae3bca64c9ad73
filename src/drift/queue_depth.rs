//! How many messages wait in a pipeline's queues once a run of it has ended.
//!
//! The sweep counts messages every few minutes, but people want the number right after a run. So the reader of the
//! inbox counts the queues here when a report says that a run ended. The count goes into the observed cache, from which
//! a reconcile writes it into `status.queue` without another read of AWS. It also counts here before it calls tasks
//! missed that may merely wait in the queue.

use std::sync::Arc;

use api::ScheduledTaskPipeline;
use aws::Aws;
use aws::resource::list;
use futures::channel::mpsc::UnboundedSender;
use kube::ResourceExt as _;
use pipeline_core::error_chain::chain;
use pipeline_core::names::pipeline_ref;
use pipeline_core::resource::depth;
use protocol::PipelineRef;

use super::observed_cache::ObservedCache;

/// Counts the messages of single pipelines between two sweeps.
pub struct QueueDepths {
    observed_cache: Arc<ObservedCache>,
    requests: UnboundedSender<PipelineRef>,
}

impl QueueDepths {
    /// Stores counts in `observed_cache`, and asks for reconciles through `requests`.
    pub fn new(observed_cache: Arc<ObservedCache>, requests: UnboundedSender<PipelineRef>) -> Self {
        Self { observed_cache, requests }
    }

    /// Counts the messages in a pipeline's queues, and asks for a reconcile that writes the count into the status. If
    /// AWS does not answer, the next sweep counts.
    pub async fn refresh(&self, aws: &Aws, pipeline: &ScheduledTaskPipeline) {
        let uid = pipeline.uid().unwrap_or_default();
        match list::queues(aws, &self.observed_cache.queues(&uid)).await {
            Ok(queues) => {
                self.observed_cache.recount(&uid, &queues.into_iter().collect());
                // The receiver is gone when the operator stops.
                let _ = self.requests.unbounded_send(pipeline_ref(pipeline));
            }
            Err(error) => tracing::debug!(error = chain(&error), "queues were not counted"),
        }
    }

    /// The messages in a pipeline's queue of tasks, those that the runner has among them; `None` if AWS does not answer,
    /// or the queue is not known.
    pub async fn of_tasks(&self, aws: &Aws, uid: &str) -> Option<u64> {
        let names = self.observed_cache.queues(uid);
        let queues = list::queues(aws, &names).await;
        let queues =
            queues.inspect_err(|error| tracing::debug!(error = chain(error), "a queue was not counted")).ok()?;
        // The one of tasks may be missing, where it was just written and not observed since.
        let is_known = queues.iter().any(|(id, _)| !depth::is_dead_letter_queue(id));
        let depth = depth::depth(queues.iter().map(|(id, seen)| (id, seen)));
        is_known.then_some(depth.visible + depth.in_flight)
    }
}
