//! Recognizes the notation of a schedule and parses it.

use crate::{
    calendar::Calendar,
    error::{Problem, ScheduleError},
    once,
    rate::Rate,
    schedule::{Schedule, Timing},
    zone,
};

/// The longest expression that EventBridge accepts, in characters:
/// <https://docs.aws.amazon.com/scheduler/latest/APIReference/API_CreateSchedule.html>.
const MAX_EXPRESSION: usize = 256;

/// Parses a schedule, and the time zone of its local times.
///
/// `schedule` is one of
/// - Unix cron: `0 9 * * 1-5`, with names, lists, ranges and steps. Sunday is 0 or 7. A range of weekdays may cross the
///   end of the week (`FRI-MON`);
/// - `@hourly`, `@daily`, `@weekly`, `@monthly`, `@yearly`;
/// - EventBridge's `cron(0 9 ? * MON-FRI *)`, whose year is optional, `rate(5 minutes)` and
///   `at(2026-01-01T09:00:00)`.
///
/// `time_zone` is an IANA name in its exact spelling, at most 50 characters long.
///
/// # Errors
///
/// If the schedule or the time zone is not valid, if the expression is longer than 256 characters, or if no time from
/// 1970 to 2199 matches. A schedule in the past is not an error: see [`Schedule::is_over`].
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

fn from_calendar(calendar: &Calendar) -> Result<(String, Timing), Problem> {
    Ok((calendar.to_string(), Timing::Cron(Box::new(calendar.to_croner()?))))
}

/// The notation of a schedule, with the part that remains to be parsed.
enum Form<'a> {
    Unix,
    /// The equivalent Unix cron.
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
