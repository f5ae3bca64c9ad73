//! EventBridge schedules. <https://docs.aws.amazon.com/scheduler/latest/APIReference/API_UpdateSchedule.html>

use jiff::Timestamp;
use protocol::Firing;
use serde_json::json;

use super::{Difference, Field, FieldName, Fields, Observed, Side, Timing};
use crate::names::Tags;

/// A wanted schedule.
#[derive(Clone, Debug)]
pub struct Schedule {
    /// Name, at most 64 characters.
    pub name: String,
    /// Name of its group, the same text.
    pub group: String,
    /// `cron(…)`, `rate(…)` or `at(…)`, as AWS takes it.
    pub expression: String,
    /// IANA time zone of the expression.
    pub time_zone: String,
    /// Whether it fires.
    pub enabled: bool,
    /// The first moment it may fire, never one that has passed: AWS refuses those.
    pub start: Option<Timestamp>,
    /// The last moment it may fire.
    pub end: Option<Timestamp>,
    /// Minutes that it may fire later than due, 1 to 1440.
    pub flexible_window_minutes: Option<u32>,
    /// What is handed to the target, as JSON.
    pub firing: Firing,
    /// ARN of the function that it invokes.
    pub target_arn: String,
    /// ARN of the role that it does so as.
    pub role_arn: String,
    /// ARN of the standard queue that gets what could not be handed over.
    pub dead_letter_arn: String,
    /// How often a firing is handed over again, 0 to 185.
    pub max_attempts: u32,
    /// Seconds after which a firing is given up, 60 to 86400.
    pub max_age_seconds: u32,
    /// The four tags of its owner, for the description.
    pub owner_tags: Tags,
    /// When it fires.
    pub timing: Timing,
}

impl Schedule {
    /// The managed fields, as AWS would report them.
    pub fn fields(&self) -> Fields {
        let mut fields = Fields::from([
            (FieldName::Expression, Field::plain(self.expression.as_str())),
            (FieldName::TimeZone, Field::plain(self.time_zone.as_str())),
            (FieldName::State, Field::plain(if self.enabled { "ENABLED" } else { "DISABLED" })),
            (FieldName::ActionAfterCompletion, Field::plain("NONE")),
            (FieldName::Target, Field::plain(self.target_arn.as_str())),
            (FieldName::Role, Field::plain(self.role_arn.as_str())),
            (FieldName::Input, Field::Plain(json!(self.firing))),
            (FieldName::DeadLetterQueue, Field::plain(self.dead_letter_arn.as_str())),
            (FieldName::MaximumRetryAttempts, Field::plain(self.max_attempts)),
            (FieldName::MaximumEventAgeInSeconds, Field::plain(self.max_age_seconds)),
        ]);
        fields.extend(self.start.map(|start| (FieldName::StartDate, Field::moment(start))));
        fields.extend(self.end.map(|end| (FieldName::EndDate, Field::moment(end))));
        fields.extend(
            self.flexible_window_minutes.map(|minutes| (FieldName::FlexibleWindowMinutes, Field::plain(minutes))),
        );
        fields
    }

    /// The start to send at `now` where AWS has this: that of the spec, or the next firing of a `rate()` that goes on.
    pub fn start_date(&self, observed: Option<&Observed>, now: Timestamp) -> Option<Timestamp> {
        let observed = observed.and_then(|observed| observed.timing.as_deref());
        let is_sent = |start: &Timestamp| {
            observed.and_then(|observed| observed.start).map(Timestamp::as_second) == Some(start.as_second())
        };
        // One that passes while it is sent still counts: AWS takes it for five minutes.
        let to_come = self.start.filter(|start| *start > now || !is_sent(start));
        to_come.or_else(|| self.timing.first(observed, now)).or_else(|| self.timing.next(observed, now))
    }

    /// What to send in its place where it is over and AWS has one that still fires: that, disabled. AWS may refuse times
    /// that have passed.
    #[must_use]
    pub fn stopped(&self, observed: &Observed) -> Option<Self> {
        let observed = observed.timing.as_deref().filter(|_| self.timing.is_over)?;
        Some(Self {
            expression: observed.expression.clone(),
            time_zone: observed.time_zone.clone(),
            enabled: false,
            start: observed.start.filter(|start| *start > self.timing.now),
            end: observed.end,
            ..self.clone()
        })
    }

    /// Whether nothing will fire any more, so that it is neither made nor changed.
    pub fn is_over(&self) -> bool {
        self.timing.is_over
    }

    /// What has to be changed, of what differs. A start that only keeps the phase of a `rate()` is as wanted; of a
    /// schedule that is over nothing matters but that AWS's does not fire.
    pub(crate) fn to_change(&self, observed: &Observed, mut differences: Vec<Difference>) -> Vec<Difference> {
        let Some(timing) = &observed.timing else { return differences };
        if self.timing.is_over {
            differences.retain(|one| one.tag_key().is_some());
            let [from, to] = ["ENABLED", "DISABLED"].map(|state| Some(Side::value(state)));
            let disabled = Difference::of_field(FieldName::State, from, to);
            differences.extend(timing.fires(self.timing.now).then_some(disabled));
        } else if self.start.is_none() && timing.start.is_some_and(|start| self.timing.is_kept_by(start)) {
            differences.retain(|one| one.field() != Some(FieldName::StartDate));
        }
        differences
    }
}
