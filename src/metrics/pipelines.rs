//! Metrics of each pipeline, taken from the watched objects. Conditions have the names that Karpenter's `operatorpkg`
//! uses: <https://github.com/awslabs/operatorpkg/tree/main/status>.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use api::{GROUP, PipelineStatus, Run, RunResult, ScheduledTaskPipeline};
use jiff::Timestamp;
use kube::Resource as _;
use kube::runtime::watcher::Event;
use parking_lot::Mutex;
use pipeline_core::names::pipeline_ref;
use pipeline_core::runs::due;
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, NoLabelSet};
use prometheus_client::metrics::MetricType;
use protocol::PipelineRef;

/// All pipelines that the API server shows.
#[derive(Debug, Default)]
pub struct Pipelines {
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    shown: BTreeMap<PipelineRef, Shown>,
    /// Pipelines seen in a list that is in progress. At its end, all others are dropped.
    listed: Option<BTreeSet<PipelineRef>>,
    /// Changes of conditions, by their type, status and reason.
    transitions: BTreeMap<[String; 3], u64>,
    ended: BTreeMap<(PipelineRef, RunResult), u64>,
}

/// Results of runs that have ended.
const ENDS: [RunResult; 4] = [RunResult::Succeeded, RunResult::Failed, RunResult::Partial, RunResult::Missed];

/// The values of one pipeline.
#[derive(Debug)]
struct Shown {
    conditions: Vec<Said>,
    deleted: Option<Timestamp>,
    next: Option<Timestamp>,
    last_success: Option<Timestamp>,
    pending: usize,
    waiting: u64,
    dead_letters: u64,
}

#[derive(Debug)]
struct Said {
    /// Type, status and reason.
    what: [String; 3],
    since: Timestamp,
}

impl Pipelines {
    /// Updates the values from an event of the watch.
    pub fn see(&self, event: &Event<ScheduledTaskPipeline>) {
        let mut state = self.state.lock();
        match event {
            Event::Init => state.listed = Some(BTreeSet::new()),
            Event::InitApply(pipeline) => {
                state.show(pipeline);
                if let Some(listed) = &mut state.listed {
                    listed.insert(pipeline_ref(pipeline));
                }
            }
            Event::InitDone => {
                if let Some(listed) = state.listed.take() {
                    state.keep(|key| listed.contains(key));
                }
            }
            Event::Apply(pipeline) => state.show(pipeline),
            Event::Delete(pipeline) => state.keep(|other| *other != pipeline_ref(pipeline)),
        }
    }

    /// Counts a run of a pipeline that ended.
    pub fn count_run(&self, pipeline: &ScheduledTaskPipeline, run: &Run) {
        *self.state.lock().ended.entry((pipeline_ref(pipeline), run.result)).or_default() += 1;
    }
}

impl State {
    fn show(&mut self, pipeline: &ScheduledTaskPipeline) {
        let nothing = PipelineStatus::default();
        let status = pipeline.status.as_ref().unwrap_or(&nothing);
        let before = self.shown.get(&pipeline_ref(pipeline));
        let conditions = status.conditions.iter().map(|condition| Said {
            what: [condition.type_.clone(), condition.status.clone(), condition.reason.clone()],
            since: condition.last_transition_time.0,
        });
        let conditions: Vec<Said> = conditions.collect();
        if let Some(before) = before {
            let is_new = |said: &&Said| !before.conditions.iter().any(|old| old.what == said.what);
            for said in conditions.iter().filter(is_new) {
                *self.transitions.entry(said.what.clone()).or_default() += 1;
            }
        }
        let succeeded = status.runs.iter().filter(|run| run.result == RunResult::Succeeded).map(due).max();
        let queue = status.queue.unwrap_or_default();
        let shown = Shown {
            conditions,
            deleted: pipeline.metadata.deletion_timestamp.as_ref().map(|time| time.0),
            next: status.next_run.as_ref().and_then(|next| next.parse().ok()),
            // Kept from before: ten failed runs push the last success out of the status.
            last_success: succeeded.max(before.and_then(|before| before.last_success)),
            pending: status.plan.len(),
            waiting: queue.visible,
            dead_letters: queue.dead_letters,
        };
        self.shown.insert(pipeline_ref(pipeline), shown);
    }

    fn keep(&mut self, stays: impl Fn(&PipelineRef) -> bool) {
        self.shown.retain(|key, _| stays(key));
        self.ended.retain(|(key, _), _| stays(key));
    }
}

