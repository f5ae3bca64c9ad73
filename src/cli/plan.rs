//! `task-pipelines plan`: what would be done on AWS, with nothing done.

mod without_cluster;

use std::collections::HashMap;
use std::env;
use std::error::Error;
use std::io::{self, IsTerminal as _, Write as _};
use std::process::ExitCode;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use api::Stored;
use aws::Access;
use aws::inbox_queue::Inboxes;
use futures::channel::mpsc;
use kube::Api;
use pipeline_core::error_chain::chain;
use pipeline_core::names::ClusterName;
use pipeline_core::plan::render::{Style, text};
use pipeline_core::plan::report::{PlanReport, Summary};
use pipeline_core::runs::missed::Expectations;

use super::arguments::{Colour, Output, PipelineName, PlanSettings};
use super::{documents, print, runtime, setup, usual_namespace};
use crate::drift::observed_cache::{Memory, Periods};
use crate::drift::pending_writes::Propagation;
use crate::kubernetes::client;
use crate::kubernetes::cluster::Cluster;
use crate::reconcile::{Context, NoPlan, plan_of};
use crate::runtime::concurrency::AccountConcurrency;
use without_cluster::WithoutCluster;

/// What came of all that was asked for.
#[derive(Debug, Default)]
struct Answer {
    plans: Vec<PlanReport>,
    /// What stands in the way, each with its place.
    problems: Vec<String>,
}

impl Answer {
    fn no_plan(&mut self, place: &str, no_plan: &NoPlan) {
        match no_plan {
            NoPlan::Refused(refusals) => {
                self.problems.extend(refusals.iter().map(|refusal| format!("{place}: {refusal}")));
            }
            NoPlan::Aws(health) => self.problems.push(format!("{place}: {}", health.message)),
        }
    }

    /// 0: nothing to do. 1: there are changes. 2: something stands in the way.
    fn exit_code(&self) -> u8 {
        let plans = self.plans.iter().map(|plan| match plan.summary() {
            Summary::NothingToDo => 0,
            Summary::Changes => 1,
            Summary::Conflict => 2,
        });
        plans.chain((!self.problems.is_empty()).then_some(2)).max().unwrap_or_default()
    }
}

/// Plans, and prints the plans.
///
/// # Errors
/// Nothing could be planned at all.
pub fn plan(settings: PlanSettings) -> Result<ExitCode, Box<dyn Error>> {
    let style = style(settings.color);
    let output = settings.output;
    let answer = runtime()?.block_on(answer(settings))?;
    match output {
        Output::Text => print(&answer.plans.iter().map(|plan| text(plan, style)).collect::<Vec<_>>().join("\n"))?,
        Output::Json => print(&format!("{}\n", serde_json::to_string_pretty(&answer.plans)?))?,
    }
    for problem in &answer.problems {
        writeln!(io::stderr(), "{problem}")?;
    }
    Ok(ExitCode::from(answer.exit_code()))
}

async fn answer(settings: PlanSettings) -> Result<Answer, Box<dyn Error>> {
    match settings.pipeline.clone() {
        Some(pipeline) => in_cluster(pipeline, settings).await,
        None => of_files(settings).await,
    }
}

async fn in_cluster(wanted: PipelineName, settings: PlanSettings) -> Result<Answer, Box<dyn Error>> {
    let PipelineName { namespace, name } = wanted;
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
    let (installation, layers) = setup::installation(&settings.installation)?;
    let context = Context {
        cluster: Cluster::new(client, None),
        accounts: setup::accounts(&settings.installation, Access::ReadOnly).await,
        configuration: settings.installation.configuration()?,
        installation,
        layers,
        cluster_name,
        // One pass, and no other.
        resync: Duration::MAX,
        secret_retry: Duration::MAX,
        concurrency: AccountConcurrency::new(1),
        memory: Memory::new(Periods { sweep: Duration::MAX, full_read: Duration::MAX }),
        propagation: Propagation::default(),
        places: [mpsc::unbounded().0, mpsc::unbounded().0],
        requests: mpsc::unbounded().0,
        expectations: Expectations::default(),
        inboxes: Inboxes::default(),
        metrics: Arc::default(),
        failures: Mutex::new(HashMap::new()),
    };
    let mut answer = Answer::default();
    match plan_of(pipeline, &context).await? {
        Ok(plan) => answer.plans.push(plan),
        Err(no_plan) => answer.no_plan(&format!("{namespace}/{name}"), &no_plan),
    }
    Ok(answer)
}

async fn of_files(settings: PlanSettings) -> Result<Answer, Box<dyn Error>> {
    let namespace = documents::Namespace::of(settings.namespace.clone()).await;
    let documents::Files { documents, secrets: _, problems } = documents::read(&settings.filename, &namespace)?;
    let mut answer = Answer { plans: Vec::new(), problems: problems.iter().map(ToString::to_string).collect() };
    let without = WithoutCluster {
        installation: setup::installation(&settings.installation)?.0,
        cluster_name: cluster_name(settings.installation.cluster_name.clone()).await?,
        configuration: settings.installation.configuration()?,
        accounts: setup::accounts(&settings.installation, Access::ReadOnly).await,
    };
    for document in documents {
        let place = &document.place;
        answer.problems.extend(document.broken.iter().map(|broken| format!("{place}: {broken}")));
        let Some(spec) = &document.spec else { continue };
        let planned = if document.broken.is_empty() {
            Box::pin(without.plan(&document, spec)).await
        } else {
            Err(NoPlan::Refused(without.refusals(&document, spec)))
        };
        match planned {
            Ok(plan) => answer.plans.push(plan),
            Err(no_plan) => answer.no_plan(place, &no_plan),
        }
    }
    Ok(answer)
}

/// The cluster's name on AWS: given, or asked of a cluster that happens to be there.
async fn cluster_name(given: Option<ClusterName>) -> Result<ClusterName, Box<dyn Error>> {
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
