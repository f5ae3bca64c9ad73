use crate::parse;

#[track_caller]
fn check(schedule: &str, message: &str) {
    let error = parse(schedule, "Europe/Berlin").expect_err(schedule);
    assert_eq!(error.to_string(), message, "for `{schedule}`");
    assert_eq!(error.field(), "schedule");
}

#[track_caller]
fn check_zone(zone: &str, message: &str) {
    let error = parse("@daily", zone).expect_err(zone);
    assert_eq!(error.to_string(), message, "for `{zone}`");
    assert_eq!(error.field(), "timeZone");
}

#[test]
fn unknown_notations() {
    let forms = "write Unix cron like `0 9 * * 1-5`, a macro like `@daily`, `cron(0 9 ? * MON-FRI *)`, \
                 `rate(5 minutes)` or `at(2030-01-31T09:00:00)`";
    for text in ["", "Cron(0 9 * * ? *)", "cron (0 9 * * ? *)", "cron(0 9 * * ? *", "every(5 minutes)", "0 9 * * 1)"] {
        check(text, &format!("`{text}` is not a valid schedule: {forms}"));
    }
    for text in ["@midnight", "@reboot", "@every 5m", "@Daily", "@"] {
        check(
            text,
            &format!("`{text}` is not a valid macro: use `@hourly`, `@daily`, `@weekly`, `@monthly` or `@yearly`"),
        );
    }
    for text in ["TZ=UTC 0 9 * * *", "CRON_TZ=Asia/Tokyo @daily"] {
        check(
            text,
            &format!(
                "`{text}` contains a time zone: write it in `timeZone`, and only the cron expression in `schedule`"
            ),
        );
    }
}

#[test]
fn wrong_number_of_fields() {
    let five = "Unix cron has 5 fields (minute, hour, day-of-month, month, day-of-week)";
    check("0 9 * *", &format!("{five}, but `0 9 * *` has 4"));
    check("daily", &format!("{five}, but `daily` has 1"));
    check("0 9 ? * MON-FRI *", &format!("{five}, but `0 9 ? * MON-FRI *` has 6; write `cron(0 9 ? * MON-FRI *)`"));
    check("0 0 9 * * 1", &format!("{five}, but `0 0 9 * * 1` has 6; write `0 9 * * 1`"));
    let six = "EventBridge's cron has 6 fields (minute, hour, day-of-month, month, day-of-week, year)";
    check("cron(0 9 * *)", &format!("{six}, but `cron(0 9 * *)` has 4"));
}

