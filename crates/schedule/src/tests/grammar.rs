use super::schedule;

#[track_caller]
fn check(text: &str, expression: &str) {
    let parsed = schedule(text, "UTC");
    assert_eq!(parsed.expression(), expression, "from `{text}`");
    assert_eq!(schedule(expression, "UTC"), parsed, "`{expression}` is its own canonical form");
}

#[test]
fn unix_cron_becomes_event_bridge_cron() {
    for (unix, expression) in [
        ("* * * * *", "cron(* * * * ? *)"),
        ("0 9 * * *", "cron(0 9 * * ? *)"),
        ("  5   4 * * *  ", "cron(5 4 * * ? *)"),
        ("00 09 * * *", "cron(0 9 * * ? *)"),
        ("0 0 1 1 *", "cron(0 0 1 1 ? *)"),
        ("0 0 1,15 * *", "cron(0 0 1,15 * ? *)"),
        ("0 0 1-31 * *", "cron(0 0 * * ? *)"),
        ("0 0 15,1,1 * *", "cron(0 0 1,15 * ? *)"),
        ("0 9-17 * * *", "cron(0 9-17 * * ? *)"),
        ("0 0 * jan-mar,DEC *", "cron(0 0 * 1-3,12 ? *)"),
        ("0 0 29 2 *", "cron(0 0 29 2 ? *)"),
    ] {
        check(unix, expression);
    }
}

#[test]
fn unix_steps_become_a_start_and_a_step_or_a_list() {
    for (unix, expression) in [
        ("*/15 * * * *", "cron(0/15 * * * ? *)"),
        ("*/1 */1 */1 */1 */1", "cron(* * * * ? *)"),
        ("5/20 * * * *", "cron(5/20 * * * ? *)"),
        ("1-59/2 * * * *", "cron(1/2 * * * ? *)"),
        ("10-30/10 * * * *", "cron(10,20,30 * * * ? *)"),
        ("*/30 * * * *", "cron(0,30 * * * ? *)"),
        ("*/25 * * * *", "cron(0/25 * * * ? *)"),
        ("*/60 * * * *", "cron(0 * * * ? *)"),
        ("0/2,1/2 * * * *", "cron(* * * * ? *)"),
        ("0 */4 * * *", "cron(0 0/4 * * ? *)"),
        ("0 8-18/5 * * *", "cron(0 8,13,18 * * ? *)"),
        ("0 0 */2 * *", "cron(0 0 1/2 * ? *)"),
        ("0 0 1 */3 *", "cron(0 0 1 1/3 ? *)"),
        ("0 0 * * */2", "cron(0 0 ? * SUN,TUE,THU,SAT *)"),
        ("0 0 * * 1-5/2", "cron(0 0 ? * MON,WED,FRI *)"),
    ] {
        check(unix, expression);
    }
}

#[test]
fn unix_weekdays_count_from_sunday_at_either_end() {
    for (unix, weekdays) in [
        ("0", "SUN"),
        ("7", "SUN"),
        ("0,7", "SUN"),
        ("7-7", "SUN"),
        ("6", "SAT"),
        ("1-5", "MON-FRI"),
        ("mon-Fri", "MON-FRI"),
        ("1,3,5", "MON,WED,FRI"),
        ("5-7", "SUN,FRI,SAT"),
        ("FRI-SUN", "SUN,FRI,SAT"),
        ("FRI-MON", "SUN,MON,FRI,SAT"),
        ("6-2", "SUN-TUE,SAT"),
        ("7-2", "SUN-TUE"),
        ("SAT,SUN", "SUN,SAT"),
    ] {
        check(&format!("0 9 * * {unix}"), &format!("cron(0 9 ? * {weekdays} *)"));
    }
    for every_day in ["0-6", "0-7", "1-7", "SUN-SAT", "MON-SUN", "*/1"] {
        check(&format!("0 9 * * {every_day}"), "cron(0 9 * * ? *)");
    }
}

