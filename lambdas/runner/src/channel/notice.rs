//! The content of a notification, before it takes the form of a service.

use protocol::template::{self, HOLE, Rendered};
use protocol::{Status, Task, TaskResult};

/// The content of a notification.
#[derive(Debug)]
pub(crate) enum Notice {
    /// A rendered template, the task's own or the default one.
    Text(Rendered),
    /// A failure of a task without a template of its own.
    Failure(Box<Failure>),
}

/// A failure, in the parts that services lay out.
#[derive(Debug)]
pub(crate) struct Failure {
    /// All of it as one text.
    pub(crate) text: Rendered,
    pub(crate) task: String,
    pub(crate) pipeline: String,
    pub(crate) error: String,
    /// Names and values of what identifies the run.
    pub(crate) facts: [(&'static str, String); 3],
    /// The command that shows more.
    pub(crate) more: String,
}

impl Notice {
    /// Renders the task's template, or the default one. If the template fails, the default text is sent with a note; an
    /// empty text is replaced by a summary, since services refuse empty messages.
    pub(crate) fn new(task: &Task, result: &TaskResult) -> Self {
        let default = || template::render(None, result, None).unwrap_or_else(|_| summary(result));
        let Some(own) = task.template.as_deref() else {
            return match result.status {
                Status::Succeeded => Self::Text(default()),
                Status::Failed => Self::Failure(Box::new(Failure::new(result, default()))),
            };
        };
        let rendered = template::render(Some(own), result, task.input.as_ref()).unwrap_or_else(|error| {
            tracing::warn!(runId = result.run_id, task = result.task, %error, "template failed, the default one is used");
            let mut text = default();
            text.text.extend(['\n', HOLE]);
            text.inserted.push(format!("(The template of this task failed: {error})"));
            text
        });
        let is_empty = rendered.filled(str::to_owned).trim().is_empty();
        Self::Text(if is_empty { summary(result) } else { rendered })
    }
}

impl Failure {
    fn new(result: &TaskResult, text: Rendered) -> Self {
        let TaskResult { pipeline, task, run_id, scheduled_time, attempt, error, .. } = result;
        Self {
            text,
            task: task.clone(),
            pipeline: pipeline.name.clone(),
            error: error.clone().unwrap_or_default(),
            facts: [("Attempt", attempt.to_string()), ("Due", scheduled_time.clone()), ("Run", run_id.clone())],
            more: format!("kubectl --namespace {} describe stp {}", pipeline.namespace, pipeline.name),
        }
    }
}

fn summary(result: &TaskResult) -> Rendered {
    let verb = match result.status {
        Status::Succeeded => "succeeded",
        Status::Failed => "failed",
    };
    Rendered::inserted(format!("{} ({}) {verb}", result.task, result.pipeline.name))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_text_is_never_empty_and_a_failing_template_costs_no_message() {
        let result: TaskResult = serde_json::from_value(json!({
            "pipeline": {"namespace": "default", "name": "p"}, "task": "t", "runId": "r", "attempt": 1,
            "scheduledTime": "2026-01-01T09:00:00Z", "trigger": "Schedule", "status": "Succeeded", "text": "b",
            "durationMs": 1,
        }))
        .unwrap();
        let shown = |template: &str| {
            let task: Task = serde_json::from_value(json!({
                "name": "t", "action": "message", "template": template, "timeoutSeconds": 1, "attempts": 1,
                "backoffSeconds": 1,
            }))
            .unwrap();
            match Notice::new(&task, &result) {
                Notice::Text(text) => text.filled(str::to_uppercase),
                Notice::Failure(failure) => panic!("{failure:?}"),
            }
        };
        assert_eq!(shown(" {{ result.json.nothing }}\n"), "T (P) SUCCEEDED");
        assert_eq!(shown("own {{ result.text }}"), "own B");
        let fallback = shown("{{ 1 + 'x' }}");
        assert!(fallback.starts_with("✅ T (P): B\n(THE TEMPLATE OF THIS TASK FAILED: "), "{fallback}");
    }
}
