//! The page of metrics: each as it is served.

use std::time::Duration;

use aws::{Leadership, Operation};
use http::Method;
use pipeline_core::plan::drift::Drift;
use pipeline_core::resource::{Id, Kind};
use task_pipelines::metrics::Metrics;

use crate::page::{Page, Table, code};

pub fn page() -> Result<Page, String> {
    let text = served();
    let mut rows = Vec::new();
    for line in text.lines().filter_map(|line| line.strip_prefix("# HELP ")) {
        let (name, help) = line.split_once(' ').ok_or_else(|| format!("{line} says nothing of its metric"))?;
        let kind = text.lines().find_map(|line| line.strip_prefix("# TYPE ")?.strip_prefix(name)?.strip_prefix(' '));
        let kind = kind.ok_or_else(|| format!("{name} has no type"))?;
        let total = if kind == "counter" { "_total" } else { "" };
        rows.push(vec![code(format_args!("{name}{total}")), kind.to_owned(), help.trim_end_matches('.').to_owned()]);
    }
    Ok(Page {
        path: "docs/metrics.md",
        tables: vec![Table { mark: "Metrics", heads: &["metric", "kind", "meaning"], rows }],
    })
}

/// What `/metrics` answers once everything was counted; what never was is not served.
fn served() -> String {
    let mut metrics = Metrics::default();
    metrics.tell_lead("task-pipelines", Leadership::sole());
    metrics.reconciles.allow(1);
    metrics.reconciles.count_retry();
    metrics.reconciles.wait().begin().end(&Err(()));
    metrics.aws.count(Operation::GetRole, Duration::ZERO, &Ok(()));
    metrics.api_server.count(&Method::GET, None);
    metrics.count_drift(&Drift { id: Id::new(Kind::Queue, "a"), differences: Vec::new() });
    metrics.text()
}
