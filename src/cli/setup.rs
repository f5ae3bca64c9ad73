//! What each command needs to see pipelines as the operator does.

use std::env;
use std::path::PathBuf;
use std::sync::Arc;

use aws::{Access, Accounts, AwsRequests, Leadership};
use k8s_openapi::api::core::v1::Namespace;
use kube::{Api, Client, ResourceExt as _};
use pipeline_core::configuration::Configuration;
use pipeline_core::desired::Installation;
use pipeline_core::names::{ClusterName, ClusterNameError};

use crate::artifacts::builtin::{self, FunctionsError};
use crate::artifacts::layers::{Layers, Tools};
use crate::cli::settings::{InstallationSettings, LayerSettings};

/// Why a cluster has no name on AWS.
#[derive(Debug, thiserror::Error)]
pub(super) enum NoClusterName {
    /// The API server does not answer, or refuses.
    #[error("cannot read namespace kube-system, whose UID names the cluster; set --cluster-name, or grant get on it")]
    Unread(#[source] Box<kube::Error>),
    /// The UID names nothing.
    #[error("set --cluster-name")]
    Unusable(#[from] ClusterNameError),
}

/// What all pipelines share, and what builds their layers.
///
/// # Errors
/// There are no zips of the built-in functions.
pub(super) fn installation(
    settings: &InstallationSettings,
    configuration: &Configuration,
) -> Result<(Installation, Arc<Layers>), FunctionsError> {
    let installation = Installation {
        artifacts: builtin::find(settings.functions_dir.as_deref())?,
        permissions_boundary: settings.permissions_boundary.clone(),
        layer_bucket: configuration.layer_bucket().cloned(),
    };
    let LayerSettings { package_index, uv, cache_dir: _ } = settings.layers.clone();
    let tools = Tools { uv, index: package_index };
    Ok((installation, Arc::new(Layers::new(tools, cache(&settings.layers).join("layers")))))
}

/// Where files are kept and built.
pub(super) fn cache(settings: &LayerSettings) -> PathBuf {
    settings.cache_dir.clone().unwrap_or_else(|| env::temp_dir().join("task-pipelines"))
}

/// AWS, for a command that works by itself.
pub(super) async fn accounts(settings: &InstallationSettings, access: Access) -> Accounts {
    counted_accounts(settings, access, AwsRequests::default()).await
}

/// The same, with what keeps account of its calls.
pub(super) async fn counted_accounts(
    settings: &InstallationSettings,
    access: Access,
    requests: AwsRequests,
) -> Accounts {
    let InstallationSettings { pacing, uploads, .. } = *settings;
    Accounts::from_environment(pacing.into(), access, uploads, Leadership::sole(), requests).await
}

/// The cluster's name where none is set.
///
/// # Errors
/// The API server does not say, at least not now.
pub(super) async fn derived_cluster_name(client: &Client) -> Result<ClusterName, NoClusterName> {
    let namespaces: Api<Namespace> = Api::all(client.clone());
    let namespace = namespaces.get("kube-system").await.map_err(|error| NoClusterName::Unread(Box::new(error)))?;
    Ok(ClusterName::from_cluster_uid(&namespace.uid().unwrap_or_default())?)
}
