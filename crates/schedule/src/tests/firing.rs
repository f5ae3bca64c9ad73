use jiff::Timestamp;

use super::{ALWAYS, moment, rfc3339, schedule};
use crate::Window;

#[track_caller]
fn check(text: &str, zone: &str, after: &str, firings: &[&str]) {
    let next = schedule(text, zone).next(moment(after), &ALWAYS, firings.len());
    assert_eq!(next.iter().map(rfc3339).collect::<Vec<_>>(), firings, "`{text}` in {zone}");
}

#[track_caller]
fn check_warnings(text: &str, zone: &str, warnings: &[&str]) {
    assert_eq!(schedule(text, zone).warnings(moment("2026-01-01T00:00Z"), &ALWAYS), warnings, "`{text}` in {zone}");
}

#[test]
fn firings_come_strictly_later() {
    let noon = ["2026-01-02T12:00+00:00"];
    check("0 12 * * *", "UTC", "2026-01-01T12:00:00Z", &noon);
    check("0 12 * * *", "UTC", "2026-01-01T12:00:00.5Z", &noon);
    check("0 12 * * *", "UTC", "2026-01-02T11:59:59.999999999Z", &noon);
}

#[test]
fn event_bridges_own_days() {
    for (days, firings) in [
        ("L * ?", ["2026-01-31", "2026-02-28", "2026-03-31"]),
        ("1W * ?", ["2026-01-01", "2026-02-02", "2026-03-02"]),
        ("31W * ?", ["2026-01-30", "2026-03-31", "2026-05-29"]),
        ("? * 6L", ["2026-01-30", "2026-02-27", "2026-03-27"]),
        ("? * 1L", ["2026-01-25", "2026-02-22", "2026-03-29"]),
        ("? * 7L", ["2026-01-31", "2026-02-28", "2026-03-28"]),
        ("? * L", ["2026-01-03", "2026-01-10", "2026-01-17"]),
        ("? * 2#1", ["2026-01-05", "2026-02-02", "2026-03-02"]),
        ("? * 1#1", ["2026-01-04", "2026-02-01", "2026-03-01"]),
        ("? * 5#5", ["2026-01-29", "2026-04-30", "2026-07-30"]),
    ] {
        let text = format!("cron(0 9 {days} *)");
        check(
            &text,
            "UTC",
            "2026-01-01T00:00Z",
            &firings.map(|date| format!("{date}T09:00+00:00")).each_ref().map(String::as_str),
        );
    }
    check("0 0 29 2 *", "UTC", "2026-01-01T00:00Z", &["2028-02-29T00:00+00:00", "2032-02-29T00:00+00:00"]);
    check("cron(0 0 1 1 ? 2030/50)", "UTC", "2026-01-01T00:00Z", &["2030-01-01T00:00+00:00", "2080-01-01T00:00+00:00"]);
}

#[test]
fn a_local_time_that_does_not_exist_is_skipped() {
    check("30 2 * * *", "Europe/Berlin", "2026-03-27T12:00Z", &["2026-03-28T02:30+01:00", "2026-03-30T02:30+02:00"]);
    check(
        "0 * * * *",
        "Europe/Berlin",
        "2026-03-28T23:30Z",
        &["2026-03-29T01:00+01:00", "2026-03-29T03:00+02:00", "2026-03-29T04:00+02:00"],
    );
    check(
        "0 2,3 * * *",
        "America/New_York",
        "2026-03-08T00:00Z",
        &["2026-03-08T03:00-04:00", "2026-03-09T02:00-04:00", "2026-03-09T03:00-04:00"],
    );
    // The clocks skip half an hour, from 02:00 to 02:30.
    check(
        "*/15 2 * * *",
        "Australia/Lord_Howe",
        "2026-10-03T15:00Z",
        &["2026-10-04T02:30+11:00", "2026-10-04T02:45+11:00", "2026-10-05T02:00+11:00"],
    );
    // A time zone that skipped a whole day.
    check("0 12 * * *", "Pacific/Apia", "2011-12-29T12:00Z", &["2011-12-29T12:00-10:00", "2011-12-31T12:00+14:00"]);
}

#[test]
fn a_local_time_that_occurs_twice_fires_the_first_time() {
    check("30 2 * * *", "Europe/Berlin", "2026-10-24T12:00Z", &["2026-10-25T02:30+02:00", "2026-10-26T02:30+01:00"]);
    check(
        "0 * * * *",
        "Europe/Berlin",
        "2026-10-24T23:30Z",
        &["2026-10-25T02:00+02:00", "2026-10-25T03:00+01:00", "2026-10-25T04:00+01:00"],
    );
    // From a time in the second of the two hours.
    check("*/30 * * * *", "Europe/Berlin", "2026-10-25T01:10Z", &["2026-10-25T03:00+01:00"]);
    check("30 1 * * *", "America/New_York", "2026-11-01T00:00Z", &["2026-11-01T01:30-04:00", "2026-11-02T01:30-05:00"]);
    check(
        "*/15 1 * * *",
        "Australia/Lord_Howe",
        "2026-04-04T14:20Z",
        &["2026-04-05T01:30+11:00", "2026-04-05T01:45+11:00", "2026-04-06T01:00+10:30"],
    );
}

#[test]
fn without_daylight_saving_no_firing_is_skipped() {
    check("30 2 * * *", "Asia/Taipei", "2026-03-28T12:00Z", &["2026-03-29T02:30+08:00", "2026-03-30T02:30+08:00"]);
}

