//! The fields of a cron expression by position: their names, bounds and values.

use std::collections::BTreeSet;

/// The values that a field matches. Weekdays are 0 (Sunday) to 6 in both dialects.
pub(crate) type Values = BTreeSet<u16>;

const MONTHS: [&str; 12] = ["JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"];
const WEEKDAYS: [&str; 7] = ["SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"];

/// The syntax of a cron expression.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Dialect {
    /// Weekdays are 0-7, where both 0 and 7 are Sunday.
    Unix,
    /// Weekdays are 1-7, where 1 is Sunday:
    /// <https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-cron-expressions.html>.
    EventBridge,
}

/// A field of a cron expression.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Field {
    Minute,
    Hour,
    DayOfMonth,
    Month,
    DayOfWeek,
    Year,
}

impl Field {
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Minute => "minute",
            Self::Hour => "hour",
            Self::DayOfMonth => "day-of-month",
            Self::Month => "month",
            Self::DayOfWeek => "day-of-week",
            Self::Year => "year",
        }
    }

    /// The values that the field accepts, for error messages.
    pub(crate) const fn allowed(self, dialect: Dialect) -> &'static str {
        match (self, dialect) {
            (Self::Minute, _) => "0-59, `*`, lists, ranges and steps",
            (Self::Hour, _) => "0-23, `*`, lists, ranges and steps",
            (Self::DayOfMonth, Dialect::Unix) => "1-31, `*`, lists, ranges and steps",
            (Self::DayOfMonth, Dialect::EventBridge) => {
                "1-31, `?`, `*`, lists, ranges and steps, or on its own `L` (the last day) or `15W` (the weekday \
                 nearest the 15th)"
            }
            (Self::Month, _) => "1-12, JAN-DEC, `*`, lists, ranges and steps",
            (Self::DayOfWeek, Dialect::Unix) => "0-7 (0 and 7 are Sunday), SUN-SAT, `*`, lists, ranges and steps",
            (Self::DayOfWeek, Dialect::EventBridge) => {
                "1-7 (1 is Sunday), SUN-SAT, `?`, `*`, lists and ranges, or on its own `L` (Saturday), `6L` (the last \
                 Friday) or `2#1` (the first Monday)"
            }
            (Self::Year, _) => "1970-2199, `*`, lists, ranges and steps",
        }
    }

    pub(crate) const fn min(self) -> u16 {
        match self {
            Self::Minute | Self::Hour | Self::DayOfWeek => 0,
            Self::DayOfMonth | Self::Month => 1,
            Self::Year => 1970,
        }
    }

    pub(crate) const fn max(self) -> u16 {
        match self {
            Self::Minute => 59,
            Self::Hour => 23,
            Self::DayOfMonth => 31,
            Self::Month => 12,
            Self::DayOfWeek => 6,
            Self::Year => 2199,
        }
    }

    pub(crate) const fn size(self) -> u16 {
        self.max() - self.min() + 1
    }

    /// All values of the field.
    pub(crate) fn all(self) -> Values {
        (self.min()..=self.max()).collect()
    }

    /// The value of a number or a name. Only 7, Sunday in Unix cron, exceeds [`Self::max`].
    pub(crate) fn number(self, dialect: Dialect, text: &str) -> Option<u16> {
        let names: &[&str] = match self {
            Self::Month => &MONTHS,
            Self::DayOfWeek => &WEEKDAYS,
            Self::Minute | Self::Hour | Self::DayOfMonth | Self::Year => &[],
        };
        if let Some(index) = names.iter().position(|name| name.eq_ignore_ascii_case(text)) {
            return u16::try_from(index).ok().map(|index| index + self.min());
        }
        // `parse` would also accept a sign.
        let number: u16 = text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse().ok())??;
        match (self, dialect) {
            (Self::DayOfWeek, Dialect::Unix) => (number <= 7).then_some(number),
            (Self::DayOfWeek, Dialect::EventBridge) => (1..=7).contains(&number).then(|| number - 1),
            _ => (self.min()..=self.max()).contains(&number).then_some(number),
        }
    }

    /// The shortest text that EventBridge parses as exactly these values: `*`, `0/15`, `9-17`, `MON-FRI`, `1,15`.
    pub(crate) fn render(self, values: &Values) -> String {
        if values.len() == usize::from(self.size()) {
            return "*".to_owned();
        }
        if let Some((first, step)) = self.progression(values) {
            return format!("{first}/{step}");
        }
        let mut runs: Vec<(u16, u16)> = Vec::new();
        for &value in values {
            match runs.last_mut() {
                Some((_, last)) if *last + 1 == value => *last = value,
                _ => runs.push((value, value)),
            }
        }
        let part = |(first, last): (u16, u16)| match last - first {
            0 => self.spell(first),
            1 => format!("{},{}", self.spell(first), self.spell(last)),
            _ => format!("{}-{}", self.spell(first), self.spell(last)),
        };
        runs.into_iter().map(part).collect::<Vec<_>>().join(",")
    }

    /// A value as text. Weekdays are names, since their numbers differ between the dialects.
    fn spell(self, value: u16) -> String {
        match self {
            Self::DayOfWeek => WEEKDAYS[usize::from(value)].to_owned(),
            Self::Minute | Self::Hour | Self::DayOfMonth | Self::Month | Self::Year => value.to_string(),
        }
    }

    /// The start and step of three or more evenly spaced values that continue to the field's end. EventBridge documents
    /// steps only in that form, and not for weekdays.
    fn progression(self, values: &Values) -> Option<(u16, u16)> {
        let sorted: Vec<u16> = values.iter().copied().collect();
        let [first, second, _, ..] = sorted[..] else { return None };
        let step = second - first;
        let equal = sorted.windows(2).all(|pair| pair[1] - pair[0] == step);
        let to_the_end = sorted.last().is_some_and(|last| last + step > self.max());
        (self != Self::DayOfWeek && step > 1 && equal && to_the_end).then_some((first, step))
    }
}
