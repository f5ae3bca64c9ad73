//! EventBridge schedules. <https://docs.aws.amazon.com/scheduler/latest/APIReference/API_UpdateSchedule.html>
//!
//! An update replaces the whole: what it leaves out goes back to AWS's default. A schedule cannot be tagged, so its
//! description says whose it is. It lives in a group of its own, of the same name.

use aws_sdk_scheduler::operation::get_schedule::GetScheduleOutput;
use aws_sdk_scheduler::primitives::DateTime;
use aws_sdk_scheduler::types::{
    ActionAfterCompletion, DeadLetterConfig, FlexibleTimeWindow, FlexibleTimeWindowMode, RetryPolicy, ScheduleState,
    ScheduleSummary, Target,
};
use jiff::Timestamp;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};
use pipeline_core::names::{Tags, tag};
use pipeline_core::resource::{Field, FieldName, Fields, Id, Kind, Observed, ObservedTiming, Schedule};

use super::{Progress, pages};
use crate::{Aws, AwsError};

/// Retries and seconds that AWS reports where none were set.
/// <https://docs.aws.amazon.com/scheduler/latest/APIReference/API_RetryPolicy.html>
const DEFAULT_MAX_ATTEMPTS: i32 = 185;
const DEFAULT_MAX_AGE_SECONDS: i32 = 86_400;

/// Schedules on a page of a list, the most there are.
const LIST_PAGE: i32 = 100;

/// Fills in a request to create or to update, which take the same members but have no type in common.
macro_rules! complete {
    ($request:expr, $schedule:expr, $start:expr) => {
        $request
            .name(&$schedule.name)
            .group_name(&$schedule.group)
            .description(description(&$schedule.owner_tags))
            .schedule_expression(&$schedule.expression)
            .schedule_expression_timezone(&$schedule.time_zone)
            .state(state($schedule))
            .set_start_date($start.map(sdk_moment))
            .set_end_date($schedule.end.map(sdk_moment))
            .set_flexible_time_window(window($schedule))
            .set_target(target($schedule))
            .action_after_completion(ActionAfterCompletion::None)
    };
}

pub(super) async fn create(aws: &Aws, schedule: &Schedule) -> Result<Progress, AwsError> {
    let request = complete!(aws.scheduler.create_schedule(), schedule, schedule.start_date(None, Timestamp::now()));
    aws.call(request).await?;
    Ok(Progress::Done)
}

pub(super) async fn update(aws: &Aws, schedule: &Schedule, observed: &Observed) -> Result<Progress, AwsError> {
    let stopped = schedule.stopped(observed);
    let start = match &stopped {
        Some(stopped) => stopped.start,
        None => schedule.start_date(Some(observed), Timestamp::now()),
    };
    let schedule = stopped.as_ref().unwrap_or(schedule);
    let request = complete!(aws.scheduler.update_schedule(), schedule, start);
    aws.call(request).await?;
    Ok(Progress::Done)
}

const fn state(schedule: &Schedule) -> ScheduleState {
    if schedule.enabled { ScheduleState::Enabled } else { ScheduleState::Disabled }
}

fn window(schedule: &Schedule) -> Option<FlexibleTimeWindow> {
    let mode = match schedule.flexible_window_minutes {
        Some(_) => FlexibleTimeWindowMode::Flexible,
        None => FlexibleTimeWindowMode::Off,
    };
    let minutes = schedule.flexible_window_minutes.map(u32::cast_signed);
    // The builder refuses only a missing mode.
    FlexibleTimeWindow::builder().mode(mode).set_maximum_window_in_minutes(minutes).build().ok()
}

fn target(schedule: &Schedule) -> Option<Target> {
    let retry = RetryPolicy::builder()
        .maximum_retry_attempts(schedule.max_attempts.cast_signed())
        .maximum_event_age_in_seconds(schedule.max_age_seconds.cast_signed())
        .build();
    // The builder refuses only a missing ARN.
    Target::builder()
        .arn(&schedule.target_arn)
        .role_arn(&schedule.role_arn)
        .input(serde_json::json!(schedule.firing).to_string())
        .dead_letter_config(DeadLetterConfig::builder().arn(&schedule.dead_letter_arn).build())
        .retry_policy(retry)
        .build()
        .ok()
}

