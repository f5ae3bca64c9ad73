//! Writes run events into a pipeline's status, and publishes Kubernetes Events for failures.

use api::{NEWS_CONDITIONS, PipelineStatus, Run, RunResult, ScheduledTaskPipeline};
use aws::Aws;
use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use kube::ResourceExt as _;
use pipeline_core::event::Event;
use pipeline_core::reason::{Acted, Reported};
use pipeline_core::runs::missed::Overdue;
use pipeline_core::runs::{self, Cause};
use protocol::{PipelineRef, RunRef};
use serde::Serialize;

use super::report::RunReport;
use super::{Disposition, InboxContext};

/// Attempts at a write that conflicts with another writer.
const ATTEMPTS: usize = 3;

/// The fields of the status that this module owns.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct RunStatusPatch {
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) runs: Vec<Run>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) last_run: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) last_result: Option<RunResult>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) conditions: Vec<Condition>,
}

impl RunStatusPatch {
    fn of(status: &PipelineStatus) -> Self {
        let ours = |condition: &&Condition| NEWS_CONDITIONS.contains(&condition.type_.as_str());
        Self {
            runs: status.runs.clone(),
            last_run: status.last_run.clone(),
            last_result: status.last_result,
            conditions: status.conditions.iter().filter(ours).cloned().collect(),
        }
    }

    /// The same fields after the runs have changed.
    fn with(&self, runs: Vec<Run>, pipeline: &ScheduledTaskPipeline, now: Timestamp) -> Self {
        let generation = pipeline.metadata.generation.unwrap_or_default();
        let last = runs.first();
        Self {
            last_run: last.map(|run| run.scheduled_time.clone()),
            last_result: last.map(|run| run.result),
            conditions: runs::conditions(&runs, &pipeline.spec, &self.conditions, generation, now),
            runs,
        }
    }
}

/// Writes all reports of one pipeline into its status.
///
/// # Errors
/// The API server does not answer, or refuses.
pub(super) async fn record(
    context: &InboxContext,
    aws: &Aws,
    pipeline: &PipelineRef,
    reports: &[RunReport],
) -> kube::Result<Disposition> {
    write(context, aws, pipeline, |pipeline, all| {
        let uid = pipeline.uid().unwrap_or_default();
        for report in reports.iter().filter(|report| report.uid == uid) {
            runs::tell(all, &report.run, &report.events);
        }
    })
    .await
}

/// Writes missed firings of one pipeline, unless its status has a report of them by now.
///
/// # Errors
/// The API server does not answer, or refuses.
pub(super) async fn miss(context: &InboxContext, aws: &Aws, overdue: &Overdue) -> kube::Result<()> {
    let Overdue { uid, expectation, runs: late } = overdue;
    let disposition = write(context, aws, &expectation.pipeline, |pipeline, all| {
        // A new pipeline of the same name, or one that is being deleted: its firings are not expected.
        if pipeline.uid().as_ref() != Some(uid) || pipeline.metadata.deletion_timestamp.is_some() {
            return;
        }
        // Runs older than the kept ones were dropped, not missed.
        let oldest = if all.len() < runs::MAX_RUNS { None } else { all.iter().map(runs::due).min() };
        let is_newer = |run: &RunRef| {
            oldest.is_none_or(|oldest| runs::was_due(run) > oldest)
                || all.iter().any(|known| known.run_id == run.run_id)
        };
        let late: Vec<&(RunRef, Cause)> = late.iter().filter(|(run, _)| is_newer(run)).collect();
        for (run, cause) in late {
            runs::missing(all, run, *cause, &expectation.hop(run.trigger));
        }
    })
    .await?;
    if disposition == Disposition::Done {
        context.expectations.judged(uid, late);
    }
    Ok(())
}

