//! `task-pipelines iam-policy`: the least that the operator and its roles need IAM to allow.

use std::collections::BTreeSet;
use std::error::Error;

use aws::{Access, Accounts, MAX_POLICY, OperatorPolicy};
use pipeline_core::configuration::Configuration;
use pipeline_core::desired::boundary;
use pipeline_core::error_chain::chain;
use pipeline_core::location::Target;
use pipeline_core::partition::Partition;

use super::arguments::IamPolicySettings;
use super::{print, runtime, setup};

/// Prints the policy for these settings, or the boundary that its roles need.
///
/// # Errors
/// The cluster has no name, or the configuration has mistakes.
pub fn run(settings: &IamPolicySettings) -> Result<(), Box<dyn Error>> {
    let configuration = settings.installation.configuration()?;
    let policy = runtime()?.block_on(policy(settings, &configuration))?;
    let document = if settings.boundary {
        boundary(&policy.cluster, &policy.location(), &configuration)
    } else {
        policy.document()
    };
    let size = document.to_string().chars().count();
    if size > MAX_POLICY {
        tracing::warn!(
            size,
            MAX_POLICY,
            "too long for a managed policy: say more with fewer patterns in the configuration"
        );
    }
    print(&(serde_json::to_string_pretty(&document)? + "\n"))?;
    Ok(())
}

async fn policy(settings: &IamPolicySettings, configuration: &Configuration) -> Result<OperatorPolicy, Box<dyn Error>> {
    let IamPolicySettings { installation, account, regions, partition, boundary: _ } = settings;
    let cluster =
        installation.cluster_name.clone().ok_or("set --cluster-name: roles and parameters have it in their path")?;
    let accounts = setup::accounts(installation, Access::ReadOnly).await;
    let regions = match (regions.as_slice(), accounts.own_region()) {
        ([], None) => Vec::new(),
        ([], Some(own)) => {
            configuration.regions().into_iter().chain([own.to_owned()]).collect::<BTreeSet<_>>().into_iter().collect()
        }
        (named, _) => named.to_vec(),
    };
    let found = match account {
        Some(_) => None,
        None => found_identity(&accounts).await,
    };
    let (found_partition, found_account) = found.unzip();
    let by_region = regions.first().map(|region| Partition::of_region(region));
    let partition = partition.or(found_partition).or(by_region).unwrap_or(Partition::Aws);
    Ok(OperatorPolicy {
        sources: configuration.sources(partition),
        partition,
        account: account.clone().or(found_account),
        regions,
        cluster,
        boundary: installation.permissions_boundary.clone(),
        assumed_roles: configuration.roles(),
        layer_bucket: configuration.layer_bucket().cloned(),
    })
}

/// Partition and account of the AWS credentials, if there are any.
async fn found_identity(accounts: &Accounts) -> Option<(Partition, String)> {
    match accounts.get(&Target::default()).await {
        Ok(aws) => Some((aws.location.partition, aws.location.account.clone())),
        Err(error) => {
            tracing::warn!(error = chain(&error), "the account is not known, so the policy covers any; set --account");
            None
        }
    }
}
