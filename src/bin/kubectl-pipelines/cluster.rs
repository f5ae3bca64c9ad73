//! The cluster that kubectl talks to.

use std::error::Error;

use api::{ScheduledTaskPipeline, Stored};
use kube::api::{ListParams, Patch, PatchParams};
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::{Api, Client, Config};
use pipeline_core::text::one_line;
use serde_json::Value;
use task_pipelines::cli::terminal;
use task_pipelines::kubernetes::client::client;

/// Who changed it, as `metadata.managedFields` says.
const MANAGER: &str = "kubectl-pipelines";

/// Where pipelines are looked for.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct Place {
    /// Namespace of the pipeline [default: the kubeconfig's].
    #[arg(short, long, global = true)]
    namespace: Option<String>,

    /// Context of the kubeconfig [default: its current one].
    #[arg(long, global = true)]
    context: Option<String>,
}

/// The pipelines of one namespace.
pub(crate) struct Pipelines {
    api: Api<Stored>,
    namespace: String,
}

impl Place {
    /// As far as the words of a command line say it that nobody has finished.
    pub(crate) fn of_words(words: &[String]) -> Self {
        let after = |flags: &[&str]| {
            let at = words.iter().position(|word| flags.contains(&word.as_str()))?;
            words.get(at + 1).cloned()
        };
        Self { namespace: after(&["--namespace", "-n"]), context: after(&["--context"]) }
    }

    /// The namespace that is asked for.
    pub(crate) fn namespace(self) -> Option<String> {
        self.namespace
    }

    /// A client, and the namespace.
    pub(crate) async fn client(self) -> Result<(Client, String), Box<dyn Error>> {
        let config = self.config().await?;
        let namespace = self.namespace.unwrap_or_else(|| config.default_namespace.clone());
        Ok((client(config)?, namespace))
    }

    /// Connects to the pipelines of its namespace.
    pub(crate) async fn connect(self) -> Result<Pipelines, Box<dyn Error>> {
        let (client, namespace) = self.client().await?;
        Ok(Pipelines { api: Api::namespaced(client, &namespace), namespace })
    }

    /// Lists the pipelines of all namespaces.
    pub(crate) async fn everywhere(self) -> Result<Vec<Stored>, Box<dyn Error>> {
        let api = Api::all(client(self.config().await?)?);
        Ok(api.list(&ListParams::default()).await?.items)
    }

    async fn config(&self) -> Result<Config, Box<dyn Error>> {
        Ok(match self.context.clone() {
            None => Config::infer().await?,
            Some(context) => {
                let options = KubeConfigOptions { context: Some(context), ..KubeConfigOptions::default() };
                Config::from_custom_kubeconfig(Kubeconfig::read()?, &options).await?
            }
        })
    }
}

impl Pipelines {
    /// All of them.
    pub(crate) async fn list(&self) -> Result<Vec<Stored>, Box<dyn Error>> {
        Ok(self.api.list(&ListParams::default()).await?.items)
    }

    /// A pipeline as it is now, for what its metadata and status say: if its spec cannot be read, stderr says so.
    pub(crate) async fn get(&self, name: &str) -> Result<ScheduledTaskPipeline, Box<dyn Error>> {
        let Stored { pipeline, unreadable } = self.stored(name).await?;
        if let Some(unreadable) = unreadable {
            terminal::note(&format!("{name}: {}", one_line(&unreadable.to_string())))?;
        }
        Ok(pipeline)
    }

    /// The same, as far as it can be read.
    pub(crate) async fn stored(&self, name: &str) -> Result<Stored, Box<dyn Error>> {
        self.api.get_opt(name).await?.ok_or_else(|| self.none(name))
    }

    /// Merges a change into a pipeline.
    pub(crate) async fn change(&self, name: &str, change: Value) -> Result<ScheduledTaskPipeline, Box<dyn Error>> {
        let parameters = PatchParams { field_manager: Some(MANAGER.to_owned()), ..PatchParams::default() };
        match self.api.patch(name, &parameters, &Patch::Merge(change)).await {
            Err(kube::Error::Api(status)) if status.is_not_found() => Err(self.none(name)),
            changed => Ok(changed?.pipeline),
        }
    }

    fn none(&self, name: &str) -> Box<dyn Error> {
        format!("there is no pipeline `{name}` in namespace `{}`", self.namespace).into()
    }
}
