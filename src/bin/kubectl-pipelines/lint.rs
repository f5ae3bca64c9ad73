//! `kubectl pipelines lint`: what would be refused, before anybody applies it.

use std::error::Error;
use std::io::{self, Write as _};
use std::process::ExitCode;

use task_pipelines::cli::lint::{Finding, LintSettings, lint};

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

/// Something would be refused.
const REFUSED: u8 = 1;

pub(crate) async fn run(arguments: Arguments, place: Place) -> Result<ExitCode, Box<dyn Error>> {
    let findings = lint(&arguments.settings, place.namespace()).await?;
    match output::document(arguments.output, &findings)? {
        Some(document) => print(&document)?,
        None if findings.is_empty() => writeln!(io::stderr(), "nothing would be refused")?,
        None => print(&(findings.iter().map(Finding::to_string).collect::<Vec<_>>().join("\n") + "\n"))?,
    }
    Ok(if findings.is_empty() { ExitCode::SUCCESS } else { ExitCode::from(REFUSED) })
}