/// A gauge: its name, its help text, and a function that gives its value.
type Figure<'a, T, V> = (&'a str, &'a str, &'a dyn Fn(&T) -> V);

impl Collector for Pipelines {
    fn encode(&self, mut encoder: DescriptorEncoder) -> fmt::Result {
        let (state, now) = (self.state.lock(), Timestamp::now());
        state.encode_conditions(&mut encoder, now)?;
        let gauges: [Figure<Shown, Option<i64>>; 5] = [
            ("last_success_timestamp_seconds", "When the last run that succeeded was due.", &|shown| {
                shown.last_success.map(Timestamp::as_second)
            }),
            ("next_firing_timestamp_seconds", "When the schedule fires next.", &|shown| {
                shown.next.map(Timestamp::as_second)
            }),
            ("queue_messages", "Messages that wait in the queue of tasks.", &|shown| i64::try_from(shown.waiting).ok()),
            ("dead_letters", "Messages in both dead-letter queues.", &|shown| i64::try_from(shown.dead_letters).ok()),
            ("pending_changes", "Resources that differ on AWS from what is wanted, 50 at most.", &|shown| {
                i64::try_from(shown.pending).ok()
            }),
        ];
        for (name, help, value) in gauges {
            let name = format!("task_pipelines_{name}");
            let mut metric = encoder.encode_descriptor(&name, help, None, MetricType::Gauge)?;
            for (PipelineRef { namespace, name }, shown) in &state.shown {
                if let Some(value) = value(shown) {
                    metric.encode_family(&[("namespace", namespace), ("name", name)])?.encode_gauge(&value)?;
                }
            }
        }
        let mut metric = encoder.encode_descriptor(
            "task_pipelines_runs",
            "Runs that ended, or were missed.",
            None,
            MetricType::Counter,
        )?;
        // All results, zeros included, or Prometheus would not see the first run with a result as an increase.
        for (key, result) in state.shown.keys().flat_map(|key| ENDS.map(|result| (key, result))) {
            let count = state.ended.get(&(key.clone(), result)).copied().unwrap_or_default();
            let labels = [
                ("namespace", key.namespace.as_str()),
                ("name", key.name.as_str()),
                ("result", &format!("{result:?}")),
            ];
            metric.encode_family(&labels)?.encode_counter::<NoLabelSet, _, u64>(&count, None)?;
        }
        Ok(())
    }
}

impl State {
    fn encode_conditions(&self, encoder: &mut DescriptorEncoder, now: Timestamp) -> fmt::Result {
        let kind = ScheduledTaskPipeline::kind(&());
        let kind = [("group", GROUP), ("kind", kind.as_ref())];
        let gauges: [Figure<Said, i64>; 2] = [
            ("count", "1 for each condition as it stands.", &|_| 1),
            ("current_status_seconds", "How long conditions have stood so.", &|said| {
                now.duration_since(said.since).as_secs()
            }),
        ];
        for (name, help, value) in gauges {
            let name = format!("operator_status_condition_{name}");
            let mut metric = encoder.encode_descriptor(&name, help, None, MetricType::Gauge)?;
            for (PipelineRef { namespace, name }, said) in self.conditions() {
                let object = [("namespace", namespace.as_str()), ("name", name)];
                let labels = [&kind[..], &object, &labels(&said.what)].concat();
                metric.encode_family(&labels)?.encode_gauge(&value(said))?;
            }
        }
        let mut metric = encoder.encode_descriptor(
            "operator_status_condition_transitions",
            "Changes of conditions into this one.",
            None,
            MetricType::Counter,
        )?;
        for (what, count) in &self.transitions {
            let labels = [&kind[..], &labels(what)].concat();
            metric.encode_family(&labels)?.encode_counter::<NoLabelSet, _, u64>(count, None)?;
        }
        let mut metric = encoder.encode_descriptor(
            "operator_termination_current_time_seconds",
            "How long pipelines have been in deletion.",
            None,
            MetricType::Gauge,
        )?;
        for (PipelineRef { namespace, name }, deleted) in
            self.shown.iter().filter_map(|(key, shown)| Some((key, shown.deleted?)))
        {
            let labels = [&kind[..], &[("namespace", namespace), ("name", name)]].concat();
            metric.encode_family(&labels)?.encode_gauge(&now.duration_since(deleted).as_secs())?;
        }
        Ok(())
    }

    fn conditions(&self) -> impl Iterator<Item = (&PipelineRef, &Said)> {
        self.shown.iter().flat_map(|(key, shown)| shown.conditions.iter().map(move |said| (key, said)))
    }
}

