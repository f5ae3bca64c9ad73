//! Why a schedule or a zone is refused.

use crate::position::{Dialect, Field};

/// Why [`parse`](crate::parse) refused: one phrase that quotes the text at fault and says what to write.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(transparent)]
pub struct ScheduleError(#[from] Problem);

impl ScheduleError {
    /// The field of a pipeline's `spec` that the refusal is about: `schedule` or `timeZone`.
    pub fn field(&self) -> &'static str {
        match self.0 {
            Problem::UnknownZone { .. } | Problem::MisspeltZone { .. } => "timeZone",
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
        "`{text}` is no schedule: write Unix cron like `0 9 * * 1-5`, a macro like `@daily`, \
         `cron(0 9 ? * MON-FRI *)`, `rate(5 minutes)` or `at(2030-01-31T09:00:00)`"
    )]
    UnknownForm { text: String },
    #[error("`{text}` is no macro: allowed are `@hourly`, `@daily`, `@weekly`, `@monthly` and `@yearly`")]
    UnknownMacro { text: String },
    #[error("`{text}` names a zone: write that into `timeZone`, and the cron alone into `schedule`")]
    ZoneInSchedule { text: String },
    #[error(
        "Unix cron has 5 fields (minute, hour, day-of-month, month, day-of-week), `{text}` has {count}{}",
        or_write(instead.as_deref())
    )]
    UnixFields { text: String, count: usize, instead: Option<String> },
    #[error(
        "EventBridge's cron has 6 fields (minute, hour, day-of-month, month, day-of-week, year), `{text}` has {count}"
    )]
    EventBridgeFields { text: String, count: usize },
    #[error("`{part}` in the {} field of `{schedule}`: {rule}", field.name())]
    Field { part: String, field: Field, schedule: String, rule: Rule },
    #[error(
        "day-of-month `{day_of_month}` and day-of-week `{day_of_week}` of `{schedule}` mean either of them, which no \
         EventBridge schedule can say: write two pipelines, `{first}` and `{second}`, or \
         `cron(...)` for days like the first Monday, `cron(0 9 ? * 2#1 *)`"
    )]
    EitherDay { day_of_month: String, day_of_week: String, schedule: String, first: String, second: String },
    #[error(
        "day-of-month `{day_of_month}` and day-of-week `{day_of_week}` of `{schedule}`: exactly one of them must be \
         `?`{}",
        or_write(instead.as_deref())
    )]
    QuestionMark { day_of_month: String, day_of_week: String, schedule: String, instead: Option<String> },
    #[error("`{text}` is no rate: {rule}")]
    Rate { text: String, rule: String },
    #[error("`{text}` is no local time: write `at(yyyy-mm-ddThh:mm:ss)`, like `at(2030-01-31T09:00:00)`")]
    At { text: String },
    #[error("`{text}` does not exist in {zone}, where clocks go forward over it: write `{instead}`")]
    AtInGap { text: String, zone: String, instead: String },
    #[error("the schedule is longer than the 256 characters that EventBridge takes: use ranges and steps, or split it")]
    TooLong,
    #[error("`{schedule}` never fires: no moment from 1970 to 2199 matches it in {zone}")]
    NeverFires { schedule: String, zone: String },
    #[error("`{pattern}` can't be evaluated: {reason}")]
    Evaluate { pattern: String, reason: String },
    #[error("`{name}` is no time zone: write an IANA name like `Europe/Berlin` or `UTC`")]
    UnknownZone { name: String },
    #[error("`{name}` is no time zone: did you mean `{nearest}`?")]
    MisspeltZone { name: String, nearest: String },
}

/// What a field's text breaks.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Rule {
    #[error("allowed are {}", field.allowed(*dialect))]
    NotAllowed { field: Field, dialect: Dialect },
    #[error("a step is a number from 1 to {max}")]
    Step { max: u16 },
    #[error("EventBridge knows no steps in weekdays; list the days, like `MON,WED,FRI`")]
    WeekdayStep,
    #[error("a range runs upwards; write `{instead}`")]
    Backward { instead: String },
    #[error("Unix cron knows no `L`, `W` and `#`; write EventBridge's form, like `cron(0 9 L * ? *)`")]
    EventBridgeOnly,
}

fn or_write(instead: Option<&str>) -> String {
    instead.map(|instead| format!("; write `{instead}`")).unwrap_or_default()
}
