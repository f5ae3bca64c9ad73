//! The cluster that kubectl talks to.

use std::error::Error;

use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::{Api, Client, Config};
use task_pipelines::crd::ScheduledTaskPipeline;

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

impl Place {
    /// A pipeline as it is now.
    pub(crate) async fn pipeline(self, name: &str) -> Result<ScheduledTaskPipeline, Box<dyn Error>> {
        let config = match self.context {
            None => Config::infer().await?,
            Some(context) => {
                let options = KubeConfigOptions { context: Some(context), ..KubeConfigOptions::default() };
                Config::from_custom_kubeconfig(Kubeconfig::read()?, &options).await?
            }
        };
        let namespace = self.namespace.unwrap_or_else(|| config.default_namespace.clone());
        let pipelines: Api<ScheduledTaskPipeline> = Api::namespaced(Client::try_from(config)?, &namespace);
        let found = pipelines.get_opt(name).await?;
        found.ok_or_else(|| format!("there is no pipeline `{name}` in namespace `{namespace}`").into())
    }
}
