//! The program `task-pipelines`: the operator and its tools.

use std::error::Error;
use std::io::{self, IsTerminal as _, Write as _};
use std::process::ExitCode;

use clap::Parser as _;
use pipeline_core::error_chain::{chain, is_closed_pipe};
use task_pipelines::command;
use task_pipelines::command::arguments::{Arguments, LogFormat};
use tracing_subscriber::EnvFilter;

/// Gives back what an upload took: the C library's allocator would keep it. `.cargo/config.toml` says how.
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    match log_to_stderr(&arguments).and_then(|()| command::execute(arguments)) {
        Ok(code) => code,
        Err(error) if is_closed_pipe(error.as_ref()) => ExitCode::SUCCESS,
        Err(error) => {
            // Nothing is left to do about a closed stderr.
            let _ = writeln!(io::stderr(), "error: {}", chain(error.as_ref()));
            ExitCode::from(2)
        }
    }
}

fn log_to_stderr(arguments: &Arguments) -> Result<(), Box<dyn Error>> {
    let filter = arguments.log_filter();
    let filter = EnvFilter::try_new(filter).map_err(|error| format!("--log {filter}: {error}"))?;
    let log =
        tracing_subscriber::fmt().with_env_filter(filter).with_writer(io::stderr).with_ansi(io::stderr().is_terminal());
    match LogFormat::or_by_terminal(arguments.log.log_format) {
        LogFormat::Json => log.json().flatten_event(true).with_current_span(true).with_span_list(false).init(),
        LogFormat::Text => log.init(),
    }
    Ok(())
}
