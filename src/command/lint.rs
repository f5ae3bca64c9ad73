//! All that the API server and the operator would refuse in files, found with neither at hand.

use std::env;
use std::error::Error;
use std::path::PathBuf;
use std::sync::Arc;

use serde::Serialize;
use tokio::sync::Semaphore;

use super::documents::{self, Document, Files, Namespace};
use super::offline::Offline;
use crate::code::{Artifact, Artifacts, Builtin};
use crate::configuration::Configuration;
use crate::crd::Architecture;
use crate::pipeline::Refusal;
use crate::settings::read_configuration;

/// Which files, and for which operator.
#[derive(Clone, Debug, clap::Args)]
pub struct LintSettings {
    /// Files of pipelines, of several documents perhaps; `-` for stdin.
    #[arg(required = true, value_name = "FILE")]
    pub files: Vec<PathBuf>,

    /// The operator's configuration, which says what pipelines may reach beyond their own resources [default: nothing].
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,

    /// The operator's own region, in which pipelines live that name none [default: `AWS_REGION`].
    #[arg(long)]
    pub region: Option<String>,
}

/// One thing that would be refused.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// File and number of the document in it: `pipeline.yaml:2`.
    pub place: String,
    /// What is wrong, with its field, and what to do.
    pub problem: String,
}

/// Looks through all files; `namespace` is that of a flag.
///
/// # Errors
/// A file cannot be read, none has a pipeline, or the configuration cannot be used.
pub async fn lint(settings: &LintSettings, namespace: Option<String>) -> Result<Vec<Finding>, Box<dyn Error>> {
    let configuration = read_configuration(settings.config.as_deref())?;
    let namespace = Namespace::of(namespace).await;
    let Files { documents, secrets: _, problems } = documents::read(&settings.files, &namespace)?;
    let region = settings.region.clone().or_else(|| env::var("AWS_REGION").ok());
    let unreadable = problems.into_iter().filter_map(|problem| {
        let (place, problem) = problem.split_once(": ")?;
        Some(Finding { place: place.to_owned(), problem: problem.to_owned() })
    });
    let mut findings: Vec<Finding> = unreadable.collect();
    for document in &documents {
        findings.extend(refused(document, &configuration, region.as_deref()));
    }
    Ok(findings)
}

fn refused(document: &Document, configuration: &Configuration, own_region: Option<&str>) -> Vec<Finding> {
    // Names on AWS have their limits whatever the cluster is called.
    let Ok(cluster_name) = "lint".parse() else { return Vec::new() };
    let offline = Offline { artifacts: &released(), configuration, cluster_name: &cluster_name, own_region };
    let refusals = document.spec.as_ref().map(|spec| offline.refusals(document, spec)).unwrap_or_default();
    let broken = document.broken.iter().map(|it| format!("{}: {}", it.field, it.message));
    let problems = broken.chain(refusals.iter().map(Refusal::to_string));
    problems.map(|problem| Finding { place: document.place.clone(), problem }).collect()
}

/// The functions that every release has, for all architectures.
fn released() -> Artifacts {
    let uploads = Arc::new(Semaphore::new(1));
    let architectures = [Architecture::Arm64, Architecture::X8664];
    let all = [Builtin::Sender, Builtin::Runner].into_iter().flat_map(|one| architectures.map(|it| (one, it)));
    let artifact = Artifact { path: PathBuf::new(), sha256: String::new(), uploads };
    let artifact = Arc::new(artifact);
    all.map(|key| (key, Arc::clone(&artifact))).collect()
}
