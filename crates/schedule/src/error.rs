//! Why a schedule or a time zone is not valid.

use crate::position::{Dialect, Field};

/// The error of [`parse`](crate::parse). Its message quotes the invalid text and says what to write instead.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(transparent)]
pub struct ScheduleError(#[from] Problem);

impl ScheduleError {
    /// The field of a pipeline's `spec` that is not valid: `schedule` or `timeZone`.
    pub fn field(&self) -> &'static str {
        match self.0 {
            Problem::UnknownZone { .. } | Problem::MisspelledZone { .. } => "timeZone",
            Problem::UnknownForm { .. }
            | Problem::UnknownMacro { .. }
            | Problem::ZoneInSchedule { .. }
            | Problem::UnixFields { .. }
            | Problem::EventBridgeFields { .. }
            | Problem::Field { .. }
            | Problem::EitherDay { .. }
            | Problem::QuestionMark { .. }
            | Problem::Rate { .. }
            | Problem::At { .. }
            | Problem::AtInGap { .. }
            | Problem::TooLong
            | Problem::NeverFires { .. }
            | Problem::Evaluate { .. } => "schedule",
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Problem {
    #[error(
        "`{text}` is not a valid schedule: write Unix cron like `0 9 * * 1-5`, a macro like `@daily`, \
         `cron(0 9 ? * MON-FRI *)`, `rate(5 minutes)` or `at(2030-01-31T09:00:00)`"
    )]
    UnknownForm { text: String },
    #[error("`{text}` is not a valid macro: use `@hourly`, `@daily`, `@weekly`, `@monthly` or `@yearly`")]
    UnknownMacro { text: String },
    #[error("`{text}` contains a time zone: write it in `timeZone`, and only the cron expression in `schedule`")]
    ZoneInSchedule { text: String },
    #[error(
        "Unix cron has 5 fields (minute, hour, day-of-month, month, day-of-week), but `{text}` has {count}{}",
        or_write(instead.as_deref())
    )]
    UnixFields { text: String, count: usize, instead: Option<String> },
    #[error(
        "EventBridge's cron has 6 fields (minute, hour, day-of-month, month, day-of-week, year), but `{text}` has \
         {count}"
    )]
    EventBridgeFields { text: String, count: usize },
    #[error("`{part}` is not valid in the {} field of `{schedule}`: {rule}", field.name())]
    Field { part: String, field: Field, schedule: String, rule: Rule },
    #[error(
        "`{schedule}` fires when day-of-month `{day_of_month}` or day-of-week `{day_of_week}` matches, which \
         EventBridge does not support: create two pipelines, `{first}` and `{second}`, or use `cron(...)` for days like the first Monday, `cron(0 9 ? * 2#1 *)`"
    )]
    EitherDay { day_of_month: String, day_of_week: String, schedule: String, first: String, second: String },
    #[error(
        "day-of-month `{day_of_month}` and day-of-week `{day_of_week}` in `{schedule}`: exactly one of them must be \
         `?`{}",
        or_write(instead.as_deref())
    )]
    QuestionMark { day_of_month: String, day_of_week: String, schedule: String, instead: Option<String> },
    #[error("`{text}` is not a valid rate: {rule}")]
    Rate { text: String, rule: String },
    #[error("`{text}` is not a valid local time: write `at(yyyy-mm-ddThh:mm:ss)`, like `at(2030-01-31T09:00:00)`")]
    At { text: String },
    #[error("`{text}` does not exist in {zone}, because the clocks go forward past it: write `{instead}`")]
    AtInGap { text: String, zone: String, instead: String },
    #[error("the schedule is longer than 256 characters, EventBridge's limit: use ranges and steps, or split it")]
    TooLong,
    #[error("`{schedule}` never fires: no time from 1970 to 2199 matches it in {zone}")]
    NeverFires { schedule: String, zone: String },
    #[error("`{pattern}` cannot be evaluated: {reason}")]
    Evaluate { pattern: String, reason: String },
    #[error("`{name}` is not a valid time zone: write an IANA name like `Europe/Berlin` or `UTC`")]
    UnknownZone { name: String },
    #[error("`{name}` is not a valid time zone: did you mean `{nearest}`?")]
    MisspelledZone { name: String, nearest: String },
}

/// The rule that the text of a field violates.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Rule {
    #[error("use {}", field.allowed(*dialect))]
    NotAllowed { field: Field, dialect: Dialect },
    #[error("a step must be a number from 1 to {max}")]
    Step { max: u16 },
    #[error("EventBridge does not support steps of weekdays; list the days, like `MON,WED,FRI`")]
    WeekdayStep,
    #[error("a range must go from low to high; write `{instead}`")]
    Descending { instead: String },
    #[error("Unix cron does not support `L`, `W` and `#`; use EventBridge's cron, like `cron(0 9 L * ? *)`")]
    EventBridgeOnly,
}

fn or_write(instead: Option<&str>) -> String {
    instead.map(|instead| format!("; write `{instead}`")).unwrap_or_default()
}
