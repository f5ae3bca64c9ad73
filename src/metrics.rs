//! What the operator counts, for Prometheus.

use std::time::Duration;

use kube::ResourceExt as _;
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;

use crate::crd::{Run, RunResult, ScheduledTaskPipeline};
use crate::drift::Drift;
use crate::runs::due;

/// The counters.
pub struct Metrics {
    registry: Registry,
    drift: Family<DriftLabels, Counter>,
    runs: Family<RunLabels, Counter>,
    last_success: Family<PipelineLabels, Gauge>,
    durations: Histogram,
    dropped: Counter,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct RunLabels {
    result: String,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct PipelineLabels {
    namespace: String,
    pipeline: String,
}

/// Upper ends of the buckets of a task's duration: a message, a request, a function, the longest there is.
const DURATIONS: [f64; 8] = [0.1, 0.5, 1.0, 5.0, 15.0, 60.0, 300.0, 900.0];

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct DriftLabels {
    kind: String,
    field: String,
}

/// What stands in place of a field when the whole resource was deleted.
const DELETED: &str = "(deleted)";

impl Default for Metrics {
    fn default() -> Self {
        let (mut registry, drift) = (Registry::with_prefix("task_pipelines"), Family::default());
        registry.register(
            "drift",
            "Fields that somebody else changed on AWS, and resources they deleted, and that were put right",
            Family::clone(&drift),
        );
        let (runs, last_success) = (Family::default(), Family::default());
        let (durations, dropped) = (Histogram::new(DURATIONS), Counter::default());
        registry.register("runs", "Runs that ended, or were missed, by result", Family::clone(&runs));
        registry.register(
            "last_success_timestamp_seconds",
            "When the last run that succeeded was due, by pipeline",
            Family::clone(&last_success),
        );
        registry.register("task_duration_seconds", "How long the last attempts of tasks took", durations.clone());
        registry.register(
            "inbox_messages_dropped",
            "Messages in inboxes that were no news, or not from who they were about",
            dropped.clone(),
        );
        Self { registry, drift, runs, last_success, durations, dropped }
    }
}

impl Metrics {
    /// Counts what was put right: `task_pipelines_drift_total{kind, field}`.
    pub fn count_drift(&self, drift: &Drift) {
        let count = |field: &str| {
            // A tag's key is the user's; one label serves them all.
            let field = if field.starts_with("tags.") { "tags" } else { field };
            self.drift.get_or_create(&DriftLabels { kind: drift.id.kind.to_string(), field: field.to_owned() }).inc();
        };
        if drift.differences.is_empty() {
            count(DELETED);
        }
        drift.differences.iter().for_each(|difference| count(&difference.field));
    }

    /// Counts a run that ended: `task_pipelines_runs_total{result}`, its tasks' durations, and when a pipeline last
    /// succeeded.
    pub fn count_run(&self, pipeline: &ScheduledTaskPipeline, run: &Run) {
        self.runs.get_or_create(&RunLabels { result: format!("{:?}", run.result) }).inc();
        for duration in run.tasks.iter().filter_map(|task| task.duration_ms) {
            self.durations.observe(Duration::from_millis(duration).as_secs_f64());
        }
        if run.result == RunResult::Succeeded {
            let last = self.last_success.get_or_create(&labels(pipeline)).clone();
            last.set(last.get().max(due(run).as_second()));
        }
    }

    /// Counts a message of an inbox that says nothing.
    pub fn count_dropped(&self) {
        self.dropped.inc();
    }

    /// Drops what is told of a pipeline that is gone.
    pub fn forget(&self, pipeline: &ScheduledTaskPipeline) {
        self.last_success.remove(&labels(pipeline));
    }

    /// All of it, as Prometheus reads it.
    pub fn text(&self) -> String {
        let mut text = String::new();
        // Writing to a text does not fail.
        let _ = encode(&mut text, &self.registry);
        text
    }
}

fn labels(pipeline: &ScheduledTaskPipeline) -> PipelineLabels {
    PipelineLabels { namespace: pipeline.namespace().unwrap_or_default(), pipeline: pipeline.name_any() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::resource::{Difference, Id, Kind};

    #[test]
    fn drift_is_counted_by_kind_and_field() {
        let metrics = Metrics::default();
        let change = |field: &str| Difference { field: field.to_owned(), from: "1".to_owned(), to: "2".to_owned() };
        let drift = |kind, differences| Drift { id: Id::new(kind, "a"), differences };
        metrics.count_drift(&drift(Kind::Function, vec![change("memorySize"), change("tags.team"), change("tags.a")]));
        metrics.count_drift(&drift(Kind::Queue, Vec::new()));
        let text = metrics.text();
        for line in [
            r#"task_pipelines_drift_total{kind="Function",field="memorySize"} 1"#,
            r#"task_pipelines_drift_total{kind="Function",field="tags"} 2"#,
            r#"task_pipelines_drift_total{kind="Queue",field="(deleted)"} 1"#,
        ] {
            assert!(text.contains(line), "no {line} in:\n{text}");
        }
    }
}
