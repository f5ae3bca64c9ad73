//! What plans and reconciles are made with.

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

use super::failures::Failures;
use crate::artifacts::layers::Layers;
use crate::drift::observed_cache::Memory;
use crate::drift::pending_writes::Propagation;
use crate::kubernetes::cluster::Cluster;
use crate::metrics::Metrics;
use crate::runtime::concurrency::AccountConcurrency;

/// What it takes to say what would be done about a pipeline.
pub struct PlanContext {
    /// The API server.
    pub cluster: Cluster,
    /// AWS clients for each account and region.
    pub accounts: Accounts,
    /// What pipelines may reach beyond their own resources.
    pub configuration: Configuration,
    /// What all pipelines share.
    pub installation: Installation,
    /// The cluster's name on AWS.
    pub cluster_name: ClusterName,
}

/// What it takes to do it, and to say so.
pub struct ReconcileContext {
    /// What plans are made with.
    pub plan: PlanContext,
    /// Builds layers.
    pub layers: Arc<Layers>,
    /// Time between two reconciles of an unchanged pipeline.
    pub resync: Duration,
    /// Time after which a missing Secret is looked for again.
    pub secret_retry: Duration,
    /// Limits concurrent reconciles for each account.
    pub concurrency: AccountConcurrency,
    /// What AWS was last seen to hold of each pipeline.
    pub memory: Arc<Memory>,
    /// What was just written and AWS may not show yet.
    pub propagation: Propagation,
    /// Tells the sweep, and the reader of inboxes, of accounts and regions that pipelines live in.
    pub places: [UnboundedSender<Aws>; 2],
    /// Which firings are expected.
    pub expectations: Arc<Expectations>,
    /// The inboxes that are known to exist.
    pub inboxes: Arc<Inboxes>,
    /// The counters that Prometheus reads.
    pub metrics: Arc<Metrics>,
    /// How long to back off.
    pub failures: Failures,
}

impl ReconcileContext {
    /// Drops all that is known of a pipeline which is gone.
    pub fn forget(&self, pipeline: &ScheduledTaskPipeline) {
        let uid = pipeline.uid().unwrap_or_default();
        self.failures.reset(&uid);
        self.memory.forget(&uid);
        self.expectations.forget(&uid);
    }
}
