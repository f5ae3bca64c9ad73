//! `kubectl pipelines`: what people do with pipelines beside writing them.

mod cluster;
mod dlq;

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
            Command::Dlq(arguments) => Box::pin(dlq::run(arguments, place)).await,
        }
    })
}

/// Writes data to stdout.
fn print(text: &str) -> io::Result<()> {
    io::stdout().write_all(text.as_bytes())
}
