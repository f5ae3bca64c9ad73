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
mod once;
mod rate;
mod warning;
mod zone;

#[cfg(test)]
mod tests;

use std::fmt;

use jiff::{SignedDuration, Timestamp, Zoned, tz::TimeZone};

use calendar::Calendar;
use error::Problem;
use rate::Rate;

pub use error::ScheduleError;

/// The longest expression EventBridge takes, in characters:
/// <https://docs.aws.amazon.com/scheduler/latest/APIReference/API_CreateSchedule.html>.
const MAX_EXPRESSION: usize = 256;

/// A schedule that EventBridge accepts and that fires at least once. Made by [`parse`] alone.
#[derive(Clone, PartialEq, Eq)]
pub struct Schedule {
    expression: String,
    zone: TimeZone,
    zone_name: String,
    timing: Timing,
}

/// When a [`Schedule`] fires.
#[derive(Clone, PartialEq, Eq)]
enum Timing {
    /// At the local times that a calendar names.
    Cron(Box<croner::Cron>),
    /// At fixed intervals from a moment that EventBridge chooses.
    Rate(Rate),
    /// Once.
    At(Zoned),
}

/// The span in which a recurring schedule fires, both ends included. `at(...)` fires whatever the window.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Window {
    /// The first moment a firing may have; none means since ever.
    pub start: Option<Timestamp>,
    /// The last moment a firing may have; none means for ever.
    pub end: Option<Timestamp>,
}

impl Window {
    fn contains(&self, moment: Timestamp) -> bool {
        self.start.is_none_or(|start| start <= moment) && self.end.is_none_or(|end| moment <= end)
    }
}

/// Parses a schedule and the zone that its local times are in.
///
/// `schedule` is one of
/// - Unix cron: `0 9 * * 1-5`, with names, lists, ranges, steps, and 0 or 7 for Sunday. A range of weekdays may run
///   over the week's end (`FRI-MON`);
/// - `@hourly`, `@daily`, `@weekly`, `@monthly`, `@yearly`;
/// - EventBridge's `cron(0 9 ? * MON-FRI *)`, where the year may be left out, `rate(5 minutes)` and
///   `at(2026-01-01T09:00:00)`.
///
/// `time_zone` is an IANA name in its exact spelling, at most 50 characters long.
///
/// # Errors
///
/// When either breaks its grammar, when the expression is longer than 256 characters, and when no moment from 1970 to
/// 2199 matches. A past schedule is no error: see [`Schedule::is_over`].
pub fn parse(schedule: &str, time_zone: &str) -> Result<Schedule, ScheduleError> {
    let zone = zone::parse(time_zone)?;
    let text = schedule.trim();
    if text.chars().count() > MAX_EXPRESSION {
        return Err(Problem::TooLong.into());
    }
    let (expression, timing) = match Form::of(text)? {
        Form::Unix => from_calendar(&Calendar::from_unix(text)?)?,
        Form::Macro(unix) => from_calendar(&Calendar::from_unix(unix)?)?,
        Form::Cron(fields) => from_calendar(&Calendar::from_event_bridge(text, fields)?)?,
        Form::Rate(body) => {
            let rate = Rate::parse(text, body)?;
            (rate.to_string(), Timing::Rate(rate))
        }
        Form::At(body) => {
            let (expression, moment) = once::parse(text, body, time_zone, &zone)?;
            (expression, Timing::At(moment))
        }
    };
    if expression.len() > MAX_EXPRESSION {
        return Err(Problem::TooLong.into());
    }
    let schedule = Schedule { expression, zone, zone_name: time_zone.to_owned(), timing };
    if schedule.never_fires() {
        return Err(Problem::NeverFires { schedule: text.to_owned(), zone: time_zone.to_owned() }.into());
    }
    Ok(schedule)
}

impl Schedule {
    /// The expression as it is sent to EventBridge, which gives it back unchanged: `cron(0 9 ? * MON-FRI *)`,
    /// `rate(5 minutes)`, `at(2026-01-01T09:00:00)`.
    pub fn expression(&self) -> &str {
        &self.expression
    }

    /// The IANA name of the zone.
    pub fn time_zone(&self) -> &str {
        &self.zone_name
    }

    /// The first `count` firings later than `after`, in the schedule's zone. Empty for `rate(...)`, whose phase only
    /// EventBridge knows.
    pub fn next(&self, after: Timestamp, window: &Window, count: usize) -> Vec<Zoned> {
        match &self.timing {
            Timing::Cron(cron) => {
                // A firing at the very start counts, so the search begins just before it.
                let start = window.start.map(|start| start.saturating_sub(SignedDuration::from_nanos(1)));
                let after = start.into_iter().filter_map(Result::ok).fold(after, Timestamp::max);
                calendar::firings(cron, after.to_zoned(self.zone.clone()).datetime())
                    .filter_map(|local| zone::first_moment(&self.zone, local))
                    // Within a repeated hour, local times already past come round again.
                    .filter(|firing| firing.timestamp() > after)
                    .take_while(|firing| window.end.is_none_or(|end| firing.timestamp() <= end))
                    .take(count)
                    .collect()
            }
            Timing::Rate(_) => Vec::new(),
            Timing::At(moment) => {
                (moment.timestamp() > after).then(|| moment.clone()).into_iter().take(count).collect()
            }
        }
    }