/// Applies a change to the runs of a pipeline, and writes the fields that depend on them.
async fn write(
    context: &InboxContext,
    aws: &Aws,
    wanted: &PipelineRef,
    change: impl Fn(&ScheduledTaskPipeline, &mut Vec<Run>),
) -> kube::Result<Disposition> {
    for _ in 0..ATTEMPTS {
        let pipeline = match context.cluster.find(wanted).await {
            Ok(Some(stored)) => match stored.whole() {
                Ok(pipeline) => pipeline,
                // A later version of the custom resource: its operator will handle the message.
                Err(_) => return Ok(Disposition::Again),
            },
            Ok(None) => return Ok(Disposition::Done),
            Err(error) => return Err(error),
        };
        let before = RunStatusPatch::of(&pipeline.status.clone().unwrap_or_default());
        let uid = pipeline.uid().unwrap_or_default();
        let mut all = before.runs.clone();
        // Only the built-in runner reports how a run ends; with another runner, a run would stay `Running` for ever.
        if pipeline.spec.runner.hop.code.is_none() {
            change(&pipeline, &mut all);
        }
        runs::settle(&mut all);
        context.expectations.heard(&uid, &all, Timestamp::now());
        let after = before.with(all, &pipeline, Timestamp::now());
        if after == before {
            return Ok(Disposition::Done);
        }
        match context.cluster.write_reports(&pipeline, &after).await {
            Ok(()) => {
                tell(context, &pipeline, &before, &after).await;
                if after.runs.iter().any(|run| has_ended(run) && !had_ended(run, &before.runs)) {
                    context.queue_depths.refresh(aws, &pipeline).await;
                }
                return Ok(Disposition::Done);
            }
            Err(kube::Error::Api(refusal)) if refusal.is_conflict() => {}
            // The pipeline was deleted in the meantime.
            Err(kube::Error::Api(refusal)) if refusal.is_not_found() => return Ok(Disposition::Done),
            Err(error) => return Err(error),
        }
    }
    Ok(Disposition::Again)
}

fn has_ended(run: &Run) -> bool {
    run.result != RunResult::Running
}

fn had_ended(run: &Run, before: &[Run]) -> bool {
    before.iter().any(|old| old.run_id == run.run_id && old.result == run.result)
}

/// Updates metrics, and publishes events for failures and misses; never for a run that succeeded.
async fn tell(
    context: &InboxContext,
    pipeline: &ScheduledTaskPipeline,
    before: &RunStatusPatch,
    after: &RunStatusPatch,
) {
    let mut events = Vec::new();
    for run in &after.runs {
        if has_ended(run) && !had_ended(run, &before.runs) {
            context.metrics.count_run(pipeline, run);
            events.extend(event_of(run));
        }
        let known = before.runs.iter().find(|old| old.run_id == run.run_id);
        let lost = run.undelivered.iter().filter(|lost| known.is_none_or(|known| !known.undelivered.contains(lost)));
        events.extend(lost.map(|lost| {
            Event::new(
                Reported::DeliveryFailed,
                format!(
                    "channel `{}` did not get the result of task `{}` of run {} of {}: {}",
                    lost.channel, lost.task, run.run_id, run.scheduled_time, lost.error
                ),
            )
        }));
    }
    for event in events {
        tracing::warn!(
            namespace = pipeline.namespace(),
            pipeline = pipeline.name_any(),
            reason = %event.reason,
            note = event.note,
            "a run needs attention"
        );
        // The status has the same information, so a failed event does not stop the rest.
        if let Err(error) = context.cluster.publish(pipeline, &event).await {
            tracing::warn!(error = pipeline_core::error_chain::chain(&error), "no event can be written");
        }
    }
}

fn event_of(run: &Run) -> Option<Event> {
    let Run { run_id, scheduled_time, counts, .. } = run;
    match run.result {
        RunResult::Succeeded | RunResult::Running => None,
        RunResult::Failed | RunResult::Partial => {
            let first = run.tasks.iter().find_map(|task| Some((&task.name, task.error.as_ref()?)));
            let why = first.map(|(task, error)| format!(": task `{task}`: {error}")).unwrap_or_default();
            let total = counts.succeeded + counts.failed + counts.missed;
            let note = format!(
                "{} of {total} tasks of run {run_id} of {scheduled_time} failed{why}",
                total - counts.succeeded
            );
            Some(Event::new(Acted::RunFailed, note))
        }
        RunResult::Missed => {
            let hop = run.message.as_deref().unwrap_or_default();
            Some(Event::new(Reported::Missed, format!("the run of {scheduled_time} did not come: {hop}")))
        }
    }
}