pub(super) async fn observe(aws: &Aws, name: &str) -> Result<Option<Observed>, AwsError> {
    let request = aws.scheduler.get_schedule().group_name(name).name(name);
    let Some(answer) = aws.find(request).await? else { return Ok(None) };
    let tags = answer.description().and_then(owner_tags).unwrap_or_default();
    let fields = read(&answer, Timestamp::now());
    let revision = answer.last_modification_date().map(ToString::to_string);
    let (arn, timing) = (aws.location.schedule_arn(name, name), Some(Box::new(timing(&answer))));
    Ok(Some(Observed { arn, tags, fields, revision, timing, ..Observed::default() }))
}

/// The fields that a list shows. Changes of the others show up as a new modification date.
pub(super) const LISTED: [FieldName; 2] = [FieldName::State, FieldName::Target];

/// All schedules whose group has the same name, with the few fields that a list shows.
pub(super) async fn list(aws: &Aws) -> Result<Vec<(Id, Observed)>, AwsError> {
    let shown = |summary: ScheduleSummary| {
        let name = summary.name.as_deref().filter(|name| summary.group_name() == Some(name))?;
        let state = summary.state().unwrap_or(&ScheduleState::Enabled);
        let mut fields = Fields::from([(FieldName::State, Field::plain(state.as_str()))]);
        fields.extend(summary.target().map(|target| (FieldName::Target, Field::plain(target.arn()))));
        let revision = summary.last_modification_date().map(ToString::to_string);
        let arn = aws.location.schedule_arn(name, name);
        Some((Id::new(Kind::Schedule, name), Observed { arn, fields, revision, ..Observed::default() }))
    };
    let request = |token| aws.scheduler.list_schedules().max_results(LIST_PAGE).set_next_token(token);
    pages::all(aws, request, |answer| (answer.schedules.into_iter().filter_map(shown).collect(), answer.next_token))
        .await
}

fn read(answer: &GetScheduleOutput, now: Timestamp) -> Fields {
    let state = answer.state().unwrap_or(&ScheduleState::Enabled);
    let after = answer.action_after_completion().unwrap_or(&ActionAfterCompletion::None);
    let mut fields = Fields::from([
        (FieldName::TimeZone, Field::plain(answer.schedule_expression_timezone().unwrap_or("UTC"))),
        (FieldName::State, Field::plain(state.as_str())),
        (FieldName::ActionAfterCompletion, Field::plain(after.as_str())),
    ]);
    fields.extend(answer.schedule_expression().map(|text| (FieldName::Expression, Field::plain(text))));
    // A start in the past has no effect, and AWS refuses it in an update, so it is not compared.
    let start = answer.start_date().and_then(read_moment).filter(|start| *start > now);
    fields.extend(start.map(|start| (FieldName::StartDate, Field::moment(start))));
    let end = answer.end_date().and_then(read_moment);
    fields.extend(end.map(|end| (FieldName::EndDate, Field::moment(end))));
    let window = answer.flexible_time_window().filter(|window| window.mode == FlexibleTimeWindowMode::Flexible);
    let minutes = window.and_then(|window| window.maximum_window_in_minutes);
    fields.extend(minutes.map(|minutes| (FieldName::FlexibleWindowMinutes, Field::plain(minutes))));
    fields.extend(answer.kms_key_arn().map(|key| (FieldName::KmsKey, Field::plain(key))));
    if let Some(target) = answer.target() {
        fields.extend(read_target(target));
    }
    fields
}

fn timing(answer: &GetScheduleOutput) -> ObservedTiming {
    let changed = answer.last_modification_date().or(answer.creation_date());
    ObservedTiming {
        expression: answer.schedule_expression().unwrap_or_default().to_owned(),
        time_zone: answer.schedule_expression_timezone().unwrap_or("UTC").to_owned(),
        enabled: answer.state() != Some(&ScheduleState::Disabled),
        start: answer.start_date().and_then(read_moment),
        end: answer.end_date().and_then(read_moment),
        changed: changed.and_then(read_moment),
    }
}

fn read_target(target: &Target) -> Fields {
    let retry = target.retry_policy();
    let attempts = retry.and_then(|retry| retry.maximum_retry_attempts).unwrap_or(DEFAULT_MAX_ATTEMPTS);
    let age = retry.and_then(|retry| retry.maximum_event_age_in_seconds).unwrap_or(DEFAULT_MAX_AGE_SECONDS);
    let mut fields = Fields::from([
        (FieldName::Target, Field::plain(target.arn())),
        (FieldName::Role, Field::plain(target.role_arn())),
        (FieldName::MaximumRetryAttempts, Field::plain(attempts)),
        (FieldName::MaximumEventAgeInSeconds, Field::plain(age)),
    ]);
    fields.extend(target.input().map(|input| (FieldName::Input, Field::json(input))));
    let queue = target.dead_letter_config().and_then(DeadLetterConfig::arn);
    fields.extend(queue.map(|arn| (FieldName::DeadLetterQueue, Field::plain(arn))));
    fields
}

