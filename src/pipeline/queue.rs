//! Settings of the queues.

use super::Queue;
use super::refusal::Refusals;
use crate::crd;

/// Receives that a delivery may need in all: about 4 hours of a chat's refusals, see the runner.
const DELIVERY_RECEIVES: u32 = 20;

/// SQS's greatest redrive count.
/// <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SetQueueAttributes.html>
const MAX_RECEIVE_COUNT: u32 = 1000;

/// How many runner timeouts a message is hidden for, as AWS advises.
/// <https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-configure.html>
const VISIBILITY_FACTOR: u32 = 6;

/// Checks the queues' settings against the runner and the tasks.
pub(super) fn resolve(
    spec: &crd::Queue,
    runner_timeout_seconds: u32,
    tasks: &[protocol::Task],
    refusals: &mut Refusals,
) -> Queue {
    let crd::Queue {
        retention_seconds,
        visibility_timeout_seconds,
        max_receive_count,
        kms_key_id,
        dead_letter_retention_seconds,
        delete_with_messages,
    } = spec;
    refusals.unsupported("spec.queue", &[("kmsKeyId", kms_key_id.is_some())]);
    if let Some(visibility) = visibility_timeout_seconds.filter(|visibility| *visibility < runner_timeout_seconds) {
        refusals.invalid_hint(
            "spec.queue.visibilityTimeoutSeconds",
            format!("{visibility} is less than the runner's timeout of {runner_timeout_seconds}"),
            "remove it, or raise it",
        );
    }
    let attempts = tasks.iter().map(|task| task.attempts).max().unwrap_or(1);
    let beside = attempts.saturating_sub(1).saturating_add(DELIVERY_RECEIVES);
    let receives = max_receive_count.saturating_add(beside);
    if receives > MAX_RECEIVE_COUNT {
        refusals.invalid_hint(
            "spec.queue.maxReceiveCount",
            format!(
                "{max_receive_count} and {beside} for retries and deliveries are more than SQS's {MAX_RECEIVE_COUNT}"
            ),
            format!("lower it to {}", MAX_RECEIVE_COUNT.saturating_sub(beside)),
        );
    }
    Queue {
        retention_seconds: *retention_seconds,
        visibility_timeout_seconds: visibility_timeout_seconds
            .unwrap_or(VISIBILITY_FACTOR.saturating_mul(runner_timeout_seconds)),
        max_receive_count: receives,
        dead_letter_retention_seconds: *dead_letter_retention_seconds,
        delete_with_messages: *delete_with_messages,
    }
}
