//! Properties checked against a naive matcher that shares no code with the crate: it steps through real time minute by
//! minute, matches each Unix cron field by its textbook meaning, and skips local times that occurred before.

use jiff::{SignedDuration, Timestamp, Zoned, civil::DateTime, tz::TimeZone};
use proptest::prelude::*;

use super::{ALWAYS, moment, schedule};
use crate::{Schedule, Window, parse};

const ZONES: [&str; 6] =
    ["UTC", "Europe/Berlin", "America/New_York", "Asia/Taipei", "Australia/Lord_Howe", "America/Havana"];

/// Days around the clock changes of 2026, and the end of February in a leap year.
const STARTS: [&str; 8] = [
    "2026-03-07T00:00Z",
    "2026-03-28T00:00Z",
    "2026-04-04T00:00Z",
    "2026-10-03T00:00Z",
    "2026-10-24T00:00Z",
    "2026-10-31T00:00Z",
    "2026-06-15T07:31Z",
    "2028-02-27T00:00Z",
];

/// Each `step` minutes after `after`, the times at which clocks show a local time for the first time.
fn fresh_minutes(zone: &str, after: Timestamp, minutes: i64, step: usize) -> Vec<(Timestamp, DateTime)> {
    let zone = TimeZone::get(zone).unwrap();
    let mut latest = DateTime::MIN;
    // Start some hours earlier, so that a repeated hour is recognized.
    (-180..=minutes)
        .step_by(step)
        .map(|offset| after + SignedDuration::from_mins(offset))
        .map(|moment| (moment, zone.to_datetime(moment)))
        .filter(|(_, local)| {
            let fresh = *local > latest;
            latest = latest.max(*local);
            fresh
        })
        .filter(|(moment, _)| *moment > after)
        .collect()
}

fn values(field: &str, min: i8, max: i8) -> Vec<i8> {
    let part = |part: &str| -> Vec<i8> {
        let (range, step) = part.split_once('/').map_or((part, 1), |(range, step)| (range, step.parse().unwrap()));
        let (first, last): (i8, i8) = match range.split_once('-') {
            _ if range == "*" => (min, max),
            Some((first, last)) => (first.parse().unwrap(), last.parse().unwrap()),
            None => (range.parse().unwrap(), range.parse().unwrap()),
        };
        (first..=last).step_by(step).collect()
    };
    field.split(',').flat_map(part).collect()
}

fn naive_firings(unix: &str, minutes: &[(Timestamp, DateTime)]) -> Vec<Timestamp> {
    let [minute, hour, day, month, weekday] = unix.split(' ').collect::<Vec<_>>()[..] else { panic!("five fields") };
    let (minute, hour) = (values(minute, 0, 59), values(hour, 0, 23));
    let (day, month, weekday) = (values(day, 1, 31), values(month, 1, 12), values(weekday, 0, 6));
    let fires = |local: &DateTime| {
        let sunday_first = local.weekday().to_sunday_zero_offset();
        minute.contains(&local.minute())
            && hour.contains(&local.hour())
            && day.contains(&local.day())
            && month.contains(&local.month())
            && (weekday.contains(&sunday_first) || sunday_first == 0 && weekday.contains(&7))
    };
    minutes.iter().filter(|(_, local)| fires(local)).map(|(moment, _)| *moment).collect()
}

/// The firings that the crate computes for the same period.
fn firings(schedule: &Schedule, after: Timestamp, minutes: i64) -> Vec<Timestamp> {
    let window = Window { start: None, end: Some(after + SignedDuration::from_mins(minutes)) };
    schedule.next(after, &window, usize::MAX).iter().map(Zoned::timestamp).collect()
}

fn part(min: u8, max: u8) -> impl Strategy<Value = String> {
    let pair = (min..=max, min..=max).prop_map(|(a, b)| (a.min(b), a.max(b)));
    prop_oneof![
        3 => (min..=max).prop_map(|value| value.to_string()),
        2 => pair.clone().prop_map(|(first, last)| format!("{first}-{last}")),
        1 => (1..=max / 2).prop_map(|step| format!("*/{step}")),
        1 => (pair, 1..=max / 2).prop_map(|((first, last), step)| format!("{first}-{last}/{step}")),
    ]
}

fn field(min: u8, max: u8) -> impl Strategy<Value = String> {
    prop_oneof![
        2 => Just("*".to_owned()),
        3 => prop::collection::vec(part(min, max), 1..4).prop_map(|parts| parts.join(",")),
    ]
}

fn unix() -> impl Strategy<Value = String> {
    let days = prop_oneof![
        Just(("*".to_owned(), "*".to_owned())),
        field(1, 31).prop_map(|day| (day, "*".to_owned())),
        field(0, 7).prop_map(|weekday| ("*".to_owned(), weekday)),
    ];
    (field(0, 59), field(0, 23), days, field(1, 12))
        .prop_map(|(minute, hour, (day, weekday), month)| format!("{minute} {hour} {day} {month} {weekday}"))
}

/// Text that resembles a schedule, valid or not.
fn scribble() -> impl Strategy<Value = String> {
    prop_oneof!["\\PC{0,40}", "[-0-9*/,?LW# MONFRI@()]{0,40}", "(cron|rate|at)\\([-0-9*/,?LW# T:a-z]{0,30}\\)"]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 192, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn firings_are_those_of_the_naive_matcher(
        unix in unix(),
        zone in prop::sample::select(&ZONES[..]),
        start in prop::sample::select(&STARTS[..]),
    ) {
        // Schedules that never fire are not valid; another test covers them.
        let Ok(schedule) = parse(&unix, zone) else { return Ok(()) };
        let (after, minutes) = (moment(start), 5 * 24 * 60);
        let expected = naive_firings(&unix, &fresh_minutes(zone, after, minutes, 1));
        let actual = firings(&schedule, after, minutes);
        prop_assert_eq!(actual, expected, "`{}` as {} in {}", unix, schedule.expression(), zone);
    }

    #[test]
    fn conversion_keeps_the_firings_and_is_stable(unix in unix(), zone in prop::sample::select(&ZONES[..])) {
        let Ok(parsed) = parse(&unix, zone) else { return Ok(()) };
        let converted = schedule(parsed.expression(), zone);
        prop_assert_eq!(converted.expression(), parsed.expression());
        let after = moment("2026-01-01T00:00Z");
        prop_assert_eq!(converted.next(after, &ALWAYS, 50), parsed.next(after, &ALWAYS, 50));
    }

    #[test]
    fn no_text_makes_it_panic(text in scribble(), zone in "\\PC{0,20}") {
        let _ = parse(&text, &zone);
        if let Ok(parsed) = parse(&text, "Europe/Berlin") {
            prop_assert!(parsed.expression().len() <= 256);
            prop_assert_eq!(&schedule(parsed.expression(), "Europe/Berlin"), &parsed);
        }
    }
}

/// Long periods, which random tests rarely cover.
#[test]
fn whole_years_agree_with_the_naive_matcher() {
    let (after, minutes) = (moment("2026-01-01T00:00Z"), 400 * 24 * 60);
    for zone in ZONES {
        // The crons below fire only at multiples of 5 minutes.
        let fresh = fresh_minutes(zone, after, minutes, 5);
        for unix in ["*/20 * * * *", "30 0-3 * * *", "5 2 */3 * *", "45 1,2 * 3,4,10,11 0,6"] {
            let actual = firings(&schedule(unix, zone), after, minutes);
            assert_eq!(actual, naive_firings(unix, &fresh), "`{unix}` in {zone}");
        }
    }
}
