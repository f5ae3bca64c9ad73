//! `kubectl pipelines list`: all pipelines, a line each.

use std::error::Error;
use std::io::{self, IsTerminal as _};
use std::time::Duration;

use api::{PipelineStatus, Stored};
use jiff::Timestamp;
use kube::ResourceExt as _;
use pipeline_core::text::one_line;
use task_pipelines::cli::exit_status::ExitStatus;
use task_pipelines::cli::terminal;
use tokio::time::sleep;

use crate::cluster::Place;
use crate::output::{self, Output};
use crate::print;
use crate::text::{age, span, table};

#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// Those of all namespaces.
    #[arg(short = 'A', long)]
    all_namespaces: bool,

    /// Go on showing them as they change, until interrupted.
    #[arg(short, long, conflicts_with = "output")]
    watch: bool,

    /// Form of the list.
    #[arg(short, long, value_enum, default_value_t = Output::Text)]
    output: Output,
}

pub(crate) async fn run(arguments: Arguments, place: Place) -> Result<ExitStatus, Box<dyn Error>> {
    let Arguments { all_namespaces, watch, output } = arguments;
    let list = async || {
        let place = place.clone();
        if all_namespaces { place.everywhere().await } else { place.connect().await?.list().await }
    };
    if watch {
        return show(list).await;
    }
    let pipelines = list().await?;
    for Stored { pipeline, unreadable } in &pipelines {
        if let Some(unreadable) = unreadable {
            let (namespace, name) = (pipeline.namespace().unwrap_or_default(), pipeline.name_any());
            terminal::note(&format!("{namespace}/{name}: {}", one_line(&unreadable.to_string())))?;
        }
    }
    output::list(output, &pipelines, "no pipelines found", lines)?;
    Ok(ExitStatus::Success)
}

/// Shows the list whenever it has changed: in place of the old one on a terminal, behind it elsewhere.
async fn show(list: impl AsyncFn() -> Result<Vec<Stored>, Box<dyn Error>>) -> Result<ExitStatus, Box<dyn Error>> {
    let mut shown = String::new();
    loop {
        let lines = lines(&list().await?, Timestamp::now());
        if lines != shown {
            if io::stdout().is_terminal() {
                terminal::clear()?;
            }
            print(&lines)?;
            shown = lines;
        }
        sleep(POLL).await;
    }
}

/// How often pipelines are asked for: ages are told to the second.
const POLL: Duration = Duration::from_secs(1);

pub(crate) fn lines(pipelines: &[Stored], now: Timestamp) -> String {
    let row = |Stored { pipeline, unreadable }: &Stored| {
        let empty = PipelineStatus::default();
        let status = pipeline.status.as_ref().unwrap_or(&empty);
        let ready = status.condition("Ready");
        let last = status.last_run.as_deref().and_then(|due| due.parse().ok()).map(|due| age(due, now));
        let result = status.last_result.map(|result| format!("{result:?} ")).unwrap_or_default();
        let next: Option<Timestamp> = status.next_run.as_deref().and_then(|next| next.parse().ok());
        [
            pipeline.namespace().unwrap_or_default(),
            pipeline.name_any(),
            ready.map_or_else(|| "Unknown".to_owned(), |ready| ready.reason.clone()),
            unreadable.as_ref().map_or_else(|| pipeline.spec.schedule.clone(), |_| "cannot be read".to_owned()),
            next.map(|next| format!("in {}", span(next.duration_since(now)))).unwrap_or_default(),
            last.map(|last| format!("{result}{last} ago")).unwrap_or_default(),
            status.queue.unwrap_or_default().dead_letters.to_string(),
        ]
    };
    let header = ["NAMESPACE", "NAME", "STATE", "SCHEDULE", "NEXT", "LAST", "DEAD LETTERS"];
    table(header, pipelines.iter().map(row).collect())
}
