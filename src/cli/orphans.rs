//! `task-pipelines orphans`: what pipelines that are gone left on AWS.

pub mod search;

use std::collections::BTreeSet;
use std::error::Error;
use std::io::{self, IsTerminal as _};

use api::{ScheduledTaskPipeline, Stored};
use aws::{Access, Aws};
use kube::api::{Api, ListParams};
use kube::core::Request;
use kube::{Client, Resource as _};
use pipeline_core::location::{AssumedRole, Target};
use pipeline_core::names::{ClusterName, Owner};
use pipeline_core::text::{counted, printable};
use protocol::PipelineRef;
use serde::Deserialize;

use super::arguments::{OrphansSettings, Output};
use super::exit_status::ExitStatus;
use super::terminal::{self, print};
use super::{runtime, setup};
use crate::kubernetes::client;
use search::Orphan;

/// Lists orphans, and deletes them if that is asked for.
///
/// # Errors
/// The cluster does not say which pipelines live, or AWS does not show what there is.
pub fn orphans(settings: OrphansSettings) -> Result<ExitStatus, Box<dyn Error>> {
    runtime()?.block_on(search(settings))
}

/// What lies in one place.
struct Found {
    aws: Aws,
    owners: Vec<(Owner, Vec<Orphan>)>,
}

async fn search(settings: OrphansSettings) -> Result<ExitStatus, Box<dyn Error>> {
    let client = client::infer().await?;
    let cluster = match settings.installation.cluster_name.clone() {
        Some(name) => name,
        None => setup::derived_cluster_name(&client).await?,
    };
    let living = living(&client).await?;
    let mut places = Vec::new();
    let access = if settings.delete { Access::ReadWrite } else { Access::ReadOnly };
    let accounts = setup::accounts(&settings.installation, access).await;
    for target in targets(&settings) {
        let aws = Aws::clone(&*accounts.get(&target).await?);
        let owners = search::find(&aws, &cluster, &living).await?.into_iter().collect();
        places.push(Found { aws, owners });
    }
    let all: Vec<Orphan> = places.iter().flat_map(|place| &place.owners).flat_map(|(_, found)| found.clone()).collect();
    match settings.output {
        Output::Text => print(&search::text(&all))?,
        Output::Json => print(&terminal::json(&all)?)?,
    }
    if all.is_empty() {
        terminal::note(&format!("no orphans of cluster {cluster}"))?;
        return Ok(ExitStatus::Success);
    }
    if !settings.delete {
        return Ok(ExitStatus::Failure);
    }
    if !settings.yes && !confirmed(all.len(), &cluster)? {
        return Ok(ExitStatus::Failure);
    }
    delete(&client, places).await
}

/// Deletes what was shown, as far as its pipeline is still gone.
async fn delete(client: &Client, places: Vec<Found>) -> Result<ExitStatus, Box<dyn Error>> {
    let mut left = Vec::new();
    for Found { aws, owners } in places {
        for (owner, orphans) in owners {
            let pipelines: Api<Stored> = Api::namespaced(client.clone(), &owner.namespace);
            if pipelines.get_opt(&owner.name).await?.is_some() {
                left.push(format!("pipeline {}/{} is there again: left alone", owner.namespace, owner.name));
                continue;
            }
            left.extend(search::left(&search::delete(&aws, &owner, &orphans).await));
        }
    }
    for line in &left {
        terminal::note(&printable(line))?;
    }
    Ok(if left.is_empty() { ExitStatus::Success } else { ExitStatus::Error })
}

/// The regions that are named, or the operator's own.
fn targets(settings: &OrphansSettings) -> Vec<Target> {
    let external_id = settings.external_id.clone();
    let role = settings.role_arn.clone().map(|arn| AssumedRole { arn, external_id });
    let target = |region: Option<String>| Target { region, role: role.clone() };
    if settings.regions.is_empty() {
        return vec![target(None)];
    }
    settings.regions.iter().map(|region| target(Some(region.clone()))).collect()
}

/// What counts of a list of pipelines: the rest may be as odd as its authors like.
#[derive(Debug, Deserialize)]
struct Names {
    items: Vec<Named>,
}

#[derive(Debug, Deserialize)]
struct Named {
    metadata: PipelineRef,
}

/// All pipelines of the cluster. Without the answer everything would look like an orphan.
async fn living(client: &Client) -> kube::Result<BTreeSet<PipelineRef>> {
    let request = Request::new(ScheduledTaskPipeline::url_path(&(), None));
    let request = request.list_metadata(&ListParams::default()).map_err(kube::Error::BuildRequest)?;
    let Names { items } = client.request(request).await?;
    Ok(items.into_iter().map(|named| named.metadata).collect())
}

fn confirmed(count: usize, cluster: &ClusterName) -> Result<bool, Box<dyn Error>> {
    if !io::stdin().is_terminal() {
        return Err("stdin is not a terminal, so nobody can confirm; pass --yes".into());
    }
    let question =
        format!("Delete {}, which no pipeline of cluster {cluster} owns? [y/N] ", counted(count, "resource"));
    terminal::ask(&question)?;
    let mut answer = String::new();
    io::stdin().read_line(&mut answer)?;
    Ok(matches!(answer.trim(), "y" | "yes"))
}
