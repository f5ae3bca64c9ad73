//! Updates of schedules that go on, and of schedules that are over.

use super::*;
use crate::names::Tags;
use crate::resource::{Difference, FieldName, Observed, Schedule, Side};

const NOW: &str = "2026-03-01T12:10:00Z";

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

/// A wanted schedule, with the `startTime` and `endTime` of its spec.
fn desired(expression: &str, start_time: Option<&str>, end: Option<&str>) -> Schedule {
    let schedule = schedule::parse(expression, "UTC").unwrap();
    let start_time = start_time.map(at);
    let start = start_time.filter(|start| *start > at(NOW));
    let window = Window { start, end: end.map(at) };
    Schedule {
        name: "a".to_owned(),
        group: "a".to_owned(),
        expression: schedule.expression().to_owned(),
        time_zone: "UTC".to_owned(),
        enabled: true,
        start,
        end: window.end,
        flexible_window_minutes: None,
        firing: crate::test_support::resolved("{}").firing,
        target_arn: String::new(),
        role_arn: String::new(),
        dead_letter_arn: String::new(),
        max_attempts: 5,
        max_age_seconds: 3600,
        owner_tags: Tags::new(),
        timing: Timing { is_over: schedule.is_over(at(NOW), &window), schedule, start_time, fired: None, now: at(NOW) },
    }
}

/// What AWS has, with its start and when it was changed.
fn observed(expression: &str, start: Option<&str>, changed: &str) -> Observed {
    let timing = ObservedTiming {
        expression: expression.to_owned(),
        time_zone: "UTC".to_owned(),
        enabled: true,
        start: start.map(at),
        end: None,
        changed: Some(at(changed)),
    };
    Observed { timing: Some(Box::new(timing)), ..Observed::default() }
}

fn fired(schedule: Schedule, when: &str) -> Schedule {
    Schedule { timing: Timing { fired: Some(at(when)), ..schedule.timing }, ..schedule }
}

/// Checks the start that is sent at noon past ten.
fn sends(schedule: &Schedule, observed: Option<&Observed>, expected: Option<&str>) {
    assert_eq!(schedule.start_date(observed, at(NOW)), expected.map(at), "{schedule:?} over {observed:?}");
}

#[test]
fn an_updated_rate_goes_on_in_its_phase() {
    let hourly = desired("rate(1 hour)", None, None);
    let seen = |start| observed("rate(1 hour)", start, "2026-03-01T08:20:00Z");
    sends(&hourly, Some(&seen(None)), Some("2026-03-01T12:20:00Z"));
    sends(&hourly, Some(&seen(Some("2026-03-01T08:15:07Z"))), Some("2026-03-01T12:15:07Z"));
    sends(&hourly, Some(&seen(Some("2026-03-01T12:40:00Z"))), Some("2026-03-01T12:40:00Z"));
    sends(&hourly, Some(&seen(Some("2026-03-01T12:10:00Z"))), Some("2026-03-01T13:10:00Z"));
    let known = fired(hourly, "2026-03-01T11:30:05Z");
    sends(&known, Some(&seen(None)), Some("2026-03-01T12:30:05Z"));
    sends(&known, Some(&seen(Some("2026-03-01T08:30:00Z"))), Some("2026-03-01T12:30:00Z"));
    sends(&known, None, Some("2026-03-01T12:30:05Z"));
    let every_two = fired(desired("rate(2 hours)", None, None), "2026-03-01T11:30:05Z");
    sends(&every_two, Some(&seen(None)), Some("2026-03-01T13:30:05Z"));
}

#[test]
fn the_phase_of_a_rate_is_that_of_the_specs_start() {
    let passed = fired(desired("rate(1 hour)", Some("2026-02-01T00:45:00Z"), None), "2026-03-01T11:30:05Z");
    sends(&passed, None, Some("2026-03-01T12:45:00Z"));
    sends(&passed, Some(&observed("rate(1 hour)", None, "2026-03-01T08:20:00Z")), Some("2026-03-01T12:45:00Z"));
    let to_come = desired("rate(1 hour)", Some("2026-03-01T12:10:05Z"), None);
    sends(&to_come, None, Some("2026-03-01T12:10:05Z"));
    let late = at("2026-03-01T12:10:06Z");
    assert_eq!(to_come.start_date(None, late), Some(at("2026-03-01T12:10:05Z")), "it passes while it is sent");
    let just_passed = desired("rate(1 hour)", Some("2026-03-01T12:06:01Z"), None);
    sends(&just_passed, None, Some("2026-03-01T12:06:01Z"));
    sends(&just_passed, Some(&observed("rate(1 hour)", None, "2026-03-01T08:20:00Z")), Some("2026-03-01T13:06:01Z"));
    sends(&fired(just_passed, "2026-03-01T12:06:01Z"), None, Some("2026-03-01T13:06:01Z"));
    let sent = observed("rate(1 hour)", Some("2026-03-01T12:10:05Z"), "2026-03-01T08:20:00Z");
    assert_eq!(to_come.start_date(Some(&sent), late), Some(at("2026-03-01T13:10:05Z")), "it has fired by then");
}

