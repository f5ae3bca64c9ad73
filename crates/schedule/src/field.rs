//! Parses one field of a cron expression: numbers, names, lists, ranges and steps.

use crate::{
    error::{Problem, Rule},
    position::{Dialect, Field, Values},
};

/// A field as the user wrote it, with the context that its error messages need.
#[derive(Debug, Clone, Copy)]
pub(crate) struct FieldText<'a> {
    pub(crate) schedule: &'a str,
    pub(crate) dialect: Dialect,
    pub(crate) field: Field,
    pub(crate) text: &'a str,
}

impl FieldText<'_> {
    /// Parses a comma-separated list of numbers, names, ranges and steps.
    pub(crate) fn values(&self) -> Result<Values, Problem> {
        let mut values = Values::new();
        for part in self.text.split(',') {
            values.extend(self.part(part)?);
        }
        Ok(values)
    }

    /// The value of a number or a name.
    pub(crate) fn number(&self, text: &str) -> Option<u16> {
        self.field.number(self.dialect, text)
    }

    pub(crate) fn not_allowed(&self, part: &str) -> Problem {
        self.refuse(part, Rule::NotAllowed { field: self.field, dialect: self.dialect })
    }

    pub(crate) fn refuse(&self, part: &str, rule: Rule) -> Problem {
        // An empty part cannot be quoted: quote the whole field.
        let part = if part.is_empty() { self.text } else { part };
        Problem::Field { part: part.to_owned(), field: self.field, schedule: self.schedule.to_owned(), rule }
    }

    fn part(&self, part: &str) -> Result<Vec<u16>, Problem> {
        let (range, step) = match part.split_once('/') {
            Some((range, step)) => (range, Some(self.step(part, step)?)),
            None => (part, None),
        };
        let number = |text| self.number(text).ok_or_else(|| self.unknown(part));
        let (first, last) = match range.split_once('-') {
            _ if range == "*" => (self.field.min(), self.field.max()),
            Some((first, last)) => (number(first)?, number(last)?),
            None if step.is_some() => (number(range)?, self.field.max()),
            None => (number(range)?, number(range)?),
        };
        let step = usize::from(step.unwrap_or(1));
        Ok(self.range(part, first, last)?.into_iter().step_by(step).collect())
    }

    fn range(&self, part: &str, first: u16, last: u16) -> Result<Vec<u16>, Problem> {
        if self.field == Field::DayOfWeek {
            // 7 is Sunday at the end of a week, 0 at the start.
            let (first, last) = if first == 7 { (0, last % 7) } else { (first, last) };
            let last = if first > last { last + 7 } else { last };
            return Ok((first..=last).map(|day| day % 7).collect());
        }
        if first > last {
            let (min, max) = (self.field.min(), self.field.max());
            return Err(self.refuse(part, Rule::Descending { instead: format!("{first}-{max},{min}-{last}") }));
        }
        Ok((first..=last).collect())
    }

    fn step(&self, part: &str, step: &str) -> Result<u16, Problem> {
        if self.field == Field::DayOfWeek && self.dialect == Dialect::EventBridge {
            return Err(self.refuse(part, Rule::WeekdayStep));
        }
        let max = self.field.size();
        let digits = step.bytes().all(|byte| byte.is_ascii_digit());
        match step.parse() {
            Ok(step) if digits && (1..=max).contains(&step) => Ok(step),
            _ => Err(self.refuse(part, Rule::Step { max })),
        }
    }

    /// Explains `L`, `W` and `#` if a Unix cron contains them.
    fn unknown(&self, part: &str) -> Problem {
        let extended = self.dialect == Dialect::Unix
            && match self.field {
                Field::DayOfMonth => part.ends_with(['L', 'W']),
                Field::DayOfWeek => part.ends_with('L') || part.contains('#'),
                Field::Minute | Field::Hour | Field::Month | Field::Year => false,
            };
        if extended { self.refuse(part, Rule::EventBridgeOnly) } else { self.not_allowed(part) }
    }
}
