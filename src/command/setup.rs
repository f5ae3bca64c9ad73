//! What each command needs to see pipelines as the operator does.

use k8s_openapi::api::core::v1::Namespace;
use kube::{Api, Client, ResourceExt as _};

use crate::functions::{self, FunctionsError};
use crate::identity::{ClusterName, ClusterNameError};
use crate::resource::Installation;
use crate::settings::InstallationSettings;

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

/// What all pipelines share.
///
/// # Errors
/// There are no zips of the built-in functions.
pub(super) fn installation(settings: &InstallationSettings) -> Result<Installation, FunctionsError> {
    Ok(Installation {
        artifacts: functions::find(settings.functions_dir.as_deref(), settings.uploads)?,
        permissions_boundary: settings.permissions_boundary.clone(),
    })
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
