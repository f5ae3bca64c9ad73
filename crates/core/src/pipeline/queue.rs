//! Settings of the queues.

use super::refusal::{Refusals, quoted};
use super::{Context, Queue};
use crate::arn::Arn;
use crate::configuration::is_key_arn;
use crate::location::Target;

/// Default visibility timeout as a multiple of the runner's timeout, as AWS recommends.
/// <https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-configure.html>
const VISIBILITY_FACTOR: u32 = 6;

/// Validates the queues' settings against the runner and the tasks.
pub(super) fn resolve(
    spec: &api::Queue,
    runner_timeout_seconds: u32,
    tasks: &[protocol::Task],
    target: &Target,
    context: &Context<'_>,
    refusals: &mut Refusals,
) -> Queue {
    let api::Queue {
        retention_seconds,
        visibility_timeout_seconds,
        max_receive_count,
        kms_key_id,
        dead_letter_retention_seconds,
        delete_with_messages,
    } = spec;
    if let Some(key) = kms_key_id {
        check_key(key, target, context, refusals);
    }
    if let Some(visibility) = visibility_timeout_seconds.filter(|visibility| *visibility < runner_timeout_seconds) {
        refusals.invalid_hint(
            "spec.queue.visibilityTimeoutSeconds",
            format!("{visibility} is less than the runner's timeout of {runner_timeout_seconds}"),
            "remove it, or raise it",
        );
    }
    let attempts = tasks.iter().map(|task| task.attempts).max().unwrap_or(1);
    Queue {
        retention_seconds: *retention_seconds,
        visibility_timeout_seconds: visibility_timeout_seconds
            .unwrap_or(VISIBILITY_FACTOR.saturating_mul(runner_timeout_seconds)),
        max_receive_count: protocol::redrive_count(*max_receive_count, attempts),
        dead_letter_retention_seconds: *dead_letter_retention_seconds,
        delete_with_messages: *delete_with_messages,
        kms_key_arn: kms_key_id.clone(),
    }
}

/// Accepts only the ARN of a key: an alias can be moved to a key that is not allowed, and a bare id has an account that
/// only AWS knows.
fn check_key(key: &str, target: &Target, context: &Context<'_>, refusals: &mut Refusals) {
    let field = "spec.queue.kmsKeyId";
    let region = target.region.as_deref().or(context.home.own_region);
    if !is_key_arn(key) {
        let message = format!("{} is not a valid KMS key ARN", quoted(key));
        refusals.invalid_hint(
            field,
            message,
            "write `arn:aws:kms:REGION:ACCOUNT:key/ID`, as `aws kms describe-key` shows it",
        );
    } else if let Err(missing) = context.configuration.kms_key(&context.owner.namespace, key) {
        refusals.not_allowed(field, missing);
    } else if let Some(region) = region.filter(|region| Arn::parse(key).is_some_and(|key| key.region != *region)) {
        let message = format!("the key is not in region `{region}`, where the queues are");
        refusals.invalid_hint(field, message, "use a key of that region");
    }
}
