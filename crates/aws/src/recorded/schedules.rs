//! Schedules and their groups, and the expressions that Scheduler takes.

use pipeline_core::error_class::ErrorClass;
use pipeline_core::resource::{Kind, Resource, Schedule};
use pipeline_core::test_support::{Pipelines, spec, try_resolve};
use serde_json::{Value, json};

use super::desired::{differing, one, seen, tag_list};
use super::wire::{Answer, Replay};
use crate::resource::{self, Progress};
use crate::{AwsError, Operation};

pub(super) const REPLAYED: &[u8] = &[
    175, 176, 177, 178, 179, 180, 181, 182, 183, 184, 185, 186, 187, 188, 189, 190, 191, 192, 193, 194, 195, 196, 197,
    198, 199, 200, 201, 202,
];

const YAML: &str = "{schedule: '0 0 * * *', timeZone: UTC, flexibleWindowMinutes: 60, \
                    invocation: {maxAttempts: 185, maxAgeSeconds: 86400}}";

fn desired() -> Schedule {
    match one(YAML, Kind::Schedule, "") {
        Resource::Schedule(schedule) => *schedule,
        other => panic!("{} is not a schedule", other.id()),
    }
}

/// What comes of making a schedule with this expression.
async fn made(expression: &str, answer: Answer) -> Result<Progress, AwsError> {
    let schedule = Schedule { expression: expression.to_owned(), ..desired() };
    let replay = Replay::of([answer]);
    let made = resource::create(&replay.aws(), &Resource::Schedule(Box::new(schedule))).await;
    assert!(replay.asked()[0].contains(expression));
    made
}

#[tokio::test]
async fn what_scheduler_adds_to_a_schedule_is_no_drift() {
    let schedule = desired();
    let taken = Answer::json(json!({"ScheduleArn": "arn:aws:scheduler:eu-west-1:111122223333:schedule/a/a"}));
    let replay = Replay::of([taken]);
    let resource = Resource::Schedule(Box::new(schedule.clone()));
    assert_eq!(resource::create(&replay.aws(), &resource).await, Ok(Progress::Done));
    // The description is the one that was sent.
    let asked = replay.asked();
    let (_, sent) = asked[0].split_once("  ").expect("a body");
    let sent: Value = serde_json::from_str(sent).expect("JSON");
    let shown = json!({
        "ActionAfterCompletion": "NONE",
        "Arn": "arn:aws:scheduler:eu-west-1:111122223333:schedule/a/a",
        "CreationDate": 1_764_072_000.0,
        "Description": sent["Description"],
        "FlexibleTimeWindow": {"MaximumWindowInMinutes": 60, "Mode": "FLEXIBLE"},
        "GroupName": schedule.group,
        "LastModificationDate": 1_764_072_000.0,
        "Name": schedule.name,
        "ScheduleExpression": "cron(0 0 * * ? *)",
        "ScheduleExpressionTimezone": "UTC",
        "State": "ENABLED",
        "Target": {
            "Arn": schedule.target_arn,
            "DeadLetterConfig": {"Arn": schedule.dead_letter_arn},
            "Input": json!(schedule.firing).to_string(),
            "RetryPolicy": {"MaximumEventAgeInSeconds": 86400, "MaximumRetryAttempts": 185},
            "RoleArn": schedule.role_arn,
        },
    });
    let seen = seen(&resource, [Answer::json(shown)]).await.expect("it is there");
    assert_eq!(differing(&resource, &seen), [""; 0]);
}

#[tokio::test]
async fn a_group_has_its_tags_and_nothing_that_drifts() {
    let group = one(YAML, Kind::ScheduleGroup, "");
    let shown = json!({
        "Arn": format!("arn:aws:scheduler:eu-west-1:111122223333:schedule-group/{}", group.id().name),
        "CreationDate": 1_764_072_000.0, "LastModificationDate": 1_764_072_000.0, "Name": group.id().name,
        "State": "ACTIVE",
    });
    for (tags, missing) in [(tag_list(group.tags()), 0), (json!([]), group.tags().len())] {
        let answers = [Answer::json(shown.clone()), Answer::json(json!({"Tags": tags}))];
        let seen = seen(&group, answers).await.expect("it is there");
        assert_eq!((differing(&group, &seen).len(), &seen.settling), (missing, &None));
        assert_eq!(seen.since, Some("2025-11-25T12:00:00Z".parse().unwrap()));
    }
}

/// What AWS is sent for a schedule of a spec; none if that is refused.
fn sent(expression: &str) -> Option<String> {
    let yaml = json!({ "schedule": expression }).to_string();
    let pipeline = try_resolve(&spec(&yaml), Pipelines::Running).ok()?;
    Some(pipeline.schedule.expression().to_owned())
}

#[tokio::test]
async fn an_expression_that_scheduler_refuses_is_not_sent() {
    for expression in [
        "cron(0 1 * * * *)",
        "cron(7 20 * * NOT *)",
        "cron(INVALID)",
        "cron(0 dummy ? * MON-FRI *)",
        "cron(71 8 1 * ? *)",
        "cron()",
        "rate(10 seconds)",
        "rate(10 years)",
        "rate()",
        "rate(10)",
        "rate(10 minutess)",
        "rate(foo minutes)",
        "rate(-10 minutes)",
        "rate( 10 minutes )",
        " rate(10 minutes)",
        "at(2021-12-31T23:59:59Z)",
        "at(2021-12-31)",
    ] {
        assert_ne!(sent(expression).as_deref(), Some(expression));
        let message = format!("Invalid Schedule Expression {expression}.");
        let refused = Answer::error(Operation::CreateSchedule, 400, "ValidationException", &message);
        let error = made(expression, refused).await.unwrap_err();
        assert_eq!((error.class, error.message.as_str()), (ErrorClass::Invalid, message.as_str()));
    }
}

#[tokio::test]
async fn an_expression_that_scheduler_takes_is_taken() {
    for expression in [
        "at(2022-12-31T23:59:59)",
        "cron(0-15/1 8-8 ? * 2,3,4,5,6,7 *)",
        "cron(30-30 13-13 ? * 2,4,6 *)",
        "cron(1-31/30 1-1 ? * 1,7 *)",
        "cron(0 18 ? * MON-FRI *)",
        "cron(*/15 * * * ? *)",
        "cron(0-59/10 0-23/2 ? * * *)",
    ] {
        assert!(sent(expression).is_some(), "{expression}");
        let taken = Answer::json(json!({"ScheduleArn": "arn:aws:scheduler:eu-west-1:111122223333:schedule/a/a"}));
        assert_eq!(made(expression, taken).await, Ok(Progress::Done));
    }
}