    /// The interval of `rate(...)`.
    pub fn rate(&self) -> Option<SignedDuration> {
        match &self.timing {
            Timing::Rate(rate) => Some(rate.duration()),
            Timing::Cron(_) | Timing::At(_) => None,
        }
    }

    /// Between the next two firings, if there are two.
    pub fn interval(&self, after: Timestamp, window: &Window) -> Option<SignedDuration> {
        if let Some(rate) = self.rate() {
            return Some(rate);
        }
        match &self.next(after, window, 2)[..] {
            [first, second] => Some(second.timestamp().duration_since(first.timestamp())),
            _ => None,
        }
    }

    /// As [`Schedule::next`]; for `rate(...)` from one firing that is known.
    pub fn next_from(&self, known: Option<Timestamp>, after: Timestamp, window: &Window, count: usize) -> Vec<Zoned> {
        let Some(rate) = self.rate() else { return self.next(after, window, count) };
        let Some(known) = known else { return Vec::new() };
        let seconds = rate.as_secs().max(1);
        // The last firing up to `after`, or an earlier one where none is known before it.
        let past = after.duration_since(known).as_secs().div_euclid(seconds);
        let firing = |step: i64| {
            let moment = known.checked_add(SignedDuration::from_secs(seconds.checked_mul(past + step)?)).ok()?;
            Some(moment.to_zoned(self.zone.clone()))
        };
        (0..)
            .map_while(firing)
            .filter(|firing| firing.timestamp() > after && window.start.is_none_or(|start| start <= firing.timestamp()))
            .take_while(|firing| window.end.is_none_or(|end| firing.timestamp() <= end))
            .take(count)
            .collect()
    }

    /// The last `count` firings later than `from` and not later than `until`, oldest first.
    pub fn last_between(
        &self,
        known: Option<Timestamp>,
        from: Timestamp,
        until: Timestamp,
        window: &Window,
        count: usize,
    ) -> Vec<Timestamp> {
        // Few firings are looked through, whether they are a minute or a year apart.
        let window = &Window { end: Some(window.end.map_or(until, |end| end.min(until))), ..*window };
        for hours in [1, 24, 31 * 24, 366 * 24, i64::from(i32::MAX)] {
            let begin = until.saturating_sub(SignedDuration::from_hours(hours)).unwrap_or(Timestamp::MIN).max(from);
            let firings = self.next_from(known, begin, window, usize::MAX);
            // `at(...)` heeds no window.
            let mut firings: Vec<Timestamp> =
                firings.iter().map(Zoned::timestamp).take_while(|firing| *firing <= until).collect();
            if firings.len() >= count || begin == from {
                return firings.split_off(firings.len().saturating_sub(count));
            }
        }
        Vec::new()
    }

    /// Whether no firing is left: the moment of `at(...)` has come, the window has ended, or the calendar is used up.
    pub fn is_over(&self, now: Timestamp, window: &Window) -> bool {
        match &self.timing {
            Timing::Cron(_) | Timing::At(_) => self.next(now, window, 1).is_empty(),
            Timing::Rate(_) => window.end.is_some_and(|end| end <= now),
        }
    }

    /// What daylight saving does to the firings of the 12 months after `now`, one sentence per date. Empty for zones
    /// without it.
    pub fn warnings(&self, now: Timestamp, window: &Window) -> Vec<String> {
        warning::list(self, now, window)
    }

    fn never_fires(&self) -> bool {
        match &self.timing {
            Timing::Cron(_) => self.next(Timestamp::UNIX_EPOCH, &Window::default(), 1).is_empty(),
            Timing::Rate(_) | Timing::At(_) => false,
        }
    }
}

// `croner` spells out thousands of bits; the two texts say it all.
impl fmt::Debug for Schedule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Schedule({} in {})", self.expression, self.zone_name)
    }
}

fn from_calendar(calendar: &Calendar) -> Result<(String, Timing), Problem> {
    Ok((calendar.to_string(), Timing::Cron(Box::new(calendar.to_croner()?))))
}

/// The notations of a schedule, each with the part that matters.
enum Form<'a> {
    Unix,
    /// What the macro stands for.
    Macro(&'static str),
    /// The fields between the parentheses.
    Cron(&'a str),
    Rate(&'a str),
    At(&'a str),
}

impl<'a> Form<'a> {
    fn of(text: &'a str) -> Result<Self, Problem> {
        if text.starts_with('@') {
            return Ok(Self::Macro(match text {
                "@hourly" => "0 * * * *",
                "@daily" => "0 0 * * *",
                "@weekly" => "0 0 * * 0",
                "@monthly" => "0 0 1 * *",
                "@yearly" => "0 0 1 1 *",
                _ => return Err(Problem::UnknownMacro { text: text.to_owned() }),
            }));
        }
        if text.starts_with("TZ=") || text.starts_with("CRON_TZ=") {
            return Err(Problem::ZoneInSchedule { text: text.to_owned() });
        }
        match text.strip_suffix(')').and_then(|call| call.split_once('(')) {
            Some(("cron", body)) => Ok(Self::Cron(body)),
            Some(("rate", body)) => Ok(Self::Rate(body)),
            Some(("at", body)) => Ok(Self::At(body)),
            None if !text.is_empty() && !text.contains(['(', ')']) => Ok(Self::Unix),
            Some(_) | None => Err(Problem::UnknownForm { text: text.to_owned() }),
        }
    }
}
