//! `task-pipelines check`: whether the operator has all it needs, with the settings it would run with.

mod aws_account;
mod rights;
mod risks;
pub mod room;
mod scratch;
mod write;

use std::error::Error;
use std::fs;
use std::path::Path;
use std::process::Command;

use api::GROUP;
use aws::resource::list;
use aws::{Access, Aws};
use kube::Client;
use pipeline_core::error_chain::chain;
use pipeline_core::location::Target;
use pipeline_core::names::ClusterName;

use super::arguments::CheckSettings;
use super::{print, runtime, setup, terminal};
use crate::artifacts::builtin;
use crate::cli::exit_status::ExitStatus;
use crate::cli::settings::{LayerSettings, RunSettings};
use crate::kubernetes::client;
use crate::kubernetes::preflight::{Finding, Right, api_server, are_well, definition, lines, permissions};

/// Checks everything, and prints a line for each.
///
/// # Errors
/// There is nothing to check with: no program can run here.
pub fn check(settings: &CheckSettings) -> Result<ExitStatus, Box<dyn Error>> {
    runtime()?.block_on(async {
        if settings.aws {
            return Box::pin(account(settings)).await;
        }
        let findings = all(&settings.run).await;
        print(&lines(&findings))?;
        Ok(ExitStatus::of_check(are_well(&findings)))
    })
}

/// Checks an account: what can be read, and if that is asked for and all of it is well, what can be written.
async fn account(settings: &CheckSettings) -> Result<ExitStatus, Box<dyn Error>> {
    let (findings, cluster) = Box::pin(aws_account::all(settings)).await;
    print(&lines(&findings))?;
    let is_well = are_well(&findings);
    let (Some(webhook), Some(cluster), true) = (&settings.webhook, cluster, settings.write) else {
        return Ok(ExitStatus::of_check(is_well));
    };
    if !is_well {
        terminal::note("nothing was made on AWS: put right what fails first")?;
        return Ok(ExitStatus::Failure);
    }
    write::write(settings, cluster, webhook).await
}

async fn all(settings: &RunSettings) -> Vec<Finding> {
    let installation = &settings.installation;
    let mut findings = vec![
        Finding::of("functions", built_in_functions(settings)),
        Finding::of("configuration", configuration(settings)),
        Finding::of("uv", uv(&installation.layers)),
    ];
    let cluster_name = match client::infer().await {
        Ok(client) => {
            findings.extend(cluster(&client, settings).await);
            match installation.cluster_name.clone() {
                Some(name) => Ok(name),
                None => setup::derived_cluster_name(&client).await.map_err(|error| chain(&error)),
            }
        }
        Err(error) => {
            findings.push(Finding::of("API server", Err(format!("{}; set KUBECONFIG", chain(&error)))));
            installation.cluster_name.clone().ok_or_else(|| "no cluster tells it; set --cluster-name".to_owned())
        }
    };
    findings.push(Finding::of("cluster name", cluster_name.as_ref().map(ToString::to_string).map_err(Clone::clone)));
    findings.extend(aws(settings, cluster_name.ok()).await);
    findings
}

/// Checks that the operator also makes when it starts.
pub(super) async fn cluster(client: &Client, settings: &RunSettings) -> Vec<Finding> {
    let first = api_server(client).await;
    if first.is_not_well() {
        return vec![first];
    }
    vec![first, definition(client).await, permissions(client, &rights(client, settings)).await]
}

