//! All that the API server and the operator would refuse in files, found with neither at hand.

use std::env;
use std::error::Error;
use std::path::PathBuf;
use std::sync::Arc;

use api::Architecture;
use pipeline_core::admission::Broken;
use pipeline_core::code::{Artifact, Artifacts, Builtin};
use pipeline_core::pipeline::Refusal;

use super::documents::{self, Document, Files, Namespace};
use super::offline::Offline;
use crate::cli::settings::read_configuration;

pub use super::documents::Finding;

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

/// Reconciles through all files; `namespace` is that of a flag.
///
/// # Errors
/// A file cannot be read, none has a pipeline, or the configuration cannot be used.
pub async fn lint(settings: &LintSettings, namespace: Option<String>) -> Result<Vec<Finding>, Box<dyn Error>> {
    let configuration = read_configuration(settings.config.as_deref())?;
    let namespace = Namespace::of(namespace).await;
    let Files { documents, secrets: _, problems } = documents::read(&settings.files, &namespace)?;
    let region = settings.region.clone().or_else(|| env::var("AWS_REGION").ok());
    let offline = Offline {
        artifacts: &released(),
        configuration: &configuration,
        // Names on AWS have their limits whatever the cluster is called.
        cluster_name: &"lint".parse()?,
        own_region: region.as_deref(),
    };
    Ok(problems.into_iter().chain(documents.iter().flat_map(|document| refused(document, offline))).collect())
}

fn refused(document: &Document, offline: Offline<'_>) -> Vec<Finding> {
    let refusals = document.spec.as_ref().map(|spec| offline.refusals(document, spec)).unwrap_or_default();
    let problems = document.broken.iter().map(Broken::to_string).chain(refusals.iter().map(Refusal::to_string));
    problems.map(|problem| Finding { place: document.place.clone(), problem }).collect()
}

/// The functions that every release has, for all architectures.
fn released() -> Artifacts {
    let architectures = [Architecture::Arm64, Architecture::X8664];
    let all = [Builtin::Sender, Builtin::Runner].into_iter().flat_map(|one| architectures.map(|it| (one, it)));
    let artifact = Arc::new(Artifact { path: PathBuf::new(), size: 0, sha256: String::new() });
    all.map(|key| (key, Arc::clone(&artifact))).collect()
}
