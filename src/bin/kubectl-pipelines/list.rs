//! `kubectl pipelines list`: all pipelines, a line each.

use std::error::Error;
use std::io::{self, Write as _};
use std::process::ExitCode;

use jiff::Timestamp;
use kube::ResourceExt as _;
use task_pipelines::crd::{PipelineStatus, ScheduledTaskPipeline};

use crate::cluster::Place;
use crate::output::{self, Output};
use crate::print;
use crate::text::{age, span, table};

#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// Those of all namespaces.
    #[arg(short = 'A', long)]
    all_namespaces: bool,

    /// Form of the list.
    #[arg(short, long, value_enum, default_value_t = Output::Text)]
    output: Output,
}

pub(crate) async fn run(arguments: Arguments, place: Place) -> Result<ExitCode, Box<dyn Error>> {
    let Arguments { all_namespaces, output } = arguments;
    let pipelines = if all_namespaces { place.everywhere().await? } else { place.connect().await?.list().await? };
    match output::document(output, &pipelines)? {
        Some(document) => print(&document)?,
        None if pipelines.is_empty() => writeln!(io::stderr(), "no pipelines found")?,
        None => print(&lines(&pipelines, Timestamp::now()))?,
    }
    Ok(ExitCode::SUCCESS)
}

fn lines(pipelines: &[ScheduledTaskPipeline], now: Timestamp) -> String {
    let row = |pipeline: &ScheduledTaskPipeline| {
        let empty = PipelineStatus::default();
        let status = pipeline.status.as_ref().unwrap_or(&empty);
        let ready = status.conditions.iter().find(|condition| condition.type_ == "Ready");
        let last = status.last_run.as_deref().and_then(|due| due.parse().ok()).map(|due| age(due, now));
        let result = status.last_result.map(|result| format!("{result:?} ")).unwrap_or_default();
        let next = status.next_run.as_deref().and_then(moment).map(|next| span(next.duration_since(now)));
        [
            pipeline.namespace().unwrap_or_default(),
            pipeline.name_any(),
            ready.map_or_else(|| "Unknown".to_owned(), |ready| ready.reason.clone()),
            pipeline.spec.schedule.clone(),
            next.map(|next| format!("in {next}")).unwrap_or_default(),
            last.map(|last| format!("{result}{last} ago")).unwrap_or_default(),
            status.queue.unwrap_or_default().dead_letters.to_string(),
        ]
    };
    let header = ["NAMESPACE", "NAME", "STATE", "SCHEDULE", "NEXT", "LAST", "DEAD LETTERS"];
    table(header, pipelines.iter().map(row).collect())
}

/// A moment of the status: with a time zone's name, or without.
pub(crate) fn moment(text: &str) -> Option<Timestamp> {
    let text = text.split_once('[').map_or(text, |(moment, _)| moment);
    text.parse().ok()
}
