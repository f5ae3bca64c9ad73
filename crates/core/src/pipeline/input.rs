//! What the schedule passes to the sender.

use std::cmp::Reverse;

use protocol::{Channel, Firing, Task, Trigger, placeholder};

use super::refusal::Refusals;
use crate::names::Owner;

/// Maximum size of a schedule's Input in bytes.
/// <https://docs.aws.amazon.com/scheduler/latest/UserGuide/scheduler-quotas.html>
const MAX_BYTES: usize = 262_144;

/// Number of the largest tasks that a refusal for size names.
const LARGEST_NAMED: usize = 3;

/// The firing, as the schedule passes it: the placeholders are filled in by AWS.
pub(super) fn build(
    owner: &Owner,
    parameter: Option<String>,
    tasks: Vec<Task>,
    channels: Vec<Channel>,
    refusals: &mut Refusals,
) -> Firing {
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
    let bytes = serde_json::json!(firing).to_string().len();
    if bytes > MAX_BYTES {
        let message = format!(
            "tasks and channels are {bytes} bytes as JSON, and a schedule can hold {MAX_BYTES}: {}",
            sizes(&firing.tasks)
        );
        refusals.invalid_hint("spec.tasks", message, "shorten them, or split the pipeline");
    }
    firing
}

fn sizes(tasks: &[Task]) -> String {
    let mut sizes: Vec<(usize, &str)> =
        tasks.iter().map(|task| (serde_json::json!(task).to_string().len(), task.name.as_str())).collect();
    sizes.sort_by_key(|(size, _)| Reverse(*size));
    let named = sizes.iter().take(LARGEST_NAMED).map(|(size, name)| format!("task `{name}` has {size}"));
    named.collect::<Vec<_>>().join(", ")
}