#[test]
fn values_out_of_bounds() {
    for (text, part, field, allowed) in [
        ("60 * * * *", "60", "minute", "0-59, `*`, lists, ranges and steps"),
        ("-5 * * * *", "-5", "minute", "0-59, `*`, lists, ranges and steps"),
        ("+5 * * * *", "+5", "minute", "0-59, `*`, lists, ranges and steps"),
        ("? * * * *", "?", "minute", "0-59, `*`, lists, ranges and steps"),
        ("1,,2 * * * *", "1,,2", "minute", "0-59, `*`, lists, ranges and steps"),
        ("0 25 * * *", "25", "hour", "0-23, `*`, lists, ranges and steps"),
        ("0 20-25 * * *", "20-25", "hour", "0-23, `*`, lists, ranges and steps"),
        ("0 ١ * * *", "١", "hour", "0-23, `*`, lists, ranges and steps"),
        ("0 0 0 * *", "0", "day-of-month", "1-31, `*`, lists, ranges and steps"),
        ("0 0 ? * *", "?", "day-of-month", "1-31, `*`, lists, ranges and steps"),
        ("0 0 1 13 *", "13", "month", "1-12, JAN-DEC, `*`, lists, ranges and steps"),
        ("0 0 1 JUNE *", "JUNE", "month", "1-12, JAN-DEC, `*`, lists, ranges and steps"),
        ("0 0 * * 8", "8", "day-of-week", "0-7 (0 and 7 are Sunday), SUN-SAT, `*`, lists, ranges and steps"),
        ("0 0 * * Monday", "Monday", "day-of-week", "0-7 (0 and 7 are Sunday), SUN-SAT, `*`, lists, ranges and steps"),
        ("cron(0 0 * * ? 2200)", "2200", "year", "1970-2199, `*`, lists, ranges and steps"),
    ] {
        check(text, &format!("`{part}` is not valid in the {field} field of `{text}`: use {allowed}"));
    }
    let days = "1-31, `?`, `*`, lists, ranges and steps, or on its own `L` (the last day) or `15W` (the weekday \
                nearest the 15th)";
    for (text, part) in [
        ("cron(0 0 32W * ? *)", "32W"),
        ("cron(0 0 LW * ? *)", "LW"),
        ("cron(0 0 1,L * ? *)", "L"),
        ("cron(0 0 L-3 * ? *)", "L-3"),
    ] {
        check(text, &format!("`{part}` is not valid in the day-of-month field of `{text}`: use {days}"));
    }
    let weekdays = "1-7 (1 is Sunday), SUN-SAT, `?`, `*`, lists and ranges, or on its own `L` (Saturday), `6L` (the \
                    last Friday) or `2#1` (the first Monday)";
    for (text, part) in [
        ("cron(0 0 ? * 0 *)", "0"),
        ("cron(0 0 ? * 8L *)", "8L"),
        ("cron(0 0 ? * 3#6 *)", "3#6"),
        ("cron(0 0 ? * 3#1,6#3 *)", "3#1,6#3"),
    ] {
        check(text, &format!("`{part}` is not valid in the day-of-week field of `{text}`: use {weekdays}"));
    }
}

#[test]
fn ranges_and_steps() {
    check(
        "0 22-2 * * *",
        "`22-2` is not valid in the hour field of `0 22-2 * * *`: a range must go from low to high; write `22-23,0-2`",
    );
    for (text, part, max) in [
        ("*/0 * * * *", "*/0", 60),
        ("*/90 * * * *", "*/90", 60),
        ("*/ * * * *", "*/", 60),
        ("*/5/2 * * * *", "*/5/2", 60),
    ] {
        check(
            text,
            &format!("`{part}` is not valid in the minute field of `{text}`: a step must be a number from 1 to {max}"),
        );
    }
    check(
        "cron(0 9 ? * 2/2 *)",
        "`2/2` is not valid in the day-of-week field of `cron(0 9 ? * 2/2 *)`: EventBridge does not support steps of \
         weekdays; list the days, like `MON,WED,FRI`",
    );
    check(
        "0 0 L * *",
        "`L` is not valid in the day-of-month field of `0 0 L * *`: Unix cron does not support `L`, `W` and `#`; use \
         EventBridge's cron, like `cron(0 9 L * ? *)`",
    );
}

#[test]
fn two_day_fields() {
    check(
        "0 9 1 * 1",
        "`0 9 1 * 1` fires when day-of-month `1` or day-of-week `1` matches, which EventBridge does not support: \
         create two pipelines, `0 9 1 * *` and `0 9 * * 1`, or use `cron(...)` for days like the first Monday, \
         `cron(0 9 ? * 2#1 *)`",
    );
    assert!(parse("0 9 */2 * 1", "UTC").is_err(), "Unix crons disagree on what this means");
    assert!(parse("0 9 1 * 0-6", "UTC").is_err(), "this means every day");
    let rule = "exactly one of them must be `?`";
    for (days, hint) in [
        ("* * *", "; write `cron(0 9 * * ? *)`"),
        ("? * ?", "; write `cron(0 9 * * ? *)`"),
        // The numbers of Unix cron mean other days here, so the hint spells them out.
        ("* * 1-5", "; write `cron(0 9 ? * SUN-THU *)`"),
        ("15 * *", "; write `cron(0 9 15 * ? *)`"),
        ("1 * 2", ""),
    ] {
        let [day_of_month, _, day_of_week] = days.split(' ').collect::<Vec<_>>()[..] else { panic!("three fields") };
        let text = format!("cron(0 9 {days} *)");
        check(
            &text,
            &format!("day-of-month `{day_of_month}` and day-of-week `{day_of_week}` in `{text}`: {rule}{hint}"),
        );
    }
}

