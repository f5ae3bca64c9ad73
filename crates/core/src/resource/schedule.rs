//! EventBridge schedules. <https://docs.aws.amazon.com/scheduler/latest/APIReference/API_UpdateSchedule.html>

use jiff::Timestamp;
use protocol::Firing;
use serde_json::json;

use super::{Field, FieldName, Fields};
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
}
