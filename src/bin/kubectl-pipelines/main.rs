//! `kubectl pipelines`: what people do with pipelines beside writing them.

mod act;
mod cluster;
mod dlq;
mod list;
mod next;
mod output;
mod runs;
mod status;
mod text;

use std::error::Error;
use std::io::{self, Write as _};
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use task_pipelines::chain::chain;

/// Look after scheduled task pipelines.
#[derive(Debug, Parser)]
#[command(name = "kubectl pipelines", bin_name = "kubectl pipelines", version, about, arg_required_else_help = true)]
struct Arguments {
    #[command(subcommand)]
    command: Command,

    #[command(flatten)]
    place: cluster::Place,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// List pipelines: state, next and last run, dead letters.
    List(list::Arguments),
    /// Show one pipeline on one screen, with the first thing that is wrong and what to do about it.
    ///
    /// Exit status: 0 all is well, 1 something is wrong, 2 an error.
    Status(output::OfPipeline),
    /// Show when a pipeline fires next, in its time zone and in UTC, with what daylight saving does.
    Next(next::Arguments),
    /// List the last runs of a pipeline.
    Runs(output::OfPipeline),
    /// Fire a pipeline now, also while it is suspended.
    Run(act::Run),
    /// Let pipelines keep all they have and fire nothing.
    Suspend(act::Suspend),
    /// Let pipelines fire again.
    Resume(act::Resume),
    /// List, show, send again and delete dead letters.
    ///
    /// The pipeline's status says where they are; they are reached with your own AWS credentials, found as the AWS CLI
    /// finds them. Exit status: 0 done, 1 not for all messages, 2 an error.
    Dlq(dlq::Arguments),
}

fn main() -> ExitCode {
    let Arguments { command, place } = Arguments::parse();
    match run(command, place) {
        Ok(code) => code,
        Err(error) => {
            // Nothing is left to do about a closed stderr.
            let _ = writeln!(io::stderr(), "error: {}", chain(error.as_ref()));
            ExitCode::from(2)
        }
    }
}

fn run(command: Command, place: cluster::Place) -> Result<ExitCode, Box<dyn Error>> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        match command {
            Command::List(arguments) => Box::pin(list::run(arguments, place)).await,
            Command::Status(arguments) => Box::pin(status::run(arguments, place)).await,
            Command::Next(arguments) => Box::pin(next::run(arguments, place)).await,
            Command::Runs(arguments) => Box::pin(runs::run(arguments, place)).await,
            Command::Run(arguments) => Box::pin(act::run(arguments, place)).await,
            Command::Suspend(arguments) => Box::pin(act::suspend(arguments, place)).await,
            Command::Resume(arguments) => Box::pin(act::resume(arguments, place)).await,
            Command::Dlq(arguments) => Box::pin(dlq::run(arguments, place)).await,
        }
    })
}

/// Writes data to stdout.
fn print(text: &str) -> io::Result<()> {
    io::stdout().write_all(text.as_bytes())
}