pub(super) async fn delete(aws: &Aws, name: &str) -> Result<Progress, AwsError> {
    let request = aws.scheduler.delete_schedule().group_name(name).name(name);
    aws.call(request).await?;
    Ok(Progress::Done)
}

/// AWS keeps dates to the second.
fn sdk_moment(moment: Timestamp) -> DateTime {
    DateTime::from_secs(moment.as_second())
}

fn read_moment(moment: &DateTime) -> Option<Timestamp> {
    Timestamp::from_second(moment.secs()).ok()
}

/// How a description of ours begins. With the longest cluster (32), namespace (63), name (253) and UID (36) it stays
/// within AWS's 512 characters.
const DESCRIPTION: &str = "Managed by Task Pipelines. ";

/// The owner in a description: label and tag key, in order.
const OWNER: [(&str, &str); 4] =
    [("cluster", tag::CLUSTER), ("namespace", tag::NAMESPACE), ("name", tag::NAME), ("uid", tag::UID)];

/// Characters that are percent-encoded in values, so that no value contains a separator. Names in Kubernetes never need it.
const ENCODED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.');

fn description(owner: &Tags) -> String {
    let parts = OWNER.map(|(label, key)| {
        let value = owner.get(key).map(String::as_str).unwrap_or_default();
        format!("{label}={}", utf8_percent_encode(value, ENCODED))
    });
    format!("{DESCRIPTION}{}", parts.join(" "))
}

