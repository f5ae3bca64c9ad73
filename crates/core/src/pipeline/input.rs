//! The Input that the schedule passes to the sender.

use std::cmp::Reverse;

use protocol::{Channel, Firing, Task, Trigger, placeholder};

use super::refusal::Refusals;
use crate::names::Owner;

/// Maximum size of a schedule's Input in bytes.
/// <https://docs.aws.amazon.com/scheduler/latest/UserGuide/scheduler-quotas.html>
const MAX_BYTES: usize = 262_144;

/// Number of the largest tasks that a refusal for size names.
const LARGEST_NAMED: usize = 3;

/// The Input of the schedule, as JSON.
pub(super) fn build(
    owner: &Owner,
    parameter: Option<String>,
    tasks: Vec<Task>,
    channels: Vec<Channel>,
    refusals: &mut Refusals,
) -> String {
    let firing = Firing {
        token: None,
        schedule_arn: placeholder::SCHEDULE_ARN.to_owned(),
        scheduled_time: placeholder::SCHEDULED_TIME.to_owned(),
        trigger: Trigger::Schedule,
        pipeline: owner.pipeline(),
        parameter,
        tasks,
        channels,
    };
    let input = serde_json::json!(firing).to_string();
    if input.len() > MAX_BYTES {
        let message = format!(
            "tasks and channels are {} bytes as JSON, and a schedule can hold {MAX_BYTES}: {}",
            input.len(),
            sizes(&firing.tasks)
        );
        refusals.invalid_hint("spec.tasks", message, "shorten them, or split the pipeline");
    }
    input
}

fn sizes(tasks: &[Task]) -> String {
    let mut sizes: Vec<(usize, &str)> =
        tasks.iter().map(|task| (serde_json::json!(task).to_string().len(), task.name.as_str())).collect();
    sizes.sort_by_key(|(size, _)| Reverse(*size));
    let named = sizes.iter().take(LARGEST_NAMED).map(|(size, name)| format!("task `{name}` has {size}"));
    named.collect::<Vec<_>>().join(", ")
}
