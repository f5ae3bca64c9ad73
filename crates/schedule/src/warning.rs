//! What daylight saving does to a schedule, in words.

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

/// How far ahead warnings look.
const HORIZON: SignedDuration = SignedDuration::from_hours(365 * 24);

/// A moment at which clocks are put forward or back.
struct Change {
    moment: Timestamp,
    before: Offset,
    after: Offset,
}

impl Schedule {
    /// What daylight saving does to the firings of the 12 months after `now`, one sentence per date. Empty for zones
    /// without it.
    pub fn warnings(&self, now: Timestamp, window: &Window) -> Vec<String> {
        match &self.timing {
            Timing::Cron(cron) => changes(self, now)
                .filter(|change| window.contains(change.moment))
                .filter_map(|change| {
                    let (from, to) = change.odd_hours();
                    // Just before `from`, so that a firing at it counts.
                    let eve = from.checked_sub(SignedDuration::from_secs(1)).ok()?;
                    let local: Vec<DateTime> = calendar::firings(cron, eve).take_while(|local| *local < to).collect();
                    change.warn(self, &local)
                })
                .collect(),
            Timing::Rate(rate) => drift(self, *rate, now, window).into_iter().collect(),
            Timing::At(moment) => changes(self, now)
                .filter_map(|change| {
                    let (from, to) = change.odd_hours();
                    let local = moment.datetime();
                    (from <= local && local < to).then(|| change.warn(self, &[local]))?
                })
                .collect(),
        }
    }
}

fn changes(schedule: &Schedule, now: Timestamp) -> impl Iterator<Item = Change> {
    let horizon = now.checked_add(HORIZON).unwrap_or(Timestamp::MAX);
    schedule.zone.following(now).take_while(move |transition| transition.timestamp() <= horizon).filter_map(
        |transition| {
            let moment = transition.timestamp();
            let eve = moment.checked_sub(SignedDuration::from_nanos(1)).ok()?;
            let (before, after) = (schedule.zone.to_offset(eve), transition.offset());
            // Some transitions change only the zone's abbreviation.
            (before != after).then_some(Change { moment, before, after })
        },
    )
}

impl Change {
    /// What clocks show just before and just after.
    fn clocks(&self) -> (DateTime, DateTime) {
        (self.before.to_datetime(self.moment), self.after.to_datetime(self.moment))
    }

    /// The local times that are left out or come twice, without the last.
    fn odd_hours(&self) -> (DateTime, DateTime) {
        let (before, after) = self.clocks();
        (before.min(after), before.max(after))
    }

    /// Nothing where no firing is touched.
    fn warn(&self, schedule: &Schedule, firings: &[DateTime]) -> Option<String> {
        let (first, last) = (firings.first()?, firings.last()?);
        let (before, after) = self.clocks();
        let (date, zone) = (first.date(), &schedule.zone_name);
        let (before_text, after_text) = (clock(before.time()), clock(after.time()));
        let (first_text, last_text) = (clock(first.time()), clock(last.time()));
        Some(match (before < after, firings.len()) {
            (true, 1) => format!(
                "{date}: {first_text} does not exist in {zone} (clocks go from {before_text} to {after_text}): \
                 EventBridge skips that firing"
            ),
            (true, count) => format!(
                "{date}: {first_text} to {last_text} do not exist in {zone} (clocks go from {before_text} to \
                 {after_text}): EventBridge skips those {count} firings"
            ),
            (false, 1) => format!(
                "{date}: {first_text} comes twice in {zone} (clocks go back from {before_text} to {after_text}): \
                 EventBridge fires at the first only"
            ),
            (false, count) => format!(
                "{date}: {first_text} to {last_text} come twice in {zone} (clocks go back from {before_text} to \
                 {after_text}): EventBridge fires those {count} the first time only"
            ),
        })
    }
}

/// A rate in days keeps to 24 hours, so its local hour moves.
fn drift(schedule: &Schedule, rate: Rate, now: Timestamp, window: &Window) -> Option<String> {
    let dates: Vec<String> = changes(schedule, now)
        .filter(|change| window.contains(change.moment))
        .map(|change| change.clocks().1.date().to_string())
        .collect();
    (rate.is_in_days() && !dates.is_empty()).then(|| {
        format!(
            "{}: a day is 24 hours here, so the local hour in {} moves on {}; a cron keeps it",
            schedule.expression,
            schedule.zone_name,
            dates.join(" and ")
        )
    })
}

fn clock(time: Time) -> String {
    time.strftime("%H:%M").to_string()
}
