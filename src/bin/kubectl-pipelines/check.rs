//! `kubectl pipelines check`: the cluster, what you may do in it, your AWS credentials, and how full the account is.

use std::error::Error;

use api::GROUP;
use aws_config::{BehaviorVersion, SdkConfig};
use aws_sdk_iam::error::DisplayErrorContext;
use aws_sdk_iam::types::SummaryKeyType;
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
    let config = aws_config::load_defaults(BehaviorVersion::v2026_01_12()).await;
    findings.extend(aws(&config).await);
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

async fn aws(config: &SdkConfig) -> Vec<Finding> {
    if config.region().is_none() {
        return vec![Finding::of("your AWS credentials", Err("no region is set; set AWS_REGION".to_owned()))];
    }
    let identity = aws_sdk_sts::Client::new(config).get_caller_identity().send().await;
    let found = match &identity {
        Ok(identity) => Ok(identity.arn().unwrap_or_default().to_owned()),
        Err(error) => Err(format!("{}; `aws configure` sets credentials", DisplayErrorContext(error))),
    };
    let mut findings = vec![Finding::of("your AWS credentials", found)];
    if identity.is_ok() {
        findings.push(Finding::of("IAM roles", roles(config).await));
        findings.push(Finding::of("Lambda storage", storage(config).await));
        findings.push(Finding::of("schedule groups", groups(config).await));
    }
    findings
}

async fn roles(config: &SdkConfig) -> Result<String, String> {
    let summary = aws_sdk_iam::Client::new(config).get_account_summary().send().await;
    let summary = summary.map_err(unknown)?.summary_map.unwrap_or_default();
    let of = |key| summary.get(&key).copied().map(i64::from);
    // The SDK knows no name for the quota.
    match (of(SummaryKeyType::Roles), of(SummaryKeyType::from("RolesQuota"))) {
        (Some(used), Some(quota)) => usage(used, quota, "roles", "a pipeline has three, and one a function"),
        _ => Ok("AWS does not tell".to_owned()),
    }
}

async fn storage(config: &SdkConfig) -> Result<String, String> {
    let settings = aws_sdk_lambda::Client::new(config).get_account_settings().send().await.map_err(unknown)?;
    let mebibytes = |bytes: i64| bytes / 1_048_576;
    let limit = settings.account_limit().map(|limit| mebibytes(limit.total_code_size()));
    let used = settings.account_usage().map(|usage| mebibytes(usage.total_code_size()));
    match used.zip(limit) {
        Some((used, limit)) => usage(used, limit, "MiB of code", "layers count each version"),
        None => Ok("AWS does not tell".to_owned()),
    }
}

async fn groups(config: &SdkConfig) -> Result<String, String> {
    let mut pages = aws_sdk_scheduler::Client::new(config).list_schedule_groups().into_paginator().items().send();
    let mut used = 0;
    while let Some(group) = pages.next().await {
        group.map_err(unknown)?;
        used += 1;
    }
    usage(used, SCHEDULE_GROUPS, "schedule groups", "one a pipeline; your quota may be another")
}

fn usage(used: i64, quota: i64, what: &str, note: &str) -> Result<String, String> {
    let text = format!("{used} of {quota} {what} are used ({note})");
    if used * 100 < quota * NEARLY_FULL { Ok(text) } else { Err(format!("{text}; ask AWS for more in Service Quotas")) }
}

fn unknown<E: std::error::Error + Send + Sync + 'static>(error: E) -> String {
    format!("not known: {}", DisplayErrorContext(error))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quota_that_is_nearly_full_is_not_well() {
        assert_eq!(usage(899, 1000, "roles", "n").unwrap(), "899 of 1000 roles are used (n)");
        assert_eq!(
            usage(900, 1000, "roles", "n").unwrap_err(),
            "900 of 1000 roles are used (n); ask AWS for more in Service Quotas"
        );
    }
}
