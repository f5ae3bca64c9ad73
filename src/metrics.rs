//! Metrics for Prometheus. The names are a contract: alerts, the dashboard and `docs/metrics.md` use them.

mod lead;
mod pipelines;
mod reconciles;
mod requests;

use std::sync::Arc;
use std::time::Duration;

use api::{Run, ScheduledTaskPipeline};
use aws::{AwsRequests, Leadership};
use pipeline_core::plan::drift::Drift;
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;

use lead::Lead;

pub use pipelines::Pipelines;
pub use reconciles::Reconciles;
pub use requests::ApiServerRequests;

/// All metrics of the operator.
pub struct Metrics {
    registry: Registry,
    /// Conditions, runs and queues of each pipeline.
    pub pipelines: Arc<Pipelines>,
    /// Reconciles: results, durations and queue.
    pub reconciles: Reconciles,
    /// Requests to AWS.
    pub aws: AwsRequests,
    /// Requests to the API server.
    pub api_server: ApiServerRequests,
    drift: Family<DriftLabels, Counter>,
    durations: Histogram,
    dropped: Counter,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct DriftLabels {
    kind: String,
    field: String,
}

/// Upper bounds of the buckets for a task's duration in seconds: a message, a request, a function, the longest timeout.
const DURATIONS: [f64; 8] = [0.1, 0.5, 1.0, 5.0, 15.0, 60.0, 300.0, 900.0];

/// Label `field` of drift in which the whole resource was deleted.
const DELETED: &str = "(deleted)";

impl Default for Metrics {
    fn default() -> Self {
        let mut registry = Registry::default();
        let pipelines = Arc::new(Pipelines::default());
        registry.register_collector(Box::new(Arc::clone(&pipelines)));
        let (reconciles, aws) = (Reconciles::new(&mut registry), AwsRequests::registered(&mut registry));
        let api_server = ApiServerRequests::new(&mut registry);
        let ours = registry.sub_registry_with_prefix("task_pipelines");
        let (drift, durations) = (Family::default(), Histogram::new(DURATIONS));
        ours.register(
            "drift",
            "Fields that somebody else changed on AWS, and resources they deleted, and that were put right",
            Family::clone(&drift),
        );
        ours.register("task_duration_seconds", "How long the last attempts of tasks took", durations.clone());
        let dropped = Counter::default();
        ours.register(
            "inbox_messages_dropped",
            "Messages in inboxes that are not valid reports, or do not come from the pipeline that they are about",
            dropped.clone(),
        );
        Self { registry, pipelines, reconciles, aws, api_server, drift, durations, dropped }
    }
}

impl Metrics {
    /// Adds the gauge that shows whether this operator leads, that is, holds the lease of this name.
    pub fn tell_lead(&mut self, lease: &str, leadership: Leadership) {
        self.registry.register_collector(Box::new(Lead::new(lease, leadership)));
    }

    /// Counts corrected drift: `task_pipelines_drift_total{kind, field}`.
    pub fn count_drift(&self, drift: &Drift) {
        let count = |field: String| {
            self.drift.get_or_create(&DriftLabels { kind: drift.id.kind.to_string(), field }).inc();
        };
        if drift.differences.is_empty() {
            count(DELETED.to_owned());
        }
        for difference in &drift.differences {
            // Users choose the keys of tags, and what is in a field: the labels stay few.
            count(difference.field().map_or_else(|| "tags".to_owned(), |name| name.to_string()));
        }
    }

    /// Counts a run that ended, and the durations of its tasks.
    pub fn count_run(&self, pipeline: &ScheduledTaskPipeline, run: &Run) {
        self.pipelines.count_run(pipeline, run);
        for duration in run.tasks.iter().filter_map(|task| task.duration_ms) {
            self.durations.observe(Duration::from_millis(duration).as_secs_f64());
        }
    }

    /// Counts a message of an inbox that was dropped as not valid.
    pub fn count_dropped(&self) {
        self.dropped.inc();
    }