#[test]
fn what_begins_to_be_a_rate_begins_at_once_and_all_else_has_no_phase() {
    let cron = observed("cron(0 9 * * ? *)", None, "2026-03-01T08:20:00Z");
    sends(&fired(desired("rate(1 hour)", None, None), "2026-03-01T09:00:00Z"), Some(&cron), None);
    sends(&desired("rate(1 hour)", None, None), None, None);
    sends(&desired("@daily", Some("2026-02-01T00:00:00Z"), None), Some(&cron), None);
    sends(&desired("@daily", Some("2026-04-01T00:00:00Z"), None), Some(&cron), Some("2026-04-01T00:00:00Z"));
}

/// The places of what is to be changed, of these places that differ.
fn changes(schedule: &Schedule, observed: &Observed, differ: &[Difference]) -> Vec<String> {
    schedule.to_change(observed, differ.to_vec()).iter().map(|one| one.place.to_string()).collect()
}

fn differs(name: FieldName) -> Difference {
    Difference::of_field(name, Some(Side::value(1)), Some(Side::value(2)))
}

#[test]
fn a_start_that_keeps_the_phase_is_as_wanted() {
    let hourly = desired("rate(1 hour)", None, None);
    let seen = |start| observed("rate(1 hour)", Some(start), "2026-03-01T08:20:00Z");
    assert_eq!(
        changes(&hourly, &seen("2026-03-01T13:10:00Z"), &[differs(FieldName::StartDate), differs(FieldName::Input)]),
        ["input"]
    );
    assert_eq!(
        changes(&hourly, &seen("2026-03-01T13:10:01Z"), &[differs(FieldName::StartDate)]),
        ["startDate"],
        "it delays a firing"
    );
    let on_the_quarter = desired("rate(1 hour)", Some("2026-01-01T00:15:00Z"), None);
    assert!(changes(&on_the_quarter, &seen("2026-03-01T12:15:00Z"), &[differs(FieldName::StartDate)]).is_empty());
    assert_eq!(
        changes(&on_the_quarter, &seen("2026-03-01T12:16:00Z"), &[differs(FieldName::StartDate)]),
        ["startDate"]
    );
    let to_come = desired("rate(1 hour)", Some("2026-03-01T12:30:00Z"), None);
    assert_eq!(changes(&to_come, &seen("2026-03-01T12:15:00Z"), &[differs(FieldName::StartDate)]), ["startDate"]);
    let daily = desired("@daily", None, None);
    assert_eq!(changes(&daily, &seen("2026-03-01T12:15:00Z"), &[differs(FieldName::StartDate)]), ["startDate"]);
}

#[test]
fn a_schedule_that_is_over_is_written_no_more() {
    let over = desired("at(2026-03-01T12:00:00)", None, None);
    let ended = desired("@daily", None, Some("2026-03-01T12:00:00Z"));
    let seen = observed("at(2026-03-01T12:00:00)", None, "2026-03-01T08:20:00Z");
    for schedule in [&over, &ended] {
        assert!(
            changes(
                schedule,
                &seen,
                &[differs(FieldName::Input), differs(FieldName::EndDate), differs(FieldName::Expression)]
            )
            .is_empty()
        );
        assert_eq!(
            changes(schedule, &seen, &[differs(FieldName::Input), Difference::of_tag("team", None, Some("a"))]),
            ["tags.team"]
        );
    }
    let later = desired("at(2026-03-01T13:00:00)", None, None);
    assert_eq!(
        changes(&later, &seen, &[differs(FieldName::Input), differs(FieldName::Expression)]),
        ["input", "expression"]
    );
}

#[test]
fn one_that_still_fires_on_aws_is_disabled_as_it_is() {
    let over = desired("at(2026-03-01T12:00:00)", None, None);
    let seen = observed("rate(1 hour)", Some("2026-03-01T12:30:00Z"), "2026-03-01T08:20:00Z");
    assert_eq!(changes(&over, &seen, &[differs(FieldName::Input), differs(FieldName::Expression)]), ["state"]);
    let stopped = over.stopped(&seen).unwrap();
    assert_eq!((stopped.expression.as_str(), stopped.enabled), ("rate(1 hour)", false));
    assert_eq!((stopped.start, stopped.end), (Some(at("2026-03-01T12:30:00Z")), None));
    let timing = seen.timing.map(|timing| Box::new(ObservedTiming { enabled: false, ..*timing }));
    let disabled = Observed { timing, ..Observed::default() };
    assert!(changes(&over, &disabled, &[differs(FieldName::Input), differs(FieldName::Expression)]).is_empty());
    assert!(desired("rate(1 hour)", None, None).stopped(&disabled).is_none());
}