/// What the chart's roles grant.
fn rights<'a>(client: &'a Client, settings: &'a RunSettings) -> Vec<Right<'a>> {
    let namespace = settings.watch_namespace.as_deref();
    let right = |verb, group, resource| Right { verb, group, resource, namespace, name: None };
    let of_pipelines = ["get", "list", "watch", "patch"].map(|verb| right(verb, GROUP, "scheduledtaskpipelines"));
    let mut rights = of_pipelines.to_vec();
    rights.extend([
        right("patch", GROUP, "scheduledtaskpipelines/status"),
        right("get", "", "secrets"),
        right("get", "", "configmaps"),
        right("create", "events.k8s.io", "events"),
        right("patch", "events.k8s.io", "events"),
    ]);
    if settings.installation.cluster_name.is_none() {
        let name = Some("kube-system");
        rights.push(Right { verb: "get", group: "", resource: "namespaces", namespace: None, name });
    }
    if let Some(lease) = &settings.lease {
        let of_lease = |verb, name| Right {
            verb,
            group: "coordination.k8s.io",
            resource: "leases",
            namespace: Some(client.default_namespace()),
            name,
        };
        rights.extend([of_lease("create", None), of_lease("get", Some(lease)), of_lease("update", Some(lease))]);
    }
    rights
}

fn built_in_functions(settings: &RunSettings) -> Result<String, String> {
    let directory = settings.installation.functions_dir.as_deref();
    let found = builtin::find(directory).map_err(|error| chain(&error))?;
    let names = found.keys().map(|(builtin, architecture)| format!("{}-{}", builtin.as_str(), architecture.as_str()));
    Ok(names.collect::<Vec<_>>().join(", "))
}

fn configuration(settings: &RunSettings) -> Result<String, String> {
    settings.installation.configuration().map_err(|error| chain(&error))?;
    let file = settings.installation.config.as_deref().map(Path::display);
    Ok(file
        .map_or_else(|| "none: pipelines reach nothing beyond their own".to_owned(), |file| format!("{file} is valid")))
}

fn uv(settings: &LayerSettings) -> Result<String, String> {
    let (program, cache) = (&settings.uv, setup::cache(settings));
    fs::create_dir_all(&cache).map_err(|error| {
        format!(
            "layers from requirements are built in {}, which cannot be written ({error}): set --cache-dir",
            cache.display()
        )
    })?;
    let missing =
        |why: String| format!("{} does not run ({why}); layers from requirements need it: set --uv", program.display());
    let ask = |arguments: &[&str]| {
        let answer = Command::new(program)
            .args(arguments)
            .env("TMPDIR", &cache)
            .output()
            .map_err(|error| missing(error.to_string()))?;
        let text = String::from_utf8_lossy(&answer.stdout).trim().to_owned();
        Ok::<_, String>((answer.status, text))
    };
    let (ended, version) = ask(&["--version"])?;
    if !ended.success() {
        return Err(missing(ended.to_string()));
    }
    // It runs no code of theirs, and yet asks a Python about itself.
    match ask(&["python", "find", "--no-cache", "--no-python-downloads"])? {
        (ended, python) if ended.success() => Ok(format!("{version}, with {python}")),
        _ => Err(format!("{version} finds no Python, which layers from requirements need; install one of any version")),
    }
}

async fn aws(settings: &RunSettings, cluster: Option<ClusterName>) -> Vec<Finding> {
    let accounts = setup::accounts(&settings.installation, Access::ReadOnly).await;
    let aws = match accounts.get(&Target::default()).await {
        Ok(aws) => aws,
        Err(error) => {
            let remedy = "give the operator AWS credentials and a region";
            return vec![Finding::of("AWS identity", Err(format!("{}; {remedy}", chain(&error))))];
        }
    };
    let identity = format!("account {}, {}", aws.location.account, aws.location.region);
    let mut findings = vec![Finding::of("AWS identity", Ok(identity))];
    if let Some(cluster) = cluster {
        findings.push(Finding::of("AWS permissions", may_read(&aws, &cluster).await));
    }
    findings
}

/// Asks for all lists of a sweep. Writes cannot be tried: AWS has no way to ask that the policy grants.
async fn may_read(aws: &Aws, cluster: &ClusterName) -> Result<String, String> {
    let individually = list::IndividualReads { layers: true, ..list::IndividualReads::default() };
    match list::list(aws, cluster, &individually).await {
        Ok(_) => Ok("the reads of its policy are granted".to_owned()),
        Err(error) => Err(format!("{error}; {}", error.remedy())),
    }
}
