//! When a schedule fires: what AWS shows of it, and what an update must say so that it goes on as before.
//!
//! An update replaces the whole schedule, and AWS takes a `rate()` without a start date to begin with it: it would fire
//! at once, and from then on. So every write of a `rate()` carries the next firing of its present phase as its start.
//! A schedule that is over is not written any more: AWS may refuse times that have passed.
//! <https://docs.aws.amazon.com/scheduler/latest/UserGuide/schedule-types.html#rate-based>

use jiff::{SignedDuration, Timestamp};
use schedule::Window;

/// How old a start may be that is sent; AWS refuses one that is older than five minutes.
/// <https://github.com/getmoto/moto/issues/8172>
const MAX_AGE: SignedDuration = SignedDuration::from_mins(4);

/// When a wanted schedule fires.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Timing {
    /// The parsed expression.
    pub schedule: schedule::Schedule,
    /// `spec.startTime`, also one that has passed: the phase of a `rate()` follows from it.
    pub start_time: Option<Timestamp>,
    /// When its last known firing was due.
    pub fired: Option<Timestamp>,
    /// The time for which all this was computed.
    pub now: Timestamp,
    /// Whether nothing will fire any more.
    pub is_over: bool,
}

/// When a schedule fires that AWS has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ObservedTiming {
    /// Its expression, as AWS has it.
    pub expression: String,
    /// The time zone of the expression.
    pub time_zone: String,
    /// Whether it fires.
    pub enabled: bool,
    /// The first moment it may fire, also one that has passed. AWS may show it no longer then.
    pub start: Option<Timestamp>,
    /// The last moment it may fire.
    pub end: Option<Timestamp>,
    /// When it was changed last, or created.
    pub changed: Option<Timestamp>,
}

impl Timing {
    /// A moment at which a `rate()` fires, if it has a phase that is to be kept: that of `spec.startTime`, or else the one
    /// that AWS has. `None` for what begins to be a `rate()`, and for all else.
    pub fn anchor(&self, observed: Option<&ObservedTiming>) -> Option<Timestamp> {
        self.schedule.rate()?;
        let begins = observed.is_some_and(|observed| !observed.is_rate());
        let kept = || {
            let start = observed.and_then(|observed| observed.start);
            start.or(self.fired).or_else(|| observed.and_then(|observed| observed.changed))
        };
        self.start_time.or_else(|| if begins { None } else { kept() })
    }

    /// The first firing of a `rate()` that is still to be made, where it was due while its pipeline was being made.
    pub(super) fn first(&self, observed: Option<&ObservedTiming>, now: Timestamp) -> Option<Timestamp> {
        self.schedule.rate().filter(|_| observed.is_none() && self.fired.is_none())?;
        self.start_time.filter(|start| now.duration_since(*start) < MAX_AGE)
    }

    /// The next firing of a `rate()` after `now`, if it has a phase that is to be kept.
    pub(super) fn next(&self, observed: Option<&ObservedTiming>, now: Timestamp) -> Option<Timestamp> {
        let anchor = self.anchor(observed)?;
        let next = self.schedule.next_from(Some(anchor), now, &Window::default(), 1);
        next.first().map(jiff::Zoned::timestamp)
    }

    /// Whether a `rate()` that starts at `start` is one that was told to go on in its phase, and delays no firing.
    pub(super) fn is_kept_by(&self, start: Timestamp) -> bool {
        let Some(interval) = self.schedule.rate() else { return false };
        let phase = self.start_time.is_none_or(|anchor| {
            // AWS keeps dates to the second.
            (start.as_second() - anchor.as_second()).rem_euclid(interval.as_secs().max(1)) == 0
        });
        phase && start.duration_since(self.now) <= interval
    }
}

impl ObservedTiming {
    /// Whether it will fire any more. What cannot be parsed may.
    pub(super) fn fires(&self, now: Timestamp) -> bool {
        let window = Window { start: self.start, end: self.end };
        let parsed = schedule::parse(&self.expression, &self.time_zone);
        self.enabled && !parsed.is_ok_and(|schedule| schedule.is_over(now, &window))
    }

    fn is_rate(&self) -> bool {
        self.expression.starts_with("rate(")
    }
}

#[cfg(test)]
mod tests;
