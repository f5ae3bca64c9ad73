//! `kubectl pipelines run`, `suspend` and `resume`: what changes a pipeline.

use std::error::Error;
use std::time::Duration;

use api::{RunResult, RunTrigger, annotation};
use clap_complete::engine::ArgValueCompleter;
use jiff::Timestamp;
use pipeline_core::depth;
use pipeline_core::error_chain::chain;
use pipeline_core::runs::reports_nothing;
use serde_json::{Map, Value, json};
use task_pipelines::cli::exit_status::ExitStatus;
use task_pipelines::cli::terminal;
use tokio::time::{Instant, sleep};

use crate::cluster::{Pipelines, Place};
use crate::{complete, print, runs};

/// How often a run is looked for.
const POLL: Duration = Duration::from_secs(1);

/// Fires a pipeline now.
#[derive(Debug, clap::Args)]
pub(crate) struct Run {
    /// Name of the pipeline.
    #[arg(add = ArgValueCompleter::new(complete::pipelines))]
    name: String,

    /// Input of its tasks in place of their own: a JSON object.
    #[arg(long, value_parser = object)]
    input: Option<Map<String, Value>>,

    /// Wait until the run has ended. Exit status: 0 it succeeded, 1 it did not.
    #[arg(long)]
    wait: bool,

    /// How long to wait, in seconds.
    #[arg(long, default_value_t = 300, requires = "wait")]
    timeout: u64,
}

/// Pipelines to suspend.
#[derive(Debug, clap::Args)]
pub(crate) struct Suspend {
    /// Names of the pipelines.
    #[arg(required = true, add = ArgValueCompleter::new(complete::pipelines))]
    names: Vec<String>,

    /// Why: `status` shows it.
    #[arg(long)]
    reason: Option<String>,
}

/// Pipelines to resume.
#[derive(Debug, clap::Args)]
pub(crate) struct Resume {
    /// Names of the pipelines.
    #[arg(required = true, add = ArgValueCompleter::new(complete::pipelines))]
    names: Vec<String>,
}

fn object(text: &str) -> Result<Map<String, Value>, String> {
    if depth::is_text_deeper(text, depth::MAX_INPUT) {
        return Err(format!("it nests deeper than {} levels", depth::MAX_INPUT));
    }
    serde_json::from_str(text).map_err(|error| format!("it is not a JSON object, such as {{\"days\": 7}}: {error}"))
}

pub(crate) async fn run(arguments: Run, place: Place) -> Result<ExitStatus, Box<dyn Error>> {
    let Run { name, input, wait, timeout } = arguments;
    let pipelines = place.connect().await?;
    let token = Timestamp::now().to_string();
    // Also removes the input of an earlier run.
    let input = input.map(|input| Value::Object(input).to_string());
    let annotations = json!({annotation::RUN_NOW: token, annotation::RUN_INPUT: input});
    let before = pipelines.change(&name, json!({"metadata": {"annotations": annotations}})).await?;
    if !wait {
        print(&format!("{name} fires\n"))?;
        return Ok(ExitStatus::Success);
    }
    if reports_nothing(&before.spec) {
        let why = "a function of its own is between the schedule and the channels, and reports nothing";
        return Err(format!("{name} fires, and nothing can be waited for: {why}").into());
    }
    let known: Vec<String> = before.status.unwrap_or_default().runs.into_iter().map(|run| run.run_id).collect();
    await_run(&pipelines, &name, &known, Duration::from_secs(timeout)).await
}

/// Waits for a run by hand that was not known, and for its end.
async fn await_run(
    pipelines: &Pipelines,
    name: &str,
    known: &[String],
    patience: Duration,
) -> Result<ExitStatus, Box<dyn Error>> {
    let deadline = Instant::now() + patience;
    loop {
        let runs = pipelines.get(name).await?.status.unwrap_or_default().runs;
        let run = runs.into_iter().find(|run| run.trigger == RunTrigger::Manual && !known.contains(&run.run_id));
        if let Some(run) = run.filter(|run| run.result != RunResult::Running) {
            print(&runs::lines(std::slice::from_ref(&run), Timestamp::now()))?;
            let succeeded = run.result == RunResult::Succeeded;
            return Ok(ExitStatus::of_check(succeeded));
        }
        if Instant::now() > deadline {
            let seconds = patience.as_secs();
            let events = format!("kubectl events --for scheduledtaskpipeline/{name}");
            return Err(format!("the run did not end within {seconds} s; see `{events}`").into());
        }
        sleep(POLL).await;
    }
}

pub(crate) async fn suspend(arguments: Suspend, place: Place) -> Result<ExitStatus, Box<dyn Error>> {
    let Suspend { names, reason } = arguments;
    let change = json!({
        "metadata": {"annotations": {annotation::SUSPEND_REASON: reason}}, "spec": {"suspend": true},
    });
    each(&names, &change, "suspended", place).await
}

pub(crate) async fn resume(arguments: Resume, place: Place) -> Result<ExitStatus, Box<dyn Error>> {
    let change = json!({
        "metadata": {"annotations": {annotation::SUSPEND_REASON: null}}, "spec": {"suspend": false},
    });
    each(&arguments.names, &change, "resumed", place).await
}

/// Changes each; one that cannot be changed keeps none from it.
async fn each(names: &[String], change: &Value, verb: &str, place: Place) -> Result<ExitStatus, Box<dyn Error>> {
    let pipelines = place.connect().await?;
    let mut code = ExitStatus::Success;
    for name in names {
        match pipelines.change(name, change.clone()).await {
            Ok(_) => print(&format!("{name} {verb}\n"))?,
            Err(error) => {
                terminal::note(&format!("error: {}", chain(error.as_ref())))?;
                code = ExitStatus::Error;
            }
        }
    }
    Ok(code)
}