fn labels([kind, status, reason]: &[String; 3]) -> [(&str, &str); 3] {
    [("type", kind), ("status", status), ("reason", reason)]
}

#[cfg(test)]
mod tests {
    use prometheus_client::encoding::text::encode;
    use prometheus_client::registry::Registry;
    use serde_json::{Value, json};

    use super::*;

    fn pipeline(name: &str, ready: &str, status: &Value) -> ScheduledTaskPipeline {
        let condition = json!({
            "type": "Ready", "status": ready, "reason": "Any", "message": "", "lastTransitionTime": "2026-03-01T12:00:00Z",
        });
        let mut pipeline = json!({
            "apiVersion": "taskpipelines.dev/v1alpha1", "kind": "ScheduledTaskPipeline",
            "metadata": {"name": name, "namespace": "team"},
            "spec": {"schedule": "@daily", "tasks": [{"name": "a", "message": {}}]},
            "status": status,
        });
        pipeline["status"]["conditions"] = json!([condition]);
        serde_json::from_value(pipeline).unwrap()
    }

    fn text(pipelines: Pipelines) -> String {
        let (mut registry, mut text) = (Registry::default(), String::new());
        registry.register_collector(Box::new(pipelines));
        encode(&mut text, &registry).unwrap();
        text
    }

    #[track_caller]
    fn check(text: &str, lines: &[&str]) {
        for line in lines {
            assert!(text.contains(line), "no {line} in:\n{text}");
        }
    }

    #[test]
    fn the_state_of_each_pipeline_is_told() {
        let pipelines = Pipelines::default();
        let status = json!({
            "queue": {"visible": 3, "inFlight": 0, "deadLetters": 2},
            "nextRun": "2026-03-01T09:00:00+08:00",
            "plan": [{"action": "Update", "kind": "Queue", "name": "a"}],
        });
        pipelines.see(&Event::Apply(pipeline("a", "Unknown", &json!({}))));
        pipelines.see(&Event::Apply(pipeline("a", "True", &status)));
        let object = r#"group="taskpipelines.dev",kind="ScheduledTaskPipeline",namespace="team",name="a""#;
        check(
            &text(pipelines),
            &[
                &format!(r#"operator_status_condition_count{{{object},type="Ready",status="True",reason="Any"}} 1"#),
                r#"type="Ready",status="True",reason="Any"} 1"#,
                "operator_status_condition_transitions_total{",
                r#"task_pipelines_runs_total{namespace="team",name="a",result="Missed"} 0"#,
                r#"task_pipelines_queue_messages{namespace="team",name="a"} 3"#,
                r#"task_pipelines_dead_letters{namespace="team",name="a"} 2"#,
                r#"task_pipelines_pending_changes{namespace="team",name="a"} 1"#,
                r#"task_pipelines_next_firing_timestamp_seconds{namespace="team",name="a"} 1772326800"#,
            ],
        );
    }

    #[test]
    fn a_success_is_remembered_after_ten_failures() {
        let pipelines = Pipelines::default();
        let run = |result: &str| {
            json!({"runs": [{"runId": "r", "scheduledTime": "2026-03-01T01:00:00Z", "trigger": "Schedule", "result": result,
                "counts": {"succeeded": 1, "failed": 0, "running": 0, "missed": 0}}]})
        };
        pipelines.see(&Event::Apply(pipeline("a", "True", &run("Succeeded"))));
        pipelines.see(&Event::Apply(pipeline("a", "True", &run("Failed"))));
        check(
            &text(pipelines),
            &[r#"task_pipelines_last_success_timestamp_seconds{namespace="team",name="a"} 1772326800"#],
        );
    }

    #[test]
    fn nothing_is_told_of_a_pipeline_that_is_gone() {
        let pipelines = Pipelines::default();
        for name in ["deleted", "unseen", "there"] {
            pipelines.see(&Event::Apply(pipeline(name, "True", &json!({}))));
        }
        pipelines.see(&Event::Delete(pipeline("deleted", "True", &json!({}))));
        pipelines.see(&Event::Init);
        pipelines.see(&Event::InitApply(pipeline("there", "True", &json!({}))));
        pipelines.see(&Event::InitDone);
        let text = text(pipelines);
        assert!(!text.contains("deleted\"") && !text.contains("unseen"), "{text}");
        check(&text, &[r#"task_pipelines_dead_letters{namespace="team",name="there"} 0"#]);
    }
}
