//! The program `task-pipelines`: the operator and its tools.

use std::error::Error;
use std::process::ExitCode;

use clap::Parser as _;
use pipeline_core::error_chain::{chain, is_closed_pipe};
use task_pipelines::cli;
use task_pipelines::cli::arguments::Arguments;
use task_pipelines::cli::exit_status::ExitStatus;
use task_pipelines::cli::terminal;
use task_pipelines::runtime::log::{self, LogFormat};

/// Gives back what an upload took: the C library's allocator would keep it. `.cargo/config.toml` says how.
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let status = match log_to_stderr(&arguments).and_then(|()| cli::execute(arguments)) {
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

fn log_to_stderr(arguments: &Arguments) -> Result<(), Box<dyn Error>> {
    let filter = arguments.log_filter();
    let format = LogFormat::or_by_terminal(arguments.log.log_format);
    Ok(log::to_stderr(filter, format).map_err(|error| format!("--log {filter}: {error}"))?)
}
