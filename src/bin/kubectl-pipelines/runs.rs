//! `kubectl pipelines runs`: what became of the last runs.

use std::error::Error;

use api::{Run, RunCounts};
use jiff::Timestamp;
use task_pipelines::cli::exit_status::ExitStatus;

use crate::cluster::Place;
use crate::output::{self, OfPipeline};
use crate::text::{age, shortened, table};

pub(crate) async fn run(arguments: OfPipeline, place: Place) -> Result<ExitStatus, Box<dyn Error>> {
    let OfPipeline { name, output } = arguments;
    let runs = place.connect().await?.get(&name).await?.status.unwrap_or_default().runs;
    output::list(output, &runs, &format!("no run of {name} is known"), lines)?;
    Ok(ExitStatus::Success)
}

/// A line a run, the newest first.
pub(crate) fn lines(runs: &[Run], now: Timestamp) -> String {
    let row = |run: &Run| {
        let RunCounts { succeeded, failed, running, missed } = run.counts;
        let due: Option<Timestamp> = run.scheduled_time.parse().ok();
        let seconds = run.started_at.as_deref().zip(run.finished_at.as_deref()).and_then(|(started, finished)| {
            let [started, finished]: [Timestamp; 2] = [started.parse().ok()?, finished.parse().ok()?];
            Some(format!("{:.1}s", finished.duration_since(started).as_secs_f64()))
        });
        [
            run.run_id.clone(),
            due.map(|due| format!("{} ago", age(due, now))).unwrap_or_default(),
            format!("{:?}", run.trigger),
            format!("{:?}", run.result),
            format!("{succeeded}/{}", succeeded + failed + running + missed),
            seconds.unwrap_or_default(),
            what(run),
        ]
    };
    let mut newest_first: Vec<&Run> = runs.iter().collect();
    newest_first.sort_by(|a, b| b.scheduled_time.cmp(&a.scheduled_time));
    let header = ["RUN", "DUE", "BY", "RESULT", "TASKS", "TOOK", "WHAT"];
    table(header, newest_first.into_iter().map(row).collect())
}

/// The first thing that went wrong in a run.
fn what(run: &Run) -> String {
    let failed = run.tasks.iter().find_map(|task| Some(format!("{}: {}", task.name, task.error.as_deref()?)));
    let undelivered = run.undelivered.first().map(|it| format!("{} to {}: {}", it.task, it.channel, it.error));
    run.message.clone().or(failed).or(undelivered).map(|text| shortened(&text)).unwrap_or_default()
}
