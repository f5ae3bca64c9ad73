//! A schedule and its firings.

use std::fmt;

use jiff::{SignedDuration, Timestamp, Zoned, tz::TimeZone};

use crate::{calendar, rate::Rate, window::Window, zone};

/// A schedule that EventBridge accepts and that fires at least once. Made by [`parse`](crate::parse) alone.
#[derive(Clone, PartialEq, Eq)]
pub struct Schedule {
    pub(crate) expression: String,
    pub(crate) zone: TimeZone,
    pub(crate) zone_name: String,
    pub(crate) timing: Timing,
}

/// When a [`Schedule`] fires.
#[derive(Clone, PartialEq, Eq)]
pub(crate) enum Timing {
    /// At the local times that a calendar names.
    Cron(Box<croner::Cron>),
    /// At fixed intervals from a moment that EventBridge chooses.
    Rate(Rate),
    /// Once.
    At(Zoned),
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

    /// Whether no moment matches at all.
    pub(crate) fn never_fires(&self) -> bool {
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
