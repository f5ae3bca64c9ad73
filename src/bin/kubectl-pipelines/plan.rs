//! `kubectl pipelines plan`: what the operator would do, or still has to do, as it says itself in the status.

use std::error::Error;
use std::io::{self, Write as _};
use std::process::ExitCode;

use pipeline_core::plan::render;
use pipeline_core::plan::report::Summary;
use task_pipelines::cli::arguments::Colour;
use task_pipelines::cli::plan::style;

use crate::cluster::Place;
use crate::output::{self, OfPipeline};
use crate::print;

pub(crate) async fn run(arguments: OfPipeline, place: Place) -> Result<ExitCode, Box<dyn Error>> {
    let OfPipeline { name, output } = arguments;
    let pipeline = place.connect().await?.get(&name).await?;
    let status = pipeline.status.unwrap_or_default();
    match output::document(output, &status.plan)? {
        Some(document) => print(&document)?,
        None if status.plan.is_empty() => {
            let ready = status.condition("Ready");
            let state = ready.map_or("not looked at yet", |ready| ready.reason.as_str());
            print(&format!("Nothing is pending; {name} is {state}.\n"))?;
        }
        None => print(render::changes(&status.plan, style(Colour::Auto)).trim_start())?,
    }
    if status.observed_generation != pipeline.metadata.generation {
        writeln!(io::stderr(), "The operator has not taken up the latest change of the spec yet.")?;
    }
    Ok(ExitCode::from(match Summary::of(&status.plan) {
        Summary::NothingToDo => 0,
        Summary::Changes => 1,
        Summary::Conflict => 2,
    }))
}
