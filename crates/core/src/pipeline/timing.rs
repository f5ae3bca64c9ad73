//! Schedule and window of a pipeline.

use jiff::Timestamp;
use schedule::{Schedule, Window};

use super::Context;
use super::refusal::{Refusals, quoted};

/// Validates schedule and window. Drops a start that has passed, since EventBridge refuses it.
pub(super) fn resolve(
    schedule: &str,
    time_zone: &str,
    span: &Window,
    context: &Context<'_>,
    refusals: &mut Refusals,
) -> Option<(Schedule, Window)> {
    let window = Window { start: span.start.filter(|start| *start > context.now), end: span.end };
    let schedule = match schedule::parse(schedule, time_zone) {
        Ok(schedule) => Some(schedule),
        Err(error) => {
            // A mistake in the expression is reported even if the time zone is unknown.
            let elsewhere = schedule::parse(schedule, "UTC").err().filter(|other| *other != error);
            for error in elsewhere.into_iter().chain([error]) {
                refusals.invalid(format!("spec.{}", error.field()), error.to_string());
            }
            None
        }
    };
    if let (Some(start), Some(end)) = (span.start, span.end)
        && start >= end
    {
        refusals.invalid("spec.endTime", format!("{end} is not after `startTime`, {start}"));
        return None;
    }
    let schedule = schedule?;
    // A schedule that exists may have fired for the last time already.
    if !context.has_schedule {
        check_future(&schedule, &window, context.now, refusals);
    }
    Some((schedule, window))
}

/// Refuses a schedule that would never fire.
fn check_future(schedule: &Schedule, window: &Window, now: Timestamp, refusals: &mut Refusals) {
    let expression = quoted(schedule.expression());
    if let Some(end) = window.end.filter(|end| *end <= now) {
        refusals.invalid_hint("spec.endTime", format!("{end} has passed"), "set a later time, or remove it");
    } else if schedule.is_over(now, window) {
        let (message, hint) = match window.end {
            Some(end) if !schedule.is_over(now, &Window { start: window.start, end: None }) => {
                (format!("{expression} does not fire until `endTime`, {end}"), "set a later `endTime`")
            }
            Some(_) | None => {
                let zone = schedule.time_zone();
                (format!("{expression} in {zone} has passed"), "set a later time")
            }
        };
        refusals.invalid_hint("spec.schedule", message, hint);
    }
}
