//! The schedule grammar and its calendar: parses the schedules that users write, converts them to EventBridge Scheduler
//! expressions, and computes when they fire.
//!
//! [`parse`] accepts Unix cron, a few macros, and EventBridge's own `cron(...)`, `rate(...)` and `at(...)`. It returns
//! a [`Schedule`] in canonical form: two texts with the same meaning have the same [`Schedule::expression`]. For a text
//! that EventBridge would reject, or that could never fire, it returns a [`ScheduleError`] whose message quotes it.
//!
//! The crate is pure: callers pass the current time. Time zones come from the system's database, or from the one that
//! `jiff` bundles.
//!
//! # Daylight saving
//!
//! EventBridge skips a cron firing whose local time does not exist. Where a local time occurs twice, it fires only the
//! first time: <https://docs.aws.amazon.com/scheduler/latest/UserGuide/schedule-types.html>. This applies to hourly
//! crons too: nothing fires during the repeated hour. [`Schedule::next`] implements these rules, and
//! [`Schedule::warnings`] lists the dates affected. AWS does not document what happens to an `at(...)` whose local time
//! does not exist, so [`parse`] rejects it.

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
