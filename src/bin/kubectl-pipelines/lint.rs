//! `kubectl pipelines lint`: what would be refused, before anybody applies it.

use std::error::Error;

use pipeline_core::text::printable;
use task_pipelines::cli::exit_status::ExitStatus;
use task_pipelines::cli::lint::{Finding, LintSettings, lint};
use task_pipelines::cli::terminal;

use crate::cluster::Place;
use crate::output::{self, Output};
use crate::print;

#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    #[command(flatten)]
    settings: LintSettings,

    /// Form of what is found.
    #[arg(short, long, value_enum, default_value_t = Output::Text)]
    output: Output,
}

pub(crate) async fn run(arguments: Arguments, place: Place) -> Result<ExitStatus, Box<dyn Error>> {
    let findings = lint(&arguments.settings, place.namespace()).await?;
    match output::document(arguments.output, &findings)? {
        Some(document) => print(&document)?,
        None if findings.is_empty() => terminal::note("nothing would be refused")?,
        None => print(&lines(&findings))?,
    }
    Ok(ExitStatus::of_check(findings.is_empty()))
}

pub(crate) fn lines(findings: &[Finding]) -> String {
    findings.iter().map(|finding| printable(&finding.to_string()).into_owned() + "\n").collect()
}
