//! `kubectl pipelines status`: one screen about one pipeline.

use std::error::Error;

use api::{PipelineStatus, ResourceState, Stored, annotation};
use jiff::Timestamp;
use kube::ResourceExt as _;
use pipeline_core::text::{counted, one_line, printable};
use task_pipelines::cli::arguments::Colour;
use task_pipelines::cli::exit_status::ExitStatus;
use task_pipelines::cli::plan::style;

use crate::cluster::Place;
use crate::output::{self, OfPipeline};
use crate::text::{Tone, span, table};
use crate::{print, runs};

/// Conditions, and what each says when something is wrong.
const WRONG: [(&str, &str); 4] =
    [("Stalled", "True"), ("Ready", "False"), ("OnTime", "False"), ("Delivering", "False")];

pub(crate) async fn run(arguments: OfPipeline, place: Place) -> Result<ExitStatus, Box<dyn Error>> {
    let OfPipeline { name, output } = arguments;
    let stored = place.connect().await?.stored(&name).await?;
    let status = stored.pipeline.status.clone().unwrap_or_default();
    match output::document(output, &status)? {
        Some(document) => print(&document)?,
        None => print(&page(&stored, &status, Timestamp::now(), style(Colour::Auto).colour))?,
    }
    let is_well = problem(&status).is_none() && stored.unreadable.is_none();
    Ok(ExitStatus::of_check(is_well))
}

/// The first thing that is wrong; messages say what to do.
fn problem(status: &PipelineStatus) -> Option<String> {
    WRONG.into_iter().find_map(|(kind, wrong)| {
        let condition = status.condition(kind).filter(|condition| condition.status == wrong)?;
        Some(format!("{}: {}", condition.reason, one_line(&condition.message)))
    })
}

/// Lines with a title each.
struct Lines {
    lines: Vec<String>,
    colour: bool,
}

impl Lines {
    fn push(&mut self, title: &str, text: &str) {
        let title = if title.is_empty() { String::new() } else { format!("{title}:") };
        self.lines.push(format!("{title:<10} {}\n", printable(text)));
    }

    fn paint(&mut self, title: &str, text: &str, tone: Tone) {
        let painted = tone.paint(&printable(text), self.colour);
        self.lines.push(format!("{:<10} {painted}\n", format!("{title}:")));
    }
}

pub(crate) fn page(stored: &Stored, status: &PipelineStatus, now: Timestamp, colour: bool) -> String {
    let Stored { pipeline, unreadable } = stored;
    let mut lines = Lines { lines: Vec::new(), colour };
    lines.push("Pipeline", &format!("{}/{}", pipeline.namespace().unwrap_or_default(), pipeline.name_any()));
    let ready = status.condition("Ready");
    let state = ready.map_or("not reconciled yet", |ready| ready.reason.as_str());
    lines.paint("State", state, Tone::of_ready(ready.map(|ready| ready.status.as_str())));
    if let Some(problem) = problem(status) {
        lines.paint("Problem", &problem, Tone::Bad);
    }
    if let Some((account, region)) = status.account.as_ref().zip(status.region.as_ref()) {
        lines.push("AWS", &format!("account {account}, {region}"));
    }
    let spec = &pipeline.spec;
    match unreadable {
        None => lines.push("Schedule", &format!("{}, {}", spec.schedule, spec.time_zone)),
        Some(unreadable) => lines.paint("Schedule", &one_line(&unreadable.to_string()), Tone::Bad),
    }
    if spec.suspend {
        let reason = pipeline.annotations().get(annotation::SUSPEND_REASON);
        lines.push("Suspended", &reason.map_or_else(|| "yes".to_owned(), |reason| one_line(reason)));
    }
    for (number, next) in status.schedule.iter().flat_map(|schedule| &schedule.next).enumerate() {
        let within = next.parse().ok().map(|next: Timestamp| format!(" (in {})", span(next.duration_since(now))));
        lines.push(if number == 0 { "Next" } else { "" }, &format!("{next}{}", within.unwrap_or_default()));
    }
    if let Some(queue) = status.queue {
        let (waiting, running) = (queue.visible, queue.in_flight);
        lines.push(
            "Queue",
            &format!("{waiting} waiting, {running} with the runner, {}", counted(queue.dead_letters, "dead letter")),
        );
    }
    let troubled: Vec<_> = status.resources.iter().filter(|row| row.state != ResourceState::Ready).collect();
    let made = status.resources.len();
    lines.push(
        "Resources",
        &match troubled.len() {
            0 if made == 0 => "none".to_owned(),
            0 => format!("{made}, all ready"),
            count => format!("{made}, {count} of them not ready"),
        },
    );
    let mut parts = vec![lines.lines.concat()];
    if !troubled.is_empty() {
        let rows = troubled.into_iter().map(|row| {
            let state = format!("{:?}", row.state);
            [row.kind.clone(), row.name.clone(), state, one_line(row.message.as_deref().unwrap_or_default())]
        });
        parts.push(table(["RESOURCE", "NAME", "STATE", "WHY"], rows.collect()));
    }
    if !status.runs.is_empty() {
        parts.push(runs::lines(&status.runs, now));
    }
    parts.join("\n")
}