#[test]
fn moments_fire_once_and_rates_have_no_known_phase() {
    let at = schedule("at(2026-10-25T02:30:00)", "Europe/Berlin");
    let fires = moment("2026-10-25T00:30Z");
    let rfc3339_of = |after| at.next(after, &ALWAYS, 3).iter().map(rfc3339).collect::<Vec<_>>();
    assert_eq!(rfc3339_of(moment("2026-01-01T00:00Z")), ["2026-10-25T02:30+02:00"]);
    assert_eq!(rfc3339_of(fires), Vec::<String>::new());
    assert_eq!(schedule("rate(5 minutes)", "UTC").next(fires, &ALWAYS, 3), []);
}

#[test]
fn a_window_includes_both_its_ends() {
    let daily = schedule("0 12 * * *", "UTC");
    let window = Window { start: Some(moment("2026-01-05T12:00Z")), end: Some(moment("2026-01-07T12:00Z")) };
    let next = |after| daily.next(moment(after), &window, 9).iter().map(rfc3339).collect::<Vec<_>>();
    let all = ["2026-01-05T12:00+00:00", "2026-01-06T12:00+00:00", "2026-01-07T12:00+00:00"];
    assert_eq!(next("2026-01-01T00:00Z"), all);
    assert_eq!(next("2026-01-05T12:00Z"), all[1..]);
    assert!(!daily.is_over(moment("2026-01-07T11:59Z"), &window));
    assert!(daily.is_over(moment("2026-01-07T12:00Z"), &window));
}

#[test]
fn a_schedule_is_over_when_no_firing_is_left() {
    let now = moment("2026-06-01T00:00Z");
    let ends = |end| Window { start: None, end: Some(moment(end)) };
    for (text, window, over) in [
        ("0 12 * * *", ALWAYS, false),
        ("0 12 * * *", ends("2026-05-01T00:00Z"), true),
        ("0 12 * * *", ends("2026-06-01T11:00Z"), true),
        ("cron(0 12 * * ? 2025)", ALWAYS, true),
        ("cron(0 12 * * ? 2025-2026)", ALWAYS, false),
        ("rate(1 day)", ALWAYS, false),
        ("rate(1 day)", ends("2026-06-01T00:00Z"), true),
        ("at(2026-06-01T00:00:00)", ALWAYS, true),
        ("at(2026-06-01T00:00:01)", ALWAYS, false),
        // EventBridge ignores the end of a one-time schedule.
        ("at(2026-06-01T00:00:01)", ends("2026-05-01T00:00Z"), false),
    ] {
        assert_eq!(schedule(text, "UTC").is_over(now, &window), over, "`{text}` {window:?}");
    }
}

#[test]
fn extreme_times_do_not_panic() {
    for text in ["* * * * *", "rate(1 day)", "at(9999-12-30T00:00:00)", "at(0001-01-01T00:00:00)"] {
        for zone in ["UTC", "Pacific/Kiritimati", "Pacific/Pago_Pago"] {
            for now in [Timestamp::MIN, Timestamp::MAX] {
                let schedule = schedule(text, zone);
                schedule.next(now, &ALWAYS, 3);
                schedule.is_over(now, &Window { start: Some(Timestamp::MIN), end: Some(Timestamp::MAX) });
                schedule.warnings(now, &ALWAYS);
            }
        }
    }
}

#[test]
fn warnings_list_the_firings_that_clock_changes_affect() {
    let forward = "(clocks go forward from 02:00 to 03:00): EventBridge skips";
    let back = "(clocks go back from 03:00 to 02:00): EventBridge fires";
    check_warnings(
        "30 2 * * *",
        "Europe/Berlin",
        &[
            &format!("2026-03-29: 02:30 does not exist in Europe/Berlin {forward} that firing"),
            &format!("2026-10-25: 02:30 occurs twice in Europe/Berlin {back} only the first time"),
        ],
    );
    check_warnings(
        "*/15 * * * *",
        "Europe/Berlin",
        &[
            &format!("2026-03-29: 02:00 to 02:45 do not exist in Europe/Berlin {forward} those 4 firings"),
            &format!("2026-10-25: 02:00 to 02:45 occur twice in Europe/Berlin {back} those 4 only the first time"),
        ],
    );
    check_warnings(
        "0 2 * * *",
        "Australia/Lord_Howe",
        &["2026-10-04: 02:00 does not exist in Australia/Lord_Howe (clocks go forward from 02:00 to 02:30): \
             EventBridge skips that firing"],
    );
    check_warnings(
        "at(2026-11-01T01:30:00)",
        "America/New_York",
        &["2026-11-01: 01:30 occurs twice in America/New_York (clocks go back from 02:00 to 01:00): EventBridge \
             fires only the first time"],
    );
    check_warnings(
        "rate(1 day)",
        "Europe/Berlin",
        &["rate(1 day) counts 24 hours per day, so its local time in Europe/Berlin shifts on 2026-03-29 and \
           2026-10-25: to keep the local time, use cron"],
    );
}

#[test]
fn no_warning_where_no_firing_is_affected() {
    check_warnings("30 2 * * *", "UTC", &[]);
    check_warnings("30 2 * * *", "Asia/Taipei", &[]);
    check_warnings("0 3 * * *", "Europe/Berlin", &[]);
    check_warnings("59 1 * * *", "Europe/Berlin", &[]);
    check_warnings("30 2 * * 1-5", "Europe/Berlin", &[]);
    check_warnings("rate(24 hours)", "Europe/Berlin", &[]);
    check_warnings("at(2026-10-25T03:00:00)", "Europe/Berlin", &[]);
    let window = Window { start: Some(moment("2026-11-01T00:00Z")), end: Some(moment("2026-12-01T00:00Z")) };
    for text in ["30 2 * * *", "rate(1 day)"] {
        assert_eq!(
            schedule(text, "Europe/Berlin").warnings(moment("2026-01-01T00:00Z"), &window),
            Vec::<String>::new()
        );
    }
}
