//! `kubectl pipelines`: what people do with pipelines beside writing them.

mod act;
mod check;
mod cluster;
mod complete;
mod console;
mod dlq;
#[cfg(test)]
mod hostile;
mod lint;
mod list;
mod logs;
mod next;
mod output;
mod parts;
mod plan;
mod runs;
mod status;
mod text;
mod tree;
use std::env;
use std::error::Error;
use std::io;
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use pipeline_core::error_chain::{chain, is_closed_pipe};
use task_pipelines::cli::exit_status::ExitStatus;
use task_pipelines::cli::terminal::{self, print};
use tokio::runtime::Runtime;

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
    /// Show every AWS resource of a pipeline, hop by hop, with its state, ARN and page in the console.
    Tree(output::OfPipeline),
    /// Show what the operator would do, or still has to do, as the pipeline's status says it.
    ///
    /// Of files that nobody applied yet, `task-pipelines plan -f` shows it. Exit status: 0 nothing, 1 changes, 2 an error or
    /// a conflict.
    Plan(output::OfPipeline),
    /// Show when a pipeline fires next, in its time zone and in UTC, with what daylight saving does.
    Next(next::Arguments),
    /// List the last runs of a pipeline.
    Runs(output::OfPipeline),
    /// Fire a pipeline now, also while it is suspended.
    Run(act::Run),
    /// Show what sender, runner and functions logged, in the order of time.
    ///
    /// Logs are read with your own AWS credentials, found as the AWS CLI finds them.
    Logs(logs::Arguments),
    /// Let pipelines keep all they have and fire nothing.
    Suspend(act::Suspend),
    /// Let pipelines fire again.
    Resume(act::Resume),
    /// List, show, send again and delete dead letters.
    ///
    /// The pipeline's status says where they are; they are reached with your own AWS credentials, found as the AWS CLI
    /// finds them. Exit status: 0 done, 1 not for all messages, 2 an error.
    Dlq(dlq::Arguments),
    /// Check the cluster, what you may do in it, your AWS credentials, and how full the account is.
    ///
    /// Exit status: 0 all is well, 1 something is not, with what to do about it.
    Check(check::Arguments),
    /// Find all that the API server and the operator would refuse in files: offline, for CI.
    ///
    /// Exit status: 0 nothing, 1 something would be refused, 2 an error.
    Lint(lint::Arguments),
}

fn main() -> ExitCode {
    let mut words = env::args_os();
    let done = match words.next() {
        Some(program) if complete::is_asked(&program) => {
            complete::answer(words).map(|()| ExitStatus::Success).map_err(Into::into)
        }
        _ => {
            let Arguments { command, place } = Arguments::parse();
            run(command, place)
        }
    };
    let status = match done {
        Ok(status) => status,
        Err(error) if is_closed_pipe(error.as_ref()) => ExitStatus::Success,
        Err(error) => {
            // Nothing is left to do about a closed stderr.
            let _ = terminal::note(&format!("error: {}", chain(error.as_ref())));
            ExitStatus::Error
        }
    };
    status.into()
}

fn run(command: Command, place: cluster::Place) -> Result<ExitStatus, Box<dyn Error>> {
    runtime()?.block_on(async {
        match command {
            Command::List(arguments) => Box::pin(list::run(arguments, place)).await,
            Command::Status(arguments) => Box::pin(status::run(arguments, place)).await,
            Command::Tree(arguments) => Box::pin(tree::run(arguments, place)).await,
            Command::Plan(arguments) => Box::pin(plan::run(arguments, place)).await,
            Command::Next(arguments) => Box::pin(next::run(arguments, place)).await,
            Command::Runs(arguments) => Box::pin(runs::run(arguments, place)).await,
            Command::Run(arguments) => Box::pin(act::run(arguments, place)).await,
            Command::Logs(arguments) => Box::pin(logs::run(arguments, place)).await,
            Command::Suspend(arguments) => Box::pin(act::suspend(arguments, place)).await,
            Command::Resume(arguments) => Box::pin(act::resume(arguments, place)).await,
            Command::Dlq(arguments) => Box::pin(dlq::run(arguments, place)).await,
            Command::Check(arguments) => Box::pin(check::run(arguments, place)).await,
            Command::Lint(arguments) => Box::pin(lint::run(arguments, place)).await,
        }
    })
}

fn runtime() -> io::Result<Runtime> {
    tokio::runtime::Builder::new_current_thread().enable_all().build()
}