#[test]
fn rates() {
    for (text, rule) in [
        ("rate(1 minutes)", "write `rate(1 minute)`"),
        ("rate(5 minute)", "write `rate(5 minutes)`"),
        ("rate(0 minutes)", "`0` is not a whole number from 1 to 4294967295"),
        ("rate(+1 minute)", "`+1` is not a whole number from 1 to 4294967295"),
        ("rate(1.5 hours)", "`1.5` is not a whole number from 1 to 4294967295"),
        ("rate(4294967296 days)", "`4294967296` is not a whole number from 1 to 4294967295"),
        ("rate(2 weeks)", "the unit must be minutes, hours or days, not `weeks`"),
        ("rate(5 Minutes)", "the unit must be minutes, hours or days, not `Minutes`"),
        ("rate(5)", "write a value and a unit, like `rate(5 minutes)`"),
        ("rate(5minutes)", "write a value and a unit, like `rate(5 minutes)`"),
    ] {
        check(text, &format!("`{text}` is not a valid rate: {rule}"));
    }
}

#[test]
fn moments() {
    for text in [
        "at(2030-01-31)",
        "at(2030-01-31 09:00:00)",
        "at(2030-01-31T09:00)",
        "at(2030-01-31T09:00:00Z)",
        "at(2030-01-31T09:00:00.5)",
        "at(2030-02-30T09:00:00)",
        "at(2030-1-31T9:00:00)",
        "at( 2030-01-31T09:00:00 )",
        "at(-002030-01-31T09:00:00)",
        "at()",
    ] {
        check(
            text,
            &format!(
                "`{text}` is not a valid local time: write `at(yyyy-mm-ddThh:mm:ss)`, like `at(2030-01-31T09:00:00)`"
            ),
        );
    }
    check(
        "at(2026-03-29T02:30:00)",
        "`at(2026-03-29T02:30:00)` does not exist in Europe/Berlin, because the clocks go forward past it: write \
         `at(2026-03-29T03:30:00)`",
    );
}

#[test]
fn schedules_that_never_fire() {
    for text in
        ["0 0 31 2 *", "0 0 30,31 2 *", "cron(0 0 29 2 ? 2031)", "cron(0 0 31W 2 ? *)", "cron(30 2 29 3 ? 2026)"]
    {
        check(text, &format!("`{text}` never fires: no time from 1970 to 2199 matches it in Europe/Berlin"));
    }
}

#[test]
fn schedules_that_are_too_long() {
    let message = "the schedule is longer than 256 characters, EventBridge's limit: use ranges and steps, or split it";
    check(&"0".repeat(257), message);
    check("cron(0 9 * * ? 1970-2190/3)", message);
}

#[test]
fn zones() {
    for (zone, nearest) in [
        ("Europe/Berln", "Europe/Berlin"),
        ("europe/berlin", "Europe/Berlin"),
        ("utc", "UTC"),
        ("Berlin", "Europe/Berlin"),
        ("new york", "America/New_York"),
        ("Asia/Tapei", "Asia/Taipei"),
    ] {
        check_zone(zone, &format!("`{zone}` is not a valid time zone: did you mean `{nearest}`?"));
    }
    for zone in [
        "",
        "CEST",
        "+02:00",
        "Mars/Olympus_Mons",
        "Europe/",
        " UTC",
        "posix/Europe/Berlin",
        "../UTC",
        "localtime",
        "posixrules",
        "Factory",
        "Etc/Unknown",
        "right/UTC",
        "Local",
    ] {
        let error = parse("@daily", zone).expect_err(zone);
        assert!(error.to_string().starts_with(&format!("`{zone}` is not a valid time zone: ")), "{error}");
    }
    check_zone(
        "Mars/Olympus_Mons",
        "`Mars/Olympus_Mons` is not a valid time zone: write an IANA name like `Europe/Berlin` or `UTC`",
    );
    assert!(parse("@daily", &"x".repeat(100_000)).expect_err("long").to_string().len() < 200);
}