    /// All metrics in the text format of Prometheus.
    pub fn text(&self) -> String {
        let mut text = String::new();
        // Writing to a `String` does not fail.
        let _ = encode(&mut text, &self.registry);
        text
    }
}

#[cfg(test)]
mod tests {
    use aws::{AwsError, Operation};
    use pipeline_core::error_class::ErrorClass;
    use pipeline_core::resource::{Difference, FieldName, Id, Kind, Side};

    use super::*;

    #[track_caller]
    fn check(metrics: &Metrics, lines: &[&str]) {
        let text = metrics.text();
        for line in lines {
            assert!(text.contains(line), "no {line} in:\n{text}");
        }
    }

    #[test]
    fn drift_is_counted_by_kind_and_field() {
        let metrics = Metrics::default();
        let change = |field: FieldName| Difference::of_field(field, Some(Side::value(1)), Some(Side::value(2)));
        let tag = |key| Difference::of_tag(key, None, Some("x"));
        let drift = |kind, differences| Drift { id: Id::new(kind, "a"), differences };
        metrics.count_drift(&drift(Kind::Function, vec![change(FieldName::MemorySize), tag("team"), tag("a")]));
        metrics.count_drift(&drift(Kind::Queue, Vec::new()));
        check(
            &metrics,
            &[
                r#"task_pipelines_drift_total{kind="Function",field="memorySize"} 1"#,
                r#"task_pipelines_drift_total{kind="Function",field="tags"} 2"#,
                r#"task_pipelines_drift_total{kind="Queue",field="(deleted)"} 1"#,
            ],
        );
    }

    #[test]
    fn calls_of_aws_are_counted_by_what_came_of_them() {
        let metrics = Metrics::default();
        let refused = |class, code: &str| {
            let error =
                AwsError { operation: Operation::GetRole, class, code: code.to_owned(), message: String::new() };
            Err::<(), _>(error)
        };
        for result in
            [Ok(()), refused(ErrorClass::Throttled, "Throttling"), refused(ErrorClass::Invalid, "NoSuchEntity")]
        {
            metrics.aws.count(Operation::GetRole, Duration::from_millis(70), &result);
        }
        check(
            &metrics,
            &[
                r#"task_pipelines_aws_requests_total{service="iam",operation="GetRole",result="ok"} 1"#,
                r#"task_pipelines_aws_requests_total{service="iam",operation="GetRole",result="throttled"} 1"#,
                r#"task_pipelines_aws_requests_total{service="iam",operation="GetRole",result="not_found"} 1"#,
                r#"task_pipelines_aws_request_duration_seconds_bucket{le="0.1",service="iam",operation="GetRole"} 3"#,
            ],
        );
    }

    #[test]
    fn reconciles_are_counted_as_controller_runtime_counts_reconciles() {
        let metrics = Metrics::default();
        metrics.reconciles.allow(64);
        let waits = metrics.reconciles.wait();
        let works = metrics.reconciles.wait().begin();
        let name = r#"name="scheduledtaskpipeline",controller="scheduledtaskpipeline""#;
        let depth = |count| format!("workqueue_depth{{{name}}} {count}");
        check(&metrics, &[&depth(1), r#"controller_runtime_active_workers{controller="scheduledtaskpipeline"} 1"#]);
        drop(waits);
        works.end(&Err(()));
        check(
            &metrics,
            &[
                &depth(0),
                r#"controller_runtime_active_workers{controller="scheduledtaskpipeline"} 0"#,
                r#"controller_runtime_reconcile_total{controller="scheduledtaskpipeline",result="error"} 1"#,
                r#"controller_runtime_reconcile_errors_total{controller="scheduledtaskpipeline"} 1"#,
                r#"controller_runtime_max_concurrent_reconciles{controller="scheduledtaskpipeline"} 64"#,
            ],
        );
    }
}
