//! Dependencies of plans and reconciles.

use std::sync::Arc;
use std::time::Duration;

use api::ScheduledTaskPipeline;
use aws::inbox_queue::Inboxes;
use aws::{Accounts, Aws};
use futures::channel::mpsc::UnboundedSender;
use kube::ResourceExt as _;
use pipeline_core::configuration::Configuration;
use pipeline_core::desired::Installation;
use pipeline_core::names::ClusterName;
use pipeline_core::runs::missed::Expectations;

use super::drain::Drains;
use super::failures::Failures;
use crate::artifacts::layers::Layers;
use crate::drift::observed_cache::ObservedCache;
use crate::drift::pending_writes::PendingWrites;
use crate::kubernetes::cluster::Cluster;
use crate::metrics::Metrics;
use crate::runtime::concurrency::AccountConcurrency;

/// Dependencies of a plan: read access to the API server and to AWS, and the settings.
pub struct PlanContext {
    /// The API server.
    pub cluster: Cluster,
    /// AWS clients for each account and region.
    pub accounts: Accounts,
    /// What pipelines may reach beyond their own resources.
    pub configuration: Configuration,
    /// Settings and artifacts that all pipelines share.
    pub installation: Installation,
    /// The cluster's name on AWS.
    pub cluster_name: ClusterName,
}

/// Dependencies of a reconcile, beyond those of its plan.
pub struct ReconcileContext {
    /// Dependencies of the plan.
    pub plan: PlanContext,
    /// Builds the zips of layers in the background.
    pub layers: Arc<Layers>,
    /// Time between two reconciles of an unchanged pipeline.
    pub resync: Duration,
    /// Time after which the Secrets of a pipeline that lacks one are read again.
    pub secret_retry: Duration,
    /// Limits concurrent reconciles for each account.
    pub concurrency: AccountConcurrency,
    /// The last observation of each pipeline.
    pub observed_cache: Arc<ObservedCache>,
    /// Recent writes that AWS may not show yet.
    pub pending_writes: PendingWrites,
    /// Tell the sweep and the reader of inboxes of each account and region that has pipelines.
    pub places: [UnboundedSender<Aws>; 2],
    /// The firings that are expected, to detect missed ones.
    pub expectations: Arc<Expectations>,
    /// The inboxes that are known to exist.
    pub inboxes: Arc<Inboxes>,
    /// The counters that Prometheus reads.
    pub metrics: Arc<Metrics>,
    /// Failures in a row of each pipeline, for the back-off.
    pub failures: Failures,
    /// When something of each pipeline that is being deleted moved last.
    pub drains: Drains,
}

impl ReconcileContext {
    /// Drops all state of a pipeline that is gone.
    pub fn forget(&self, pipeline: &ScheduledTaskPipeline) {
        let uid = pipeline.uid().unwrap_or_default();
        self.failures.reset(&uid);
        self.drains.forget(&uid);
        self.observed_cache.forget(&uid);
        self.expectations.forget(&uid);
    }
}