/// The owner's tags, if the description has exactly our format.
fn owner_tags(description: &str) -> Option<Tags> {
    let parts: Vec<&str> = description.strip_prefix(DESCRIPTION)?.split(' ').collect();
    let parts: [&str; 4] = parts.try_into().ok()?;
    OWNER
        .into_iter()
        .zip(parts)
        .map(|((label, key), part)| {
            let value = part.strip_prefix(label)?.strip_prefix('=')?;
            Some((key.to_owned(), percent_decode_str(value).decode_utf8().ok()?.into_owned()))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use aws_sdk_scheduler::operation::get_schedule::builders::GetScheduleOutputBuilder;
    use pipeline_core::resource::Timing;
    use proptest::prelude::*;

    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    fn owner(name: &str) -> Tags {
        [(tag::CLUSTER, "lab"), (tag::NAMESPACE, "team-a"), (tag::NAME, name), (tag::UID, "1b671a64-40d5")]
            .map(|(key, value)| (key.to_owned(), value.to_owned()))
            .into()
    }

    fn desired() -> Schedule {
        let firing = serde_json::json!({
            "scheduleArn": "<aws.scheduler.schedule-arn>", "scheduledTime": "<aws.scheduler.scheduled-time>",
            "pipeline": {"namespace": "team-a", "name": "hello"}, "tasks": [],
        });
        Schedule {
            name: "team-a-hello".to_owned(),
            group: "team-a-hello".to_owned(),
            expression: "cron(0 9 ? * MON-FRI *)".to_owned(),
            time_zone: "Europe/Berlin".to_owned(),
            enabled: true,
            start: None,
            end: None,
            flexible_window_minutes: None,
            firing: serde_json::from_value(firing).unwrap(),
            target_arn: "arn:aws:lambda:eu-west-1:111122223333:function:a-sender".to_owned(),
            role_arn: "arn:aws:iam::111122223333:role/taskpipelines/lab/a-scheduler".to_owned(),
            dead_letter_arn: "arn:aws:sqs:eu-west-1:111122223333:a-undelivered-dlq".to_owned(),
            max_attempts: 5,
            max_age_seconds: 3600,
            owner_tags: owner("hello"),
            timing: Timing {
                schedule: pipeline_core::test_support::resolved("{}").schedule,
                start_time: None,
                fired: None,
                now: at(NOW),
                is_over: false,
            },
        }
    }

    /// What AWS answers for a schedule once it has it.
    fn answer(schedule: &Schedule) -> GetScheduleOutputBuilder {
        GetScheduleOutput::builder()
            .name(&schedule.name)
            .group_name(&schedule.group)
            .description(description(&schedule.owner_tags))
            .schedule_expression(&schedule.expression)
            .schedule_expression_timezone(&schedule.time_zone)
            .state(state(schedule))
            .set_start_date(schedule.start.map(sdk_moment))
            .set_end_date(schedule.end.map(sdk_moment))
            .set_flexible_time_window(window(schedule))
            .set_target(target(schedule))
            .action_after_completion(ActionAfterCompletion::None)
    }

    const NOW: &str = "2026-03-01T12:00:00Z";

    #[test]
    fn what_was_created_reads_back_as_wanted() {
        let full = Schedule {
            enabled: false,
            start: Some(at("2026-04-01T00:00:00.75Z")),
            end: Some(at("2026-05-01T00:00:00Z")),
            flexible_window_minutes: Some(15),
            ..desired()
        };
        for schedule in [desired(), full] {
            assert_eq!(read(&answer(&schedule).build(), at(NOW)), schedule.fields());
        }
    }

    #[test]
    fn defaults_that_aws_leaves_out_read_the_same_as_those_it_names() {
        let schedule =
            Schedule { time_zone: "UTC".to_owned(), max_attempts: 185, max_age_seconds: 86_400, ..desired() };
        let mut target = target(&schedule).unwrap();
        target.retry_policy = None;
        let terse = answer(&schedule)
            .set_schedule_expression_timezone(None)
            .set_state(None)
            .set_action_after_completion(None)
            .set_flexible_time_window(None)
            .target(target)
            .build();
        assert_eq!(read(&terse, at(NOW)), schedule.fields());
    }

    #[test]
    fn a_start_that_has_passed_equals_none() {
        let started = Schedule { start: Some(at("2026-04-01T00:00:00Z")), ..desired() };
        let answer = answer(&started).build();
        assert_eq!(read(&answer, at("2026-03-31T23:59:59Z")), started.fields());
        assert_eq!(read(&answer, at("2026-04-01T00:00:00Z")), desired().fields());
        assert_ne!(read(&answer, at("2026-03-31T23:59:59Z")), desired().fields());
    }

    #[test]
    fn when_it_fires_is_read_also_where_it_says_no_more_than_nothing() {
        let schedule = Schedule { start: Some(at("2026-02-01T00:00:00Z")), enabled: false, ..desired() };
        let answer =
            answer(&schedule).creation_date(DateTime::from_secs(1)).last_modification_date(DateTime::from_secs(2));
        assert_eq!(
            timing(&answer.build()),
            ObservedTiming {
                expression: schedule.expression,
                time_zone: schedule.time_zone,
                enabled: false,
                start: schedule.start,
                end: None,
                changed: Some(Timestamp::from_second(2).unwrap()),
            }
        );
    }

    #[test]
    fn a_schedule_that_would_delete_itself_differs() {
        let answer = answer(&desired()).action_after_completion(ActionAfterCompletion::Delete).build();
        assert_ne!(read(&answer, at(NOW)), desired().fields());
    }

    #[test]
    fn a_description_names_the_owner() {
        assert_eq!(
            description(&owner("hello")),
            "Managed by Task Pipelines. cluster=lab namespace=team-a name=hello uid=1b671a64-40d5"
        );
    }

    #[test]
    fn the_longest_description_fits() {
        let longest = OWNER.into_iter().zip([32, 63, 253, 36]);
        let tags = longest.map(|((_, key), length)| (key.to_owned(), "a".repeat(length))).collect();
        assert!(description(&tags).len() <= 512);
    }

    #[test]
    fn a_name_cannot_pass_for_another_owner() {
        for name in ["x uid=0", "x namespace=team-b name=y", "uid=", "", "100%", "%20", "å b", "a\nb"] {
            assert_eq!(owner_tags(&description(&owner(name))), Some(owner(name)), "{name}");
        }
    }

    #[test]
    fn a_foreign_description_names_no_owner() {
        for text in [
            "",
            "nightly report",
            "Managed by Task Pipelines. ",
            "Managed by Task Pipelines. cluster=lab namespace=team-a name=hello",
            "Managed by Task Pipelines. namespace=team-a cluster=lab name=hello uid=1",
            "Managed by Task Pipelines. cluster=lab namespace=team-a name=hello uid=1 uid=2",
            "Copy. Managed by Task Pipelines. cluster=lab namespace=team-a name=hello uid=1",
        ] {
            assert_eq!(owner_tags(text), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn every_owner_survives_the_description(name in ".*") {
            prop_assert_eq!(owner_tags(&description(&owner(&name))), Some(owner(&name)));
        }
    }
}
