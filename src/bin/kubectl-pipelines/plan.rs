//! `kubectl pipelines plan`: what the operator would do, or still has to do, as it says itself in the status.

use std::error::Error;

use pipeline_core::plan::render;
use pipeline_core::plan::report::Summary;
use pipeline_core::text::printable;
use task_pipelines::cli::arguments::Colour;
use task_pipelines::cli::exit_status::ExitStatus;
use task_pipelines::cli::plan::style;
use task_pipelines::cli::terminal;

use crate::cluster::Place;
use crate::output::{self, OfPipeline};
use crate::print;

pub(crate) async fn run(arguments: OfPipeline, place: Place) -> Result<ExitStatus, Box<dyn Error>> {
    let OfPipeline { name, output } = arguments;
    let pipeline = place.connect().await?.get(&name).await?;
    let status = pipeline.status.unwrap_or_default();
    match output::document(output, &status.plan)? {
        Some(document) => print(&document)?,
        None if status.plan.is_empty() => {
            let ready = status.condition("Ready");
            let state = ready.map_or("not reconciled yet", |ready| ready.reason.as_str());
            print(&format!("Nothing is pending; {name} is {}.\n", printable(state)))?;
        }
        None => print(render::changes(&status.plan, style(Colour::Auto)).trim_start())?,
    }
    if status.observed_generation != pipeline.metadata.generation {
        terminal::note("The operator has not taken up the latest change of the spec yet.")?;
    }
    Ok(Summary::of(&status.plan).into())
}
