//! A cron expression as sets of values: parsed from either dialect, rendered for EventBridge, evaluated by `croner`.

use std::{fmt, iter};

use croner::{Cron, parser::CronParser};
use jiff::civil::DateTime;

use crate::{
    error::Problem,
    field::FieldText,
    position::{Dialect, Field, Values},
};

/// The local times that a cron expression matches.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Calendar {
    minutes: Values,
    hours: Values,
    days: Days,
    months: Values,
    years: Values,
}

/// The days that a cron expression matches. EventBridge accepts a day of the month or a day of the week, never both.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Days {
    Every,
    OfMonth(Values),
    LastOfMonth,
    /// The weekday (Monday to Friday) nearest to this day, within its month.
    NearestWeekday(u16),
    OfWeek(Values),
    /// The last one of this weekday (0-6, 0 is Sunday) in the month.
    LastWeekday(u16),
    /// A weekday (0-6, 0 is Sunday), and which one in the month (1-5).
    NthWeekday(u16, u16),
}

impl Calendar {
    /// Parses Unix cron: five fields.
    pub(crate) fn from_unix(schedule: &str) -> Result<Self, Problem> {
        let fields: Vec<&str> = schedule.split_whitespace().collect();
        let [minute, hour, day_of_month, month, day_of_week] = fields[..] else {
            let instead = instead_of_six(&fields);
            return Err(Problem::UnixFields { text: schedule.to_owned(), count: fields.len(), instead });
        };
        let read = |field, text| FieldText { schedule, dialect: Dialect::Unix, field, text }.values();
        let of_month = read(Field::DayOfMonth, day_of_month);
        let of_week = read(Field::DayOfWeek, day_of_week);
        let days = match (is_unrestricted(day_of_month), is_unrestricted(day_of_week)) {
            (true, true) => Days::Every,
            (true, false) => Days::of_week(of_week?),
            (false, true) => Days::of_month(of_month?),
            (false, false) => {
                of_month.and(of_week)?;
                return Err(Problem::EitherDay {
                    day_of_month: day_of_month.to_owned(),
                    day_of_week: day_of_week.to_owned(),
                    schedule: schedule.to_owned(),
                    first: format!("{minute} {hour} {day_of_month} {month} *"),
                    second: format!("{minute} {hour} * {month} {day_of_week}"),
                });
            }
        };
        Ok(Self {
            minutes: read(Field::Minute, minute)?,
            hours: read(Field::Hour, hour)?,
            days,
            months: read(Field::Month, month)?,
            years: Field::Year.all(),
        })
    }

    /// Parses the fields of EventBridge's `cron(...)`: six, or five without the year.
    pub(crate) fn from_event_bridge(schedule: &str, fields: &str) -> Result<Self, Problem> {
        let fields: Vec<&str> = fields.split_whitespace().collect();
        let (minute, hour, day_of_month, month, day_of_week, year) = match fields[..] {
            [minute, hour, day_of_month, month, day_of_week] => (minute, hour, day_of_month, month, day_of_week, "*"),
            [minute, hour, day_of_month, month, day_of_week, year] => {
                (minute, hour, day_of_month, month, day_of_week, year)
            }
            _ => return Err(Problem::EventBridgeFields { text: schedule.to_owned(), count: fields.len() }),
        };
        let field = |field, text| FieldText { schedule, dialect: Dialect::EventBridge, field, text };
        let days = match (day_of_month, day_of_week) {
            (day, "?") if day != "?" => Some(days_of_month(&field(Field::DayOfMonth, day))?),
            ("?", weekday) if weekday != "?" => Some(days_of_week(&field(Field::DayOfWeek, weekday))?),
            _ => None,
        };
        let calendar = |days| {
            Ok(Self {
                minutes: field(Field::Minute, minute).values()?,
                hours: field(Field::Hour, hour).values()?,
                days,
                months: field(Field::Month, month).values()?,
                years: field(Field::Year, year).values()?,
            })
        };
        if let Some(days) = days {
            return calendar(days);
        }
        // If one of the two is `*`, the user probably meant the other.
        let meant = match (day_of_month, day_of_week) {
            ("*" | "?", "*" | "?") => Some(Days::Every),
            ("*", _) => days_of_week(&field(Field::DayOfWeek, day_of_week)).ok(),
            (_, "*") => days_of_month(&field(Field::DayOfMonth, day_of_month)).ok(),
            _ => None,
        };
        Err(Problem::QuestionMark {
            day_of_month: day_of_month.to_owned(),
            day_of_week: day_of_week.to_owned(),
            schedule: schedule.to_owned(),
            instead: meant.and_then(|days| calendar(days).ok()).map(|calendar: Self| calendar.to_string()),
        })
    }

