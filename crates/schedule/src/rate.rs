//! `rate(...)`: a schedule at fixed intervals.

use std::{fmt, num::NonZeroU32};

use jiff::SignedDuration;

use crate::error::Problem;

/// The interval of `rate(value unit)`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Rate {
    value: NonZeroU32,
    unit: Unit,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Unit {
    Minute,
    Hour,
    Day,
}

impl Rate {
    /// Parses `body`, the text between the parentheses. EventBridge requires `minute` after 1 and `minutes` otherwise.
    pub(crate) fn parse(text: &str, body: &str) -> Result<Self, Problem> {
        let refuse = |rule: String| Problem::Rate { text: text.to_owned(), rule };
        let fields: Vec<&str> = body.split_whitespace().collect();
        let [value, unit] = fields[..] else {
            return Err(refuse("write a value and a unit, like `rate(5 minutes)`".to_owned()));
        };
        let digits = value.bytes().all(|byte| byte.is_ascii_digit());
        let Some(value) = value.parse().ok().filter(|_| digits) else {
            return Err(refuse(format!("`{value}` is not a whole number from 1 to {}", u32::MAX)));
        };
        let rate = match unit {
            "minute" | "minutes" => Self { value, unit: Unit::Minute },
            "hour" | "hours" => Self { value, unit: Unit::Hour },
            "day" | "days" => Self { value, unit: Unit::Day },
            _ => return Err(refuse(format!("the unit must be minutes, hours or days, not `{unit}`"))),
        };
        if rate.unit_text() == unit { Ok(rate) } else { Err(refuse(format!("write `{rate}`"))) }
    }

    pub(crate) fn duration(self) -> SignedDuration {
        let minutes = match self.unit {
            Unit::Minute => 1,
            Unit::Hour => 60,
            Unit::Day => 24 * 60,
        };
        SignedDuration::from_mins(i64::from(self.value.get()) * minutes)
    }

    /// Whether the unit is days, each of 24 hours.
    pub(crate) fn is_in_days(self) -> bool {
        self.unit == Unit::Day
    }

    fn unit_text(self) -> &'static str {
        match (self.unit, self.value.get()) {
            (Unit::Minute, 1) => "minute",
            (Unit::Minute, _) => "minutes",
            (Unit::Hour, 1) => "hour",
            (Unit::Hour, _) => "hours",
            (Unit::Day, 1) => "day",
            (Unit::Day, _) => "days",
        }
    }
}

impl fmt::Display for Rate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "rate({} {})", self.value, self.unit_text())
    }
}
