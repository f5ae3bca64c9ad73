//! A parsed schedule, and when it fires.

use std::fmt;

use jiff::{SignedDuration, Timestamp, Zoned, tz::TimeZone};

use crate::{calendar, rate::Rate, window::Window, zone};

/// A schedule that EventBridge accepts and that fires at least once. Only [`parse`](crate::parse) creates one.
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
    /// At the local times that match a cron expression.
    Cron(Box<croner::Cron>),
    /// At fixed intervals from a start that EventBridge chooses.
    Rate(Rate),
    /// Once, at this time.
    At(Zoned),
}

impl Schedule {
    /// The canonical EventBridge expression: `cron(0 9 ? * MON-FRI *)`, `rate(5 minutes)` or
    /// `at(2026-01-01T09:00:00)`. EventBridge returns it unchanged.
    pub fn expression(&self) -> &str {
        &self.expression
    }

    /// The IANA name of the time zone.
    pub fn time_zone(&self) -> &str {
        &self.zone_name
    }

    /// The first `count` firings later than `after`, in the schedule's time zone. Empty for `rate(...)`, whose phase is
    /// known only to EventBridge.
    pub fn next(&self, after: Timestamp, window: &Window, count: usize) -> Vec<Zoned> {
        match &self.timing {
            Timing::Cron(cron) => {
                // A firing exactly at the window's start counts, so the search begins just before it.
                let start = window.start.map(|start| start.saturating_sub(SignedDuration::from_nanos(1)));
                let after = start.into_iter().filter_map(Result::ok).fold(after, Timestamp::max);
                calendar::firings(cron, after.to_zoned(self.zone.clone()).datetime())
                    .filter_map(|local| zone::first_moment(&self.zone, local))
                    // In the second pass of a repeated hour, the local times that follow fired in the first.
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

    /// The interval of `rate(...)`; `None` for the other notations.
    pub fn rate(&self) -> Option<SignedDuration> {
        match &self.timing {
            Timing::Rate(rate) => Some(rate.duration()),
            Timing::Cron(_) | Timing::At(_) => None,
        }
    }

    /// The time between the next two firings after `after`, if there are two.
    pub fn interval(&self, after: Timestamp, window: &Window) -> Option<SignedDuration> {
        if let Some(rate) = self.rate() {
            return Some(rate);
        }
        match &self.next(after, window, 2)[..] {
            [first, second] => Some(second.timestamp().duration_since(first.timestamp())),
            _ => None,
        }
    }

    /// Like [`Schedule::next`], but also computes the firings of `rate(...)` if one firing, at any time, is `known`.
    pub fn next_from(&self, known: Option<Timestamp>, after: Timestamp, window: &Window, count: usize) -> Vec<Zoned> {
        let Some(rate) = self.rate() else { return self.next(after, window, count) };
        let Some(known) = known else { return Vec::new() };
        let seconds = rate.as_secs().max(1);
        // Whole intervals from `known` to `after`; negative if `known` is later.
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

    /// The last `count` firings in (`from`, `until`], oldest first. `known` is as in [`Schedule::next_from`].
    pub fn last_between(
        &self,
        known: Option<Timestamp>,
        from: Timestamp,
        until: Timestamp,
        window: &Window,
        count: usize,
    ) -> Vec<Timestamp> {
        // Search backward in growing spans, so that few firings are computed whether they are a minute or a year apart.
        let window = &Window { end: Some(window.end.map_or(until, |end| end.min(until))), ..*window };
        for hours in [1, 24, 31 * 24, 366 * 24, i64::from(i32::MAX)] {
            let begin = until.saturating_sub(SignedDuration::from_hours(hours)).unwrap_or(Timestamp::MIN).max(from);
            let firings = self.next_from(known, begin, window, usize::MAX);
            // `at(...)` ignores the window.
            let mut firings: Vec<Timestamp> =
                firings.iter().map(Zoned::timestamp).take_while(|firing| *firing <= until).collect();
            if firings.len() >= count || begin == from {
                return firings.split_off(firings.len().saturating_sub(count));
            }
        }
        Vec::new()
    }

    /// Whether no firing is left: the time of `at(...)` has come, the window has ended, or no later time matches.
    pub fn is_over(&self, now: Timestamp, window: &Window) -> bool {
        match &self.timing {
            Timing::Cron(_) | Timing::At(_) => self.next(now, window, 1).is_empty(),
            Timing::Rate(_) => window.end.is_some_and(|end| end <= now),
        }
    }

    /// Whether no time from 1970 on matches.
    pub(crate) fn never_fires(&self) -> bool {
        match &self.timing {
            Timing::Cron(_) => self.next(Timestamp::UNIX_EPOCH, &Window::default(), 1).is_empty(),
            Timing::Rate(_) | Timing::At(_) => false,
        }
    }
}

// Not derived: the output of `croner::Cron` is thousands of bits long.
impl fmt::Debug for Schedule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Schedule({} in {})", self.expression, self.zone_name)
    }
}