    /// Converts to `croner` for evaluation. Lists all values, so that differences in syntax cannot matter.
    pub(crate) fn to_croner(&self) -> Result<Cron, Problem> {
        let (day_of_month, day_of_week) = match &self.days {
            Days::Every => ("*".to_owned(), "*".to_owned()),
            Days::OfMonth(values) => (list(values), "*".to_owned()),
            Days::LastOfMonth => ("L".to_owned(), "*".to_owned()),
            Days::NearestWeekday(day) => (format!("{day}W"), "*".to_owned()),
            Days::OfWeek(values) => ("*".to_owned(), list(values)),
            Days::LastWeekday(weekday) => ("*".to_owned(), format!("{weekday}#L")),
            Days::NthWeekday(weekday, nth) => ("*".to_owned(), format!("{weekday}#{nth}")),
        };
        let (minutes, hours) = (list(&self.minutes), list(&self.hours));
        let (months, years) = (list(&self.months), list(&self.years));
        let pattern = format!("0 {minutes} {hours} {day_of_month} {months} {day_of_week} {years}");
        let evaluate = |error: croner::errors::CronError| Problem::Evaluate {
            pattern: self.to_string(),
            reason: error.to_string(),
        };
        CronParser::new().parse(&pattern).map_err(evaluate)
    }
}

/// The canonical EventBridge expression: equal calendars have equal texts.
impl fmt::Display for Calendar {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let any = || "?".to_owned();
        let (day_of_month, day_of_week) = match &self.days {
            Days::Every => ("*".to_owned(), any()),
            Days::OfMonth(values) => (Field::DayOfMonth.render(values), any()),
            Days::LastOfMonth => ("L".to_owned(), any()),
            Days::NearestWeekday(day) => (format!("{day}W"), any()),
            Days::OfWeek(values) => (any(), Field::DayOfWeek.render(values)),
            Days::LastWeekday(weekday) => (any(), format!("{}L", weekday + 1)),
            Days::NthWeekday(weekday, nth) => (any(), format!("{}#{nth}", weekday + 1)),
        };
        let (minutes, hours) = (Field::Minute.render(&self.minutes), Field::Hour.render(&self.hours));
        let (months, years) = (Field::Month.render(&self.months), Field::Year.render(&self.years));
        write!(f, "cron({minutes} {hours} {day_of_month} {months} {day_of_week} {years})")
    }
}

impl Days {
    fn of_month(values: Values) -> Self {
        if values == Field::DayOfMonth.all() { Self::Every } else { Self::OfMonth(values) }
    }

    fn of_week(values: Values) -> Self {
        if values == Field::DayOfWeek.all() { Self::Every } else { Self::OfWeek(values) }
    }
}

/// The local times later than `after` that match `cron`, whether or not they exist in a given time zone.
pub(crate) fn firings(cron: &Cron, after: DateTime) -> impl Iterator<Item = DateTime> {
    let next = |after: &DateTime| cron.find_next_occurrence(after, false).ok();
    iter::successors(next(&after), next)
}

/// Whether a day field of a Unix cron does not restrict the day. A range over all days counts as a restriction: with
/// another day field it still means "or".
fn is_unrestricted(text: &str) -> bool {
    matches!(text, "*" | "*/1")
}

fn days_of_month(field: &FieldText<'_>) -> Result<Days, Problem> {
    let text = field.text.to_ascii_uppercase();
    if text == "L" {
        return Ok(Days::LastOfMonth);
    }
    match text.strip_suffix('W') {
        Some(day) => field.number(day).map(Days::NearestWeekday).ok_or_else(|| field.not_allowed(field.text)),
        None => field.values().map(Days::of_month),
    }
}

fn days_of_week(field: &FieldText<'_>) -> Result<Days, Problem> {
    const SATURDAY: u16 = 6;
    let text = field.text.to_ascii_uppercase();
    let not_allowed = || field.not_allowed(field.text);
    if text == "L" {
        return Ok(Days::OfWeek(Values::from([SATURDAY])));
    }
    if let Some(weekday) = text.strip_suffix('L') {
        return field.number(weekday).map(Days::LastWeekday).ok_or_else(not_allowed);
    }
    let Some((weekday, nth)) = text.split_once('#') else { return field.values().map(Days::of_week) };
    let nth = match nth {
        "1" => 1,
        "2" => 2,
        "3" => 3,
        "4" => 4,
        "5" => 5,
        _ => return Err(not_allowed()),
    };
    field.number(weekday).map(|weekday| Days::NthWeekday(weekday, nth)).ok_or_else(not_allowed)
}

/// What the user probably meant by six fields: EventBridge's cron, or Unix cron preceded by seconds.
fn instead_of_six(fields: &[&str]) -> Option<String> {
    let [_, unix @ ..] = fields else { return None };
    if fields.len() != 6 {
        return None;
    }
    let (all, unix) = (fields.join(" "), unix.join(" "));
    let event_bridge = format!("cron({all})");
    if Calendar::from_event_bridge(&event_bridge, &all).is_ok() {
        Some(event_bridge)
    } else {
        Calendar::from_unix(&unix).is_ok().then_some(unix)
    }
}

fn list(values: &Values) -> String {
    values.iter().map(u16::to_string).collect::<Vec<_>>().join(",")
}
