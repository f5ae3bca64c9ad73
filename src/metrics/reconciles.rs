//! Reconciles of pipelines, in the names that controller-runtime gave to reconciles and their queue, so that dashboards for
//! it show this operator too: <https://book.kubebuilder.io/reference/metrics-reference>.

use std::hash::Hash;

use pipeline_core::requeue::Requeue;
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;
use tokio::time::Instant;

/// What controller-runtime would call this controller.
const CONTROLLER: &str = "scheduledtaskpipeline";

/// Upper bounds of the buckets in seconds: for reconciles that find nothing to do, that wait for AWS, and that are
/// stuck.
const SECONDS: [f64; 10] = [0.005, 0.025, 0.1, 0.5, 1.0, 5.0, 10.0, 30.0, 60.0, 600.0];

/// Metrics of reconciles.
#[derive(Debug)]
pub struct Reconciles {
    ended: Family<ResultLabels, Counter>,
    failed: Family<ControllerLabels, Counter>,
    seconds: Family<ControllerLabels, Histogram>,
    active: Family<ControllerLabels, Gauge>,
    most: Family<ControllerLabels, Gauge>,
    depth: Family<QueueLabels, Gauge>,
    added: Family<QueueLabels, Counter>,
    retried: Family<QueueLabels, Counter>,
    queued_seconds: Family<QueueLabels, Histogram>,
    worked_seconds: Family<QueueLabels, Histogram>,
}

#[derive(Clone, Copy, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct ControllerLabels {
    controller: &'static str,
}

#[derive(Clone, Copy, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct ResultLabels {
    controller: &'static str,
    result: &'static str,
}

#[derive(Clone, Copy, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct QueueLabels {
    name: &'static str,
    controller: &'static str,
}

const ALL: ControllerLabels = ControllerLabels { controller: CONTROLLER };
const QUEUE: QueueLabels = QueueLabels { name: CONTROLLER, controller: CONTROLLER };

/// The label that controller-runtime uses for the result of a reconcile.
const fn label<E>(ended: &Result<Requeue, E>) -> &'static str {
    match ended {
        Ok(Requeue::OnChange) => "success",
        Ok(Requeue::Resync | Requeue::In(_) | Requeue::WhenSecretsMayExist | Requeue::BackOff) => "requeue_after",
        Err(_) => "error",
    }
}

impl Reconciles {
    /// Registers the metrics, all at zero.
    pub fn new(registry: &mut Registry) -> Self {
        let reconciles = Self {
            ended: Family::default(),
            failed: Family::default(),
            seconds: histograms(),
            active: Family::default(),
            most: Family::default(),
            depth: Family::default(),
            added: Family::default(),
            retried: Family::default(),
            queued_seconds: histograms(),
            worked_seconds: histograms(),
        };
        let controller = registry.sub_registry_with_prefix("controller_runtime");
        controller.register("reconcile", "Reconciles of pipelines, by how they ended", reconciles.ended.clone());
        controller.register("reconcile_errors", "Reconciles of pipelines that failed", reconciles.failed.clone());
        controller.register("reconcile_time_seconds", "How long reconciles took", reconciles.seconds.clone());
        controller.register("active_workers", "Reconciles under way", reconciles.active.clone());
        controller.register(
            "max_concurrent_reconciles",
            "Concurrent reconciles allowed for one AWS account",
            reconciles.most.clone(),
        );
        let queue = registry.sub_registry_with_prefix("workqueue");
        queue.register("depth", "Pipelines that wait to be reconciled", reconciles.depth.clone());
        queue.register("adds", "Reconciles asked for", reconciles.added.clone());
        queue.register("retries", "Reconciles asked for again after a failure", reconciles.retried.clone());
        queue.register("queue_duration_seconds", "How long pipelines waited", reconciles.queued_seconds.clone());
        queue.register("work_duration_seconds", "How long reconciles took", reconciles.worked_seconds.clone());
        reconciles
    }

    /// Sets the maximum number of concurrent reconciles for each account.
    pub fn allow(&self, most: u16) {
        self.most.get_or_create(&ALL).set(most.into());
    }

    /// Counts a requeue after a failure.
    pub fn count_retry(&self) {
        self.retried.get_or_create(&QUEUE).inc();
    }

    /// Counts a pipeline that starts to wait for a reconcile.
    pub fn wait(&self) -> Waiting<'_> {
        self.added.get_or_create(&QUEUE).inc();
        Waiting { reconciles: self, since: Instant::now(), _one: One::of(self.depth.get_or_create_owned(&QUEUE)) }
    }
}

fn histograms<Labels: Clone + Eq + Hash>() -> Family<Labels, Histogram> {
    Family::new_with_constructor(|| Histogram::new(SECONDS))
}

/// A pipeline that waits for a reconcile.
pub struct Waiting<'reconciles> {
    reconciles: &'reconciles Reconciles,
    since: Instant,
    _one: One,
}

impl<'reconciles> Waiting<'reconciles> {
    /// The wait ends, and the reconcile starts.
    pub fn begin(self) -> Running<'reconciles> {
        self.reconciles.queued_seconds.get_or_create(&QUEUE).observe(self.since.elapsed().as_secs_f64());
        let one = One::of(self.reconciles.active.get_or_create_owned(&ALL));
        Running { reconciles: self.reconciles, since: Instant::now(), _one: one }
    }
}

/// A reconcile in progress.
pub struct Running<'reconciles> {
    reconciles: &'reconciles Reconciles,
    since: Instant,
    _one: One,
}

impl Running<'_> {
    /// Records the result and the duration.
    pub fn end<E>(self, ended: &Result<Requeue, E>) {
        let seconds = self.since.elapsed().as_secs_f64();
        self.reconciles.ended.get_or_create(&ResultLabels { controller: CONTROLLER, result: label(ended) }).inc();
        if ended.is_err() {
            self.reconciles.failed.get_or_create(&ALL).inc();
        }
        self.reconciles.seconds.get_or_create(&ALL).observe(seconds);
        self.reconciles.worked_seconds.get_or_create(&QUEUE).observe(seconds);
    }
}

/// Raises a gauge by one until it is dropped.
struct One(Gauge);

impl One {
    fn of(gauge: Gauge) -> Self {
        gauge.inc();
        Self(gauge)
    }
}

impl Drop for One {
    fn drop(&mut self) {
        self.0.dec();
    }
}
