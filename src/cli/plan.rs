//! `task-pipelines plan`: what would be done on AWS, with nothing done.

mod without_cluster;

use std::env;
use std::error::Error;
use std::io::{self, IsTerminal as _};

use api::Stored;
use aws::Access;
use kube::Api;
use pipeline_core::error_chain::chain;
use pipeline_core::names::ClusterName;
use pipeline_core::plan::render::{Style, text};
use pipeline_core::plan::report::PlanReport;
use pipeline_core::text::printable;

use super::arguments::{Colour, Output, PipelineName, PlanSettings};
use super::exit_status::ExitStatus;
use super::terminal::{self, print};
use super::{documents, runtime, setup, usual_namespace};
use crate::kubernetes::client;
use crate::kubernetes::cluster::Cluster;
use crate::reconcile::ready::Health;
use crate::reconcile::{PlanContext, ReconcileError, plan_of};
use without_cluster::WithoutCluster;

/// What came of all that was asked for.
#[derive(Debug, Default)]
struct Answer {
    plans: Vec<PlanReport>,
    /// What stands in the way, each with its place.
    problems: Vec<String>,
}

impl Answer {
    /// # Errors
    /// The API server's, which is not a problem of the one pipeline.
    fn no_plan(&mut self, place: &str, error: ReconcileError) -> Result<(), kube::Error> {
        match error {
            ReconcileError::ApiServer(error) => return Err(error),
            ReconcileError::Refused(refusals) => {
                self.problems.extend(refusals.iter().map(|refusal| format!("{place}: {refusal}")));
            }
            other => {
                let message = Health::of_error(&other, false).map_or_else(|| chain(&other), |health| health.message);
                self.problems.push(format!("{place}: {message}"));
            }
        }
        Ok(())
    }

    fn exit_status(&self) -> ExitStatus {
        let plans = self.plans.iter().map(|plan| ExitStatus::from(plan.summary()));
        plans.chain((!self.problems.is_empty()).then_some(ExitStatus::Error)).max().unwrap_or(ExitStatus::Success)
    }
}

/// Plans, and prints the plans.
///
/// # Errors
/// Nothing could be planned at all.
pub fn plan(settings: PlanSettings) -> Result<ExitStatus, Box<dyn Error>> {
    let style = style(settings.color);
    let output = settings.output;
    let answer = runtime()?.block_on(answer(settings))?;
    match output {
        Output::Text => print(&answer.plans.iter().map(|plan| text(plan, style)).collect::<Vec<_>>().join("\n"))?,
        Output::Json => print(&terminal::json(&answer.plans)?)?,
    }
    for problem in &answer.problems {
        terminal::note(&printable(problem))?;
    }
    Ok(answer.exit_status())
}

async fn answer(settings: PlanSettings) -> Result<Answer, Box<dyn Error>> {
    match settings.pipeline.clone() {
        Some(pipeline) => in_cluster(pipeline, settings).await,
        None => of_files(settings).await,
    }
}

async fn in_cluster(named: PipelineName, settings: PlanSettings) -> Result<Answer, Box<dyn Error>> {
    let PipelineName { namespace, name } = named;
    let namespace = match namespace.or(settings.namespace) {
        Some(namespace) => namespace,
        None => usual_namespace().await,
    };
    let client = client::infer().await?;
    let cluster_name = match settings.installation.cluster_name.clone() {
        Some(name) => name,
        None => setup::derived_cluster_name(&client).await?,
    };
    let pipelines: Api<Stored> = Api::namespaced(client.clone(), &namespace);
    let found = pipelines.get_opt(&name).await?;
    let stored = found.ok_or_else(|| format!("there is no pipeline {namespace}/{name}"))?;
    let pipeline = stored.whole().map_err(|unreadable| format!("{namespace}/{name}: {unreadable}"))?;
    if pipeline.metadata.deletion_timestamp.is_some() {
        return Err(format!("pipeline {namespace}/{name} is being deleted").into());
    }
    let configuration = settings.installation.configuration()?;
    let context = PlanContext {
        cluster: Cluster::new(client, None),
        accounts: setup::accounts(&settings.installation, Access::ReadOnly).await,
        installation: setup::installation(&settings.installation, &configuration)?.0,
        configuration,
        cluster_name,
    };
    let mut answer = Answer::default();
    match plan_of(pipeline, &context).await {
        Ok(plan) => answer.plans.push(plan),
        Err(error) => answer.no_plan(&format!("{namespace}/{name}"), error)?,
    }
    Ok(answer)
}

async fn of_files(settings: PlanSettings) -> Result<Answer, Box<dyn Error>> {
    let namespace = documents::Namespace::of(settings.namespace.clone()).await;
    let documents::Files { documents, secrets: _, problems } = documents::read(&settings.filename, &namespace)?;
    let mut answer = Answer { plans: Vec::new(), problems: problems.iter().map(ToString::to_string).collect() };
    let configuration = settings.installation.configuration()?;
    let without = WithoutCluster {
        installation: setup::installation(&settings.installation, &configuration)?.0,
        cluster_name: cluster_name(settings.installation.cluster_name.clone()).await?,
        configuration,
        accounts: setup::accounts(&settings.installation, Access::ReadOnly).await,
    };
    for document in documents {
        let place = &document.place;
        answer.problems.extend(document.broken.iter().map(|broken| format!("{place}: {broken}")));
        let Some(spec) = &document.spec else { continue };
        let planned = if document.broken.is_empty() {
            Box::pin(without.plan(&document, spec)).await
        } else {
            Err(ReconcileError::Refused(without.refusals(&document, spec)))
        };
        match planned {
            Ok(plan) => answer.plans.push(plan),
            Err(error) => answer.no_plan(place, error)?,
        }
    }
    Ok(answer)
}

/// The cluster's name on AWS: given, or asked of a cluster that happens to be there.
pub(super) async fn cluster_name(given: Option<ClusterName>) -> Result<ClusterName, Box<dyn Error>> {
    if let Some(name) = given {
        return Ok(name);
    }
    let client = client::infer().await;
    let derived = match client {
        Ok(client) => setup::derived_cluster_name(&client).await.map_err(|error| chain(&error)),
        Err(error) => Err(chain(&error)),
    };
    derived.map_err(|why| {
        format!("names on AWS begin with the cluster's name, which no cluster tells: set --cluster-name ({why})").into()
    })
}

/// How to print to stdout.
pub fn style(colour: Colour) -> Style {
    let is_terminal = io::stdout().is_terminal();
    let colour = match colour {
        Colour::Always => true,
        Colour::Never => false,
        // <https://no-color.org>
        Colour::Auto => is_terminal && env::var_os("NO_COLOR").is_none_or(|value| value.is_empty()),
    };
    let columns = env::var("COLUMNS").ok().and_then(|columns| columns.parse().ok());
    Style { colour, width: columns.filter(|_| is_terminal) }
}
