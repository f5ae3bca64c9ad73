//! Schedules: what a user writes, as EventBridge Scheduler takes it.
//!
//! [`parse`] accepts Unix cron, a few macros and EventBridge's own `cron(...)`, `rate(...)` and `at(...)`, and gives
//! back one canonical [`Schedule`]: two texts with the same meaning have the same [`Schedule::expression`]. What
//! EventBridge would refuse, and what could never fire, is refused here with a [`ScheduleError`] that quotes it.
//!
//! Nothing here reads a clock. Zones come from the time zone database that `jiff` finds.
//!
//! # Daylight saving
//!
//! EventBridge skips a cron firing whose local time does not exist, and fires once, at the first of the two, where a
//! local time comes twice: <https://docs.aws.amazon.com/scheduler/latest/UserGuide/schedule-types.html>. That holds for
//! hourly crons too: the repeated hour passes without a firing. [`Schedule::next`] follows it, and
//! [`Schedule::warnings`] names the dates. What becomes of an `at(...)` that does not exist is documented nowhere, so
//! it is refused.

mod calendar;
mod error;
mod field;
mod notation;
mod once;
mod position;
mod rate;
mod schedule;
mod warning;
mod window;
mod zone;

#[cfg(test)]
mod tests;

pub use error::ScheduleError;
pub use notation::parse;
pub use schedule::Schedule;
pub use window::Window;
