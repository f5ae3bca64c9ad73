//! Registers a pipeline's firings with the check for missed ones.

use api::PipelineStatus;
use jiff::Timestamp;
use pipeline_core::names::Part;
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
    };
    context.expectations.expect(&owner.uid, expectation, &previous.runs);
}
