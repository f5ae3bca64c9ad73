//! `kubectl pipelines next`: when a pipeline fires.

use std::error::Error;

use api::{RunTrigger, ScheduledTaskPipeline};
use clap_complete::engine::ArgValueCompleter;
use jiff::tz::TimeZone;
use jiff::{Timestamp, Zoned};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use pipeline_core::text::printable;
use schedule::Window;
use task_pipelines::cli::exit_status::ExitStatus;

use crate::cluster::Place;
use crate::text::{span, table};
use crate::{complete, print};

#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// Name of the pipeline.
    #[arg(add = ArgValueCompleter::new(complete::pipelines))]
    name: String,

    /// How many firings.
    #[arg(short = 'c', long, default_value_t = 10, value_parser = clap::value_parser!(u16).range(1..=1000))]
    count: u16,
}

pub(crate) async fn run(arguments: Arguments, place: Place) -> Result<ExitStatus, Box<dyn Error>> {
    let Arguments { name, count } = arguments;
    let pipeline = place.connect().await?.stored(&name).await?.whole()?;
    print(&page(&pipeline, count.into(), Timestamp::now())?)?;
    Ok(ExitStatus::Success)
}

pub(crate) fn page(pipeline: &ScheduledTaskPipeline, count: usize, now: Timestamp) -> Result<String, Box<dyn Error>> {
    let spec = &pipeline.spec;
    let schedule = schedule::parse(&spec.schedule, &spec.time_zone)?;
    let moment = |time: &Option<Time>| time.as_ref().map(|time| time.0);
    let window = Window { start: moment(&spec.start_time), end: moment(&spec.end_time) };
    let runs = pipeline.status.iter().flat_map(|status| &status.runs);
    let fired =
        runs.filter(|run| run.trigger == RunTrigger::Schedule).filter_map(|run| run.scheduled_time.parse().ok());
    let next = schedule.next_from(fired.max().or(window.start), now, &window, count);
    let row = |firing: &Zoned| {
        let utc = firing.timestamp().to_zoned(TimeZone::UTC);
        [
            firing.strftime("%a %Y-%m-%d %H:%M:%S %Z").to_string(),
            utc.strftime("%Y-%m-%d %H:%M:%SZ").to_string(),
            format!("in {}", span(firing.timestamp().duration_since(now))),
        ]
    };
    let mut page = if next.is_empty() && schedule.is_over(now, &window) {
        format!("`{}` does not fire again\n", printable(&spec.schedule))
    } else if next.is_empty() {
        format!(
            "when `{}` fires is known after its first firing: AWS chooses when it begins\n",
            printable(&spec.schedule)
        )
    } else {
        table([&spec.time_zone, "UTC", ""], next.iter().map(row).collect())
    };
    if spec.suspend {
        page.push_str("It is suspended: none of these fires until `kubectl pipelines resume`.\n");
    }
    page.extend(schedule.warnings(now, &window).into_iter().map(|warning| format!("Note: {}\n", printable(&warning))));
    Ok(page)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn pipeline(schedule: &str, suspend: bool) -> ScheduledTaskPipeline {
        let spec = json!({"schedule": schedule, "timeZone": "Europe/Berlin", "suspend": suspend, "tasks": []});
        ScheduledTaskPipeline::new("hello", serde_json::from_value(spec).unwrap())
    }

    #[test]
    fn firings_are_told_in_both_zones_with_what_daylight_saving_does() {
        let now = "2026-03-28T00:00:00Z".parse().unwrap();
        let page = page(&pipeline("30 2 * * *", true), 2, now).unwrap();
        let lines: Vec<String> =
            page.lines().map(|line| line.split_whitespace().collect::<Vec<_>>().join(" ")).collect();
        assert_eq!(lines[0], "Europe/Berlin UTC");
        assert_eq!(lines[1], "Sat 2026-03-28 02:30:00 CET 2026-03-28 01:30:00Z in 90m");
        assert_eq!(lines[2], "Mon 2026-03-30 02:30:00 CEST 2026-03-30 00:30:00Z in 2d");
        assert_eq!(lines[3], "It is suspended: none of these fires until `kubectl pipelines resume`.");
        assert!(lines[4].starts_with("Note: ") && lines[4].contains("2026-03-29"), "{page}");
    }

    #[test]
    fn what_cannot_be_foretold_is_said() {
        let now = "2026-03-28T00:00:00Z".parse().unwrap();
        let rate = page(&pipeline("rate(2 hours)", false), 2, now).unwrap();
        assert_eq!(rate, "when `rate(2 hours)` fires is known after its first firing: AWS chooses when it begins\n");
        let mut from_a_time = pipeline("rate(2 hours)", false);
        from_a_time.spec.start_time = Some(Time("2026-03-01T00:30:00Z".parse().unwrap()));
        let known = page(&from_a_time, 1, now).unwrap();
        assert!(known.contains("2026-03-28 00:30:00Z"), "{known}");
        let past = page(&pipeline("at(2020-01-01T00:00:00)", false), 2, now).unwrap();
        assert_eq!(past, "`at(2020-01-01T00:00:00)` does not fire again\n");
    }
}
