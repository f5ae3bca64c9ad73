//! Registers a pipeline's firings with the check for missed ones.

use api::{PipelineStatus, Task};
use jiff::{SignedDuration, Timestamp};
use pipeline_core::names::Part;
use pipeline_core::pipeline::Pipeline;
use pipeline_core::runs::missed::Expectation;
use pipeline_core::runs::reports_nothing;

use super::context::ReconcileContext;
use super::planning::Desired;
use super::subject::Subject;

/// Expects the firings of the schedule in this status.
pub(super) fn expect_firings(
    context: &ReconcileContext,
    subject: &Subject,
    desired: &Desired,
    status: &PipelineStatus,
    now: Timestamp,
) {
    let Subject { pipeline: object, owner, previous } = subject;
    let Desired { pipeline, aws, .. } = desired;
    let since = status.schedule.as_ref().and_then(|schedule| schedule.since.as_ref()?.parse().ok());
    let (schedule, silent) = (owner.prefix(), reports_nothing(&object.spec));
    let expectation = Expectation {
        pipeline: owner.pipeline(),
        location: aws.location.clone(),
        schedule: pipeline.schedule.clone(),
        window: pipeline.window,
        suspended: pipeline.suspended,
        reports_runs: !silent,
        condition_missing: silent && !previous.says_not_reported,
        since: since.unwrap_or(now),
        missed_after_seconds: pipeline.missed_after_seconds,
        flexible_window_minutes: pipeline.flexible_window_minutes,
        schedule_arn: aws.location.schedule_arn(&schedule, &schedule),
        tasks: u32::try_from(object.spec.tasks.len()).unwrap_or(u32::MAX),
        sender: owner.part(Part::Sender),
        undelivered: owner.part(Part::Undelivered),
        retention: SignedDuration::from_secs(pipeline.queue.retention_seconds.into()),
        silence: longest_silence(pipeline, &object.spec.tasks),
    };
    context.expectations.expect(&owner.uid, expectation, &previous.runs, now);
}

/// The longest that a task which has begun may go without a report: it runs, and then waits for its next attempt, or for
/// SQS to hand out again what a runner that broke down had.
fn longest_silence(pipeline: &Pipeline, tasks: &[Task]) -> SignedDuration {
    let back_off = tasks.iter().map(|task| task.retry.backoff_seconds).max().unwrap_or(0);
    let pause = back_off.max(pipeline.queue.visibility_timeout_seconds);
    SignedDuration::from_secs(pause.saturating_add(pipeline.runner.timeout_seconds).into())
}
