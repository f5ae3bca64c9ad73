//! `kubectl pipelines check`: the cluster, what you may do in it, your AWS credentials, and how full the account is.

use std::error::Error;

use api::GROUP;
use aws::own::Session;
use clap::Args;
use jiff::{SignedDuration, Timestamp};
use k8s_openapi::api::coordination::v1::Lease;
use kube::Client;
use kube::api::{Api, ListParams};
use pipeline_core::error_chain::chain;
use task_pipelines::cli::check::room;
use task_pipelines::cli::exit_status::ExitStatus;
use task_pipelines::kubernetes::preflight::{Finding, Right, api_server, are_well, definition, lines, permissions};

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

pub(crate) async fn run(arguments: Arguments, place: Place) -> Result<ExitStatus, Box<dyn Error>> {
    let (client, namespace) = place.client().await?;
    let mut findings = vec![api_server(&client).await];
    if are_well(&findings) {
        findings.push(definition(&client).await);
        findings.push(Finding::of("operator", operator(&client, &arguments.lease).await));
        findings.push(permissions(&client, &rights(&namespace)).await);
    }
    findings.extend(aws(&Session::in_region(None).await).await);
    match output::document(arguments.output, &findings)? {
        Some(document) => print(&document)?,
        None => print(&lines(&findings))?,
    }
    Ok(ExitStatus::of_check(are_well(&findings)))
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
        findings.extend(room::findings(session).await);
    }
    findings
}