#[test]
fn macros_stand_for_unix_crons() {
    for (name, expression) in [
        ("@hourly", "cron(0 * * * ? *)"),
        ("@daily", "cron(0 0 * * ? *)"),
        ("@weekly", "cron(0 0 ? * SUN *)"),
        ("@monthly", "cron(0 0 1 * ? *)"),
        ("@yearly", "cron(0 0 1 1 ? *)"),
    ] {
        check(name, expression);
    }
}

#[test]
fn event_bridge_cron_is_made_canonical() {
    for (text, expression) in [
        ("cron(0 9 ? * MON-FRI *)", "cron(0 9 ? * MON-FRI *)"),
        ("cron(0 9 ? * 2-6 *)", "cron(0 9 ? * MON-FRI *)"),
        ("cron( 0  9 ? * mon-fri * )", "cron(0 9 ? * MON-FRI *)"),
        ("cron(0 9 * * ?)", "cron(0 9 * * ? *)"),
        ("cron(0 9 ? * * *)", "cron(0 9 * * ? *)"),
        ("cron(0 9 ? * 1-7 *)", "cron(0 9 * * ? *)"),
        ("cron(0/10 * ? * MON-FRI *)", "cron(0/10 * ? * MON-FRI *)"),
        ("cron(*/10 * * * ? *)", "cron(0/10 * * * ? *)"),
        ("cron(0 9 ? * 6-2 *)", "cron(0 9 ? * SUN,MON,FRI,SAT *)"),
        ("cron(0 9 L * ? *)", "cron(0 9 L * ? *)"),
        ("cron(0 9 l * ? *)", "cron(0 9 L * ? *)"),
        ("cron(0 9 3W * ? *)", "cron(0 9 3W * ? *)"),
        ("cron(0 9 ? * L *)", "cron(0 9 ? * SAT *)"),
        ("cron(0 9 ? * 6L *)", "cron(0 9 ? * 6L *)"),
        ("cron(0 9 ? * FRIL *)", "cron(0 9 ? * 6L *)"),
        ("cron(0 9 ? * 2#1 *)", "cron(0 9 ? * 2#1 *)"),
        ("cron(0 9 ? * mon#1 *)", "cron(0 9 ? * 2#1 *)"),
        ("cron(0 9 1 JAN ? 2030)", "cron(0 9 1 1 ? 2030)"),
        ("cron(0 9 1 1 ? 2030-2032,2040)", "cron(0 9 1 1 ? 2030-2032,2040)"),
        ("cron(0 9 1 1 ? 2030/2)", "cron(0 9 1 1 ? 2030/2)"),
    ] {
        check(text, expression);
    }
}

#[test]
fn rates_and_moments_are_made_canonical() {
    for (text, expression) in [
        ("rate(1 minute)", "rate(1 minute)"),
        ("rate( 05  minutes )", "rate(5 minutes)"),
        ("rate(1 hour)", "rate(1 hour)"),
        ("rate(36 hours)", "rate(36 hours)"),
        ("rate(1 day)", "rate(1 day)"),
        ("rate(4294967295 days)", "rate(4294967295 days)"),
        (" at(2030-01-31T09:00:00) ", "at(2030-01-31T09:00:00)"),
        ("at(2028-02-29T23:59:59)", "at(2028-02-29T23:59:59)"),
    ] {
        check(text, expression);
    }
}

#[test]
fn a_schedule_knows_its_zone() {
    for zone in ["UTC", "Etc/UTC", "Europe/Berlin", "America/Argentina/ComodRivadavia", "Asia/Calcutta"] {
        let daily = schedule("@daily", zone);
        assert_eq!(daily.time_zone(), zone);
        assert_eq!(format!("{daily:?}"), format!("Schedule(cron(0 0 * * ? *) in {zone})"));
    }
}

#[test]
fn zones_that_differ_make_schedules_that_differ() {
    assert_ne!(schedule("@daily", "Europe/Berlin"), schedule("@daily", "Europe/Paris"));
}
