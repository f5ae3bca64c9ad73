//! What the operator counts, for Prometheus.

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::registry::Registry;

use crate::drift::Drift;

/// The counters.
pub struct Metrics {
    registry: Registry,
    drift: Family<DriftLabels, Counter>,
}

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
        Self { registry, drift }
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

    /// All of it, as Prometheus reads it.
    pub fn text(&self) -> String {
        let mut text = String::new();
        // Writing to a text does not fail.
        let _ = encode(&mut text, &self.registry);
        text
    }
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
