//! `kubectl pipelines check`: the cluster, what you may do in it, your AWS credentials, and how full the account is.

use std::error::Error;

use api::GROUP;
use aws::own::usage::{self, Usage};
use aws::own::{Failure, Session};
use clap::Args;
use jiff::{SignedDuration, Timestamp};
use k8s_openapi::api::coordination::v1::Lease;
use kube::Client;
use kube::api::{Api, ListParams};
use pipeline_core::error_chain::chain;
use task_pipelines::cli::exit_status::ExitStatus;
use task_pipelines::kubernetes::preflight::{Finding, Right, api_server, definition, lines, permissions};

use crate::cluster::Place;
use crate::output::{self, Output};
use crate::print;

#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// Name of the operator's Lease: that of the Helm release.
    #[arg(long, default_value = "task-pipelines")]
    lease: String,

    /// Form of what is found.
    #[arg(short, long, value_enum, default_value_t = Output::Text)]
    output: Output,
}

/// A leader renews its lease every second; this long without means that none is there.
const SILENCE: SignedDuration = SignedDuration::from_secs(30);

/// Share of a quota, in percent, from which on it is time to ask for more.
const NEARLY_FULL: i64 = 90;

/// Schedule groups in an account and region, one a pipeline: AWS has no call that tells.
/// <https://docs.aws.amazon.com/scheduler/latest/UserGuide/scheduler-quotas.html>
const SCHEDULE_GROUPS: i64 = 500;

pub(crate) async fn run(arguments: Arguments, place: Place) -> Result<ExitStatus, Box<dyn Error>> {
    let (client, namespace) = place.client().await?;
    let mut findings = vec![api_server(&client).await];
    if findings.iter().all(|finding| finding.is_well) {
        findings.push(definition(&client).await);
        findings.push(Finding::of("operator", operator(&client, &arguments.lease).await));
        findings.push(permissions(&client, &rights(&namespace)).await);
    }
    findings.extend(aws(&Session::in_region(None).await).await);
    match output::document(arguments.output, &findings)? {
        Some(document) => print(&document)?,
        None => print(&lines(&findings))?,
    }
    Ok(ExitStatus::of_check(findings.iter().all(|finding| finding.is_well)))
}

/// What the plugin's commands need.
fn rights(namespace: &str) -> Vec<Right<'_>> {
    let verbs = ["get", "list", "create", "patch", "delete"];
    let of_pipelines = verbs.map(|verb| (verb, GROUP, "scheduledtaskpipelines"));
    let right = |(verb, group, resource)| Right { verb, group, resource, namespace: Some(namespace), name: None };
    of_pipelines.into_iter().chain([("create", "", "secrets")]).map(right).collect()
}

async fn operator(client: &Client, name: &str) -> Result<String, String> {
    let leases: Api<Lease> = Api::all(client.clone());
    let only = ListParams::default().fields(&format!("metadata.name={name}"));
    let found = match leases.list(&only).await {
        Ok(found) => found.items,
        Err(kube::Error::Api(status)) if status.is_forbidden() => {
            return Ok("not checked, since you may not list leases".to_owned());
        }
        Err(error) => return Err(chain(&error)),
    };
    let remedy = "install it with helm, or see why its Pods do not run";
    let Some(lease) = found.first() else {
        return Err(format!("there is no Lease `{name}` in any namespace, so no operator has led yet; {remedy}"));
    };
    let namespace = lease.metadata.namespace.as_deref().unwrap_or_default();
    let spec = lease.spec.clone().unwrap_or_default();
    let silent = spec.renew_time.map(|renewed| Timestamp::now().duration_since(renewed.0));
    match (spec.holder_identity, silent) {
        (Some(holder), Some(silent)) if silent < SILENCE => Ok(format!("{holder} leads, in namespace {namespace}")),
        _ => Err(format!("no operator leads in namespace {namespace}: the Lease was not renewed lately; {remedy}")),
    }
}

async fn aws(session: &Session) -> Vec<Finding> {
    if !session.has_region() {
        return vec![Finding::of("your AWS credentials", Err("no region is set; set AWS_REGION".to_owned()))];
    }
    let identity = session.identity().await.map_err(|failure| format!("{failure}; `aws configure` sets credentials"));
    let is_known = identity.is_ok();
    let mut findings = vec![Finding::of("your AWS credentials", identity)];
    if is_known {
        findings.push(Finding::of("IAM roles", roles(session).await));
        findings.push(Finding::of("Lambda storage", storage(session).await));
        findings.push(Finding::of("schedule groups", groups(session).await));
    }
    findings
}

async fn roles(session: &Session) -> Result<String, String> {
    match usage::roles(session).await.map_err(|failure| unknown(&failure))? {
        Some(usage) => told(usage, "roles", "a pipeline has three, and one a function"),
        None => Ok("AWS does not tell".to_owned()),
    }
}

async fn storage(session: &Session) -> Result<String, String> {
    let mebibytes = |bytes: i64| bytes / 1_048_576;
    match usage::code(session).await.map_err(|failure| unknown(&failure))? {
        Some(Usage { used, quota }) => {
            let usage = Usage { used: mebibytes(used), quota: mebibytes(quota) };
            told(usage, "MiB of code", "layers count each version")
        }
        None => Ok("AWS does not tell".to_owned()),
    }
}

async fn groups(session: &Session) -> Result<String, String> {
    let used = usage::schedule_groups(session).await.map_err(|failure| unknown(&failure))?;
    let usage = Usage { used, quota: SCHEDULE_GROUPS };
    told(usage, "schedule groups", "one a pipeline; your quota may be another")
}

fn told(Usage { used, quota }: Usage, what: &str, note: &str) -> Result<String, String> {
    let text = format!("{used} of {quota} {what} are used ({note})");
    if used * 100 < quota * NEARLY_FULL { Ok(text) } else { Err(format!("{text}; ask AWS for more in Service Quotas")) }
}

fn unknown(failure: &Failure) -> String {
    format!("not known: {failure}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quota_that_is_nearly_full_is_not_well() {
        assert_eq!(told(Usage { used: 899, quota: 1000 }, "roles", "n").unwrap(), "899 of 1000 roles are used (n)");
        assert_eq!(
            told(Usage { used: 900, quota: 1000 }, "roles", "n").unwrap_err(),
            "900 of 1000 roles are used (n); ask AWS for more in Service Quotas"
        );
    }
}
