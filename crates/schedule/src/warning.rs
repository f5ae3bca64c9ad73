//! Warnings about firings that daylight saving changes affect.

use jiff::{
    SignedDuration, Timestamp,
    civil::{DateTime, Time},
    tz::Offset,
};

use crate::{
    calendar,
    rate::Rate,
    schedule::{Schedule, Timing},
    window::Window,
};

/// How far ahead clock changes are searched for.
const HORIZON: SignedDuration = SignedDuration::from_hours(365 * 24);

/// A change of the time zone's UTC offset.
struct ClockChange {
    moment: Timestamp,
    before: Offset,
    after: Offset,
}

impl Schedule {
    /// How clock changes affect the firings of the 12 months after `now`: one sentence per date, or one for all dates
    /// for a rate in days. Empty for time zones without clock changes.
    pub fn warnings(&self, now: Timestamp, window: &Window) -> Vec<String> {
        match &self.timing {
            Timing::Cron(cron) => changes(self, now)
                .filter(|change| window.contains(change.moment))
                .filter_map(|change| {
                    let (from, to) = change.affected_span();
                    // Just before `from`, so that a firing exactly at `from` counts.
                    let eve = from.checked_sub(SignedDuration::from_secs(1)).ok()?;
                    let local: Vec<DateTime> = calendar::firings(cron, eve).take_while(|local| *local < to).collect();
                    change.warn(self, &local)
                })
                .collect(),
            Timing::Rate(rate) => shifts(self, *rate, now, window).into_iter().collect(),
            Timing::At(moment) => changes(self, now)
                .filter_map(|change| {
                    let (from, to) = change.affected_span();
                    let local = moment.datetime();
                    (from <= local && local < to).then(|| change.warn(self, &[local]))?
                })
                .collect(),
        }
    }
}

fn changes(schedule: &Schedule, now: Timestamp) -> impl Iterator<Item = ClockChange> {
    let horizon = now.checked_add(HORIZON).unwrap_or(Timestamp::MAX);
    schedule.zone.following(now).take_while(move |transition| transition.timestamp() <= horizon).filter_map(
        |transition| {
            let moment = transition.timestamp();
            let eve = moment.checked_sub(SignedDuration::from_nanos(1)).ok()?;
            let (before, after) = (schedule.zone.to_offset(eve), transition.offset());
            // Some transitions change only the abbreviation of the time zone.
            (before != after).then_some(ClockChange { moment, before, after })
        },
    )
}

impl ClockChange {
    /// The local times just before and just after the change.
    fn clocks(&self) -> (DateTime, DateTime) {
        (self.before.to_datetime(self.moment), self.after.to_datetime(self.moment))
    }

    /// The local times that are skipped or repeated: from the first, included, to the second, excluded.
    fn affected_span(&self) -> (DateTime, DateTime) {
        let (before, after) = self.clocks();
        (before.min(after), before.max(after))
    }

    /// The warning about these affected local firing times; `None` if there are none.
    fn warn(&self, schedule: &Schedule, firings: &[DateTime]) -> Option<String> {
        let (first, last) = (firings.first()?, firings.last()?);
        let (before, after) = self.clocks();
        let (date, zone) = (first.date(), &schedule.zone_name);
        let (before_text, after_text) = (clock(before.time()), clock(after.time()));
        let (first_text, last_text) = (clock(first.time()), clock(last.time()));
        Some(match (before < after, firings.len()) {
            (true, 1) => format!(
                "{date}: {first_text} does not exist in {zone} (clocks go forward from {before_text} to {after_text}): \
                 EventBridge skips that firing"
            ),
            (true, count) => format!(
                "{date}: {first_text} to {last_text} do not exist in {zone} (clocks go forward from {before_text} to \
                 {after_text}): EventBridge skips those {count} firings"
            ),
            (false, 1) => format!(
                "{date}: {first_text} occurs twice in {zone} (clocks go back from {before_text} to {after_text}): \
                 EventBridge fires only the first time"
            ),
            (false, count) => format!(
                "{date}: {first_text} to {last_text} occur twice in {zone} (clocks go back from {before_text} to \
                 {after_text}): EventBridge fires those {count} only the first time"
            ),
        })
    }
}

/// A rate in days counts 24 hours per day, so its local time shifts with each clock change.
fn shifts(schedule: &Schedule, rate: Rate, now: Timestamp, window: &Window) -> Option<String> {
    let dates: Vec<String> = changes(schedule, now)
        .filter(|change| window.contains(change.moment))
        .map(|change| change.clocks().1.date().to_string())
        .collect();
    (rate.is_in_days() && !dates.is_empty()).then(|| {
        format!(
            "{} counts 24 hours per day, so its local time in {} shifts on {}: to keep the local time, use cron",
            schedule.expression,
            schedule.zone_name,
            dates.join(" and ")
        )
    })
}

fn clock(time: Time) -> String {
    time.strftime("%H:%M").to_string()
}
