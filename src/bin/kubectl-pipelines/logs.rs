//! `kubectl pipelines logs`: what sender, runner and functions wrote, in the order of time.

use std::collections::BTreeSet;
use std::error::Error;
use std::time::Duration;

use api::{PipelineStatus, Run};
use aws::own::Session;
use aws::own::logs::{Event, Logs};
use clap_complete::engine::ArgValueCompleter;
use futures::future::try_join_all;
use jiff::{SignedDuration, Timestamp};
use pipeline_core::names::Part;
use pipeline_core::resource::Kind;
use pipeline_core::text::{one_line, printable};
use task_pipelines::cli::exit_status::ExitStatus;
use task_pipelines::cli::terminal;
use tokio::time::sleep;

use crate::cluster::Place;
use crate::parts::Prefix;
use crate::{complete, print};

#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// Name of the pipeline.
    #[arg(add = ArgValueCompleter::new(complete::pipelines))]
    name: String,

    /// Only what belongs to a run: its id, or the beginning of it, that `runs` shows.
    #[arg(long, value_name = "ID", conflicts_with = "follow")]
    run: Option<String>,

    /// Go on with what is written from now on.
    #[arg(short, long)]
    follow: bool,

    /// How far back, in minutes.
    #[arg(long, default_value_t = 60, conflicts_with = "run")]
    since: u32,
}

/// How often new lines are asked for.
const POLL: Duration = Duration::from_secs(2);

/// How late lines may show up: those of the last moments are asked for again.
const LATE: SignedDuration = SignedDuration::from_secs(30);

/// Before a run was due and after it ended: clocks differ, and functions log on for a moment.
const AROUND: SignedDuration = SignedDuration::from_secs(60);

/// The longest that a run is looked for where its end is not known.
const LONGEST: SignedDuration = SignedDuration::from_hours(6);

pub(crate) async fn run(arguments: Arguments, place: Place) -> Result<ExitStatus, Box<dyn Error>> {
    let Arguments { name, run, follow, since } = arguments;
    let status = place.connect().await?.get(&name).await?.status.unwrap_or_default();
    let groups = groups(&status);
    if groups.is_empty() {
        return Err(format!("the status of {name} lists no log groups: it was never ready").into());
    }
    let logs = Logs::of(&Session::in_region(status.region.as_deref()).await);
    let now = Timestamp::now();
    let mut selection = match run {
        Some(id) => Selection::of_run(named(&status.runs, &id)?, now),
        None => Selection { from: now - SignedDuration::from_mins(since.into()), to: None, run: None },
    };
    let mut seen = BTreeSet::new();
    loop {
        let began = Timestamp::now();
        let lines = lines(&logs, &groups, &selection).await?;
        for line in lines {
            if seen.insert(line.id.clone()) {
                print(&line.text())?;
            }
        }
        if !follow {
            if seen.is_empty() {
                terminal::note("nothing was logged then")?;
            }
            return Ok(ExitStatus::Success);
        }
        selection.from = began - LATE;
        sleep(POLL).await;
    }
}

/// A log group, and whose it is.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Group {
    name: String,
    whose: String,
}

impl Group {
    /// Whether each of its lines says which run it is about.
    fn names_runs(&self) -> bool {
        ["sender", "runner"].contains(&self.whose.as_str())
    }
}

fn groups(status: &PipelineStatus) -> Vec<Group> {
    let prefix = Prefix::of(status);
    let whose = |name: &str| match prefix.part(name) {
        Some(Part::Function(function)) => function.to_owned(),
        Some(part) => part.to_string(),
        None => name.to_owned(),
    };
    let rows = status.resources.iter().filter(|row| row.kind == Kind::LogGroup.to_string());
    rows.map(|row| Group { name: row.name.clone(), whose: whose(&row.name) }).collect()
}

fn named<'runs>(runs: &'runs [Run], id: &str) -> Result<&'runs Run, String> {
    let mut found = runs.iter().filter(|run| run.run_id.starts_with(id));
    match (found.next(), found.next()) {
        (Some(run), None) => Ok(run),
        (None, _) => Err(format!("the status has no run whose id begins with `{id}`: `runs` shows the last 10")),
        (Some(_), Some(_)) => Err(format!("several runs have ids that begin with `{id}`: write more of it")),
    }
}

/// Which lines.
#[derive(Clone, Debug)]
struct Selection {
    from: Timestamp,
    to: Option<Timestamp>,
    run: Option<String>,
}

impl Selection {
    fn of_run(run: &Run, now: Timestamp) -> Self {
        let time = |text: &str| text.parse::<Timestamp>().ok();
        let due = time(&run.scheduled_time).unwrap_or(now);
        let began = run.started_at.as_deref().and_then(time).unwrap_or(due).min(due);
        let ended = run.finished_at.as_deref().and_then(time).unwrap_or(began + LONGEST);
        Self { from: began - AROUND, to: Some(ended + AROUND), run: Some(run.run_id.clone()) }
    }
}

/// A line of a log.
#[derive(Clone, Debug)]
struct Line {
    id: String,
    when: Timestamp,
    whose: String,
    message: String,
}

impl Line {
    fn of(event: Event, whose: &str) -> Self {
        let Event { id, when, message } = event;
        Self { id, when, whose: whose.to_owned(), message }
    }

    fn text(&self) -> String {
        text(self.when, &self.whose, &self.message)
    }
}

pub(crate) fn text(when: Timestamp, whose: &str, message: &str) -> String {
    format!("{when:.3} {:<8} {}\n", printable(whose), one_line(message.trim_end()))
}

async fn lines(logs: &Logs, groups: &[Group], selection: &Selection) -> Result<Vec<Line>, String> {
    let all = try_join_all(groups.iter().map(|group| of_group(logs, group, selection))).await?;
    let mut lines: Vec<Line> = all.into_iter().flatten().collect();
    lines.sort_by_key(|line| line.when);
    Ok(lines)
}

async fn of_group(logs: &Logs, group: &Group, selection: &Selection) -> Result<Vec<Line>, String> {
    let events = logs.events(&group.name, selection.from, selection.to).await;
    let events = events.map_err(|failure| format!("FilterLogEvents of {}: {failure}", group.name))?;
    let mut lines: Vec<Line> = events.into_iter().map(|event| Line::of(event, &group.whose)).collect();
    if let Some(run) = selection.run.as_ref().filter(|_| group.names_runs()) {
        lines.retain(|line| line.message.contains(run));
    }
    Ok(lines)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn groups_go_by_whose_they_are() {
        let row = |kind: &str, name: &str| json!({"kind": kind, "name": name, "arn": "", "state": "Ready"});
        let status = json!({"resources": [
            row("LogGroup", "/aws/lambda/team-a-x-fn-report"), row("LogGroup", "/aws/lambda/team-a-x-sender"),
            row("ScheduleGroup", "team-a-x"),
        ]});
        let groups = groups(&serde_json::from_value(status).unwrap());
        assert_eq!(groups.iter().map(|group| &*group.whose).collect::<Vec<_>>(), ["report", "sender"]);
        assert!(!groups[0].names_runs() && groups[1].names_runs());
    }

    #[test]
    fn a_line_cannot_steer_a_terminal() {
        let line = Line {
            id: String::new(),
            when: "2026-03-01T09:00:00.5Z".parse().unwrap(),
            whose: "runner".to_owned(),
            message: "a\u{1b}[31m\n".to_owned(),
        };
        assert_eq!(line.text(), "2026-03-01T09:00:00.500Z runner   a\\u{1b}[31m\n");
    }
}
