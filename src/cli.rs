//! The program's commands, one file each.

pub mod arguments;
pub mod check;
mod documents;
pub mod exit_status;
#[cfg(test)]
mod hostile;
pub mod iam_policy;
pub mod lint;
mod offline;
pub mod orphans;
pub mod plan;
pub mod run;
pub mod settings;
mod setup;
pub mod terminal;
pub mod trial;

use std::error::Error;
use std::io;

use pipeline_core::configuration;
use tokio::runtime::Runtime;

use arguments::{Arguments, Command};
use exit_status::ExitStatus;
use terminal::print;

/// Threads of the program: it waits for others most of the time, and a node may have 64 cores.
const WORKERS: usize = 2;

/// Does what was asked, and says how it ended.
///
/// # Errors
/// The command could not do its work.
pub fn execute(arguments: Arguments) -> Result<ExitStatus, Box<dyn Error>> {
    match arguments.command {
        Command::Run(settings) => run::run(settings)?,
        Command::Plan(settings) => return plan::plan(settings),
        Command::Try(settings) => return trial::run(settings),
        Command::Check(settings) => return check::check(&settings),
        Command::Crd => print(&api::crd_yaml()?)?,
        Command::IamPolicy(settings) => iam_policy::run(&settings)?,
        Command::Orphans(settings) => return orphans::orphans(settings),
        Command::ConfigurationSchema => print(&configuration_schema()?)?,
    }
    Ok(ExitStatus::Success)
}

fn configuration_schema() -> serde_json::Result<String> {
    Ok(serde_json::to_string_pretty(&schemars::schema_for!(configuration::file::File))? + "\n")
}

/// The namespace that kubectl would take.
async fn usual_namespace() -> String {
    kube::Config::infer().await.map_or_else(|_| "default".to_owned(), |config| config.default_namespace)
}

fn runtime() -> io::Result<Runtime> {
    tokio::runtime::Builder::new_multi_thread().worker_threads(WORKERS).enable_all().build()
}
