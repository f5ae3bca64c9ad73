//! `status.schedule`: the schedule as AWS has it, and since when.

use api::{PipelineStatus, ScheduleStatus};
use jiff::{Timestamp, Zoned};
use pipeline_core::pipeline::Pipeline;
use pipeline_core::resource::{Difference, FieldName, Kind};

use crate::reconcile::apply::{Applied, AppliedChange};

/// Number of coming firings that are shown.
const NEXT_FIRINGS: usize = 3;

/// Writes the schedule as AWS has it into the status. `known` is one of its firings, from which the firings of a
/// `rate()` follow; without one they follow from `startTime`, or from what the status said before.
pub fn put_schedule(status: &mut PipelineStatus, pipeline: &Pipeline, known: Option<Timestamp>, now: Timestamp) {
    let before = status.schedule.take();
    let before = before.filter(|before| before.expression == pipeline.schedule.expression());
    let told = || before.as_ref()?.next.first()?.parse().ok();
    let mut schedule = schedule(pipeline, known.or(pipeline.start_time).or_else(told), now);
    let before = before.filter(|before| before.state == schedule.state);
    schedule.since = before.and_then(|before| before.since).or_else(|| Some(to_the_second(now)));
    status.next_run = schedule.next.first().cloned();
    status.schedule = Some(schedule);
}

/// Expects no firings before now, after the schedule was created or its timing was changed.
pub fn restart_schedule(status: &mut PipelineStatus, now: Timestamp) {
    if let Some(schedule) = &mut status.schedule {
        schedule.since = Some(to_the_second(now));
    }
}

/// Whether an applied plan has changed when the schedule fires.
pub fn fires_otherwise(applied: &Applied) -> bool {
    let timing = [
        FieldName::Expression,
        FieldName::TimeZone,
        FieldName::State,
        FieldName::StartDate,
        FieldName::EndDate,
        FieldName::FlexibleWindowMinutes,
    ];
    applied.changes.iter().filter(|(id, _)| id.kind == Kind::Schedule).any(|(_, change)| match change {
        AppliedChange::Updated(differences) => {
            differences.iter().filter_map(Difference::field).any(|name| timing.contains(&name))
        }
        AppliedChange::Created | AppliedChange::TakenOver { .. } | AppliedChange::Deleted => true,
    })
}

fn to_the_second(now: Timestamp) -> String {
    now.round(jiff::Unit::Second).unwrap_or(now).to_string()
}

fn schedule(pipeline: &Pipeline, known: Option<Timestamp>, now: Timestamp) -> ScheduleStatus {
    let next = if pipeline.suspended {
        Vec::new()
    } else {
        pipeline.schedule.next_from(known, now, &pipeline.window, NEXT_FIRINGS)
    };
    ScheduleStatus {
        since: None,
        expression: pipeline.schedule.expression().to_owned(),
        state: if pipeline.suspended { "DISABLED" } else { "ENABLED" }.to_owned(),
        next: next.iter().map(rfc3339).collect(),
        warnings: pipeline.schedule.warnings(now, &pipeline.window),
    }
}

fn rfc3339(time: &Zoned) -> String {
    time.strftime("%Y-%m-%dT%H:%M:%S%:z").to_string()
}
