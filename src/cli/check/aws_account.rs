//! `task-pipelines check --aws`: all that can be known of an account without a write, and without a cluster.

use aws::own::services::{self, Service};
use aws::own::{Failure, Session};
use aws::{Access, Aws};
use futures::future::join_all;
use futures::join;
use pipeline_core::error_chain::chain;
use pipeline_core::location::Target;
use pipeline_core::names::ClusterName;

use super::{built_in_functions, configuration, may_read, rights, room};
use crate::cli::arguments::CheckSettings;
use crate::cli::{plan, setup};
use crate::kubernetes::preflight::Finding;

/// What the credentials come to.
struct Account {
    session: Session,
    /// Clients that change nothing.
    aws: Aws,
    /// ARN of whose credentials they are.
    caller: String,
}

/// All findings, and the cluster's name if it is known.
pub(super) async fn all(settings: &CheckSettings) -> (Vec<Finding>, Option<ClusterName>) {
    let (account, cluster, mut findings) = identified(settings).await;
    let Some(Account { session, aws, caller }) = account else { return (findings, cluster) };
    let (of_services, of_room) = join!(services_of(&session), room::findings(&session));
    findings.extend(of_services);
    findings.extend(of_room);
    if let Some(cluster) = &cluster {
        findings.push(Finding::of("AWS reads", may_read(&aws, cluster).await));
        findings.extend(rights::findings(settings, &session, &aws.location, &caller, cluster.clone()).await);
    }
    (findings, cluster)
}

/// Whose account it is, and with which names the operator would work in it.
async fn identified(settings: &CheckSettings) -> (Option<Account>, Option<ClusterName>, Vec<Finding>) {
    let run = &settings.run;
    let mut findings =
        vec![Finding::of("functions", built_in_functions(run)), Finding::of("configuration", configuration(run))];
    let cluster = plan::cluster_name(run.installation.cluster_name.clone()).await.map_err(|error| error.to_string());
    findings.push(Finding::of("cluster name", cluster.as_ref().map(ToString::to_string).map_err(Clone::clone)));
    let account = account(settings).await;
    let identity = account.as_ref().map_err(Clone::clone).map(|Account { aws, caller, .. }| {
        let place = &aws.location;
        format!("account {}, {}, partition {}, as {caller}", place.account, place.region, place.partition)
    });
    findings.push(Finding::of("AWS identity", identity));
    (account.ok(), cluster.ok(), findings)
}

async fn account(settings: &CheckSettings) -> Result<Account, String> {
    let session = Session::in_region(None).await;
    let accounts = setup::accounts(&settings.run.installation, Access::ReadOnly).await;
    let remedy = "give the AWS credentials and the region that the operator will have";
    let aws = accounts.get(&Target::default()).await.map_err(|error| format!("{}; {remedy}", chain(&error)))?;
    let caller = session.identity().await.map_err(|failure| format!("{}; {remedy}", failure.answer()))?;
    Ok(Account { session, aws: Aws::clone(&*aws), caller })
}

async fn services_of(session: &Session) -> Vec<Finding> {
    let asked = Service::ALL.map(|service| async move { (service, services::ask(session, service).await) });
    let problems: Vec<String> =
        join_all(asked).await.into_iter().filter_map(|(service, answer)| problem(service, answer)).collect();
    if problems.is_empty() {
        let names = Service::ALL.map(|service| service.to_string());
        return vec![Finding::of("AWS services", Ok(format!("{} answer in the region", names.join(", "))))];
    }
    problems.into_iter().map(|problem| Finding::of("AWS services", Err(problem))).collect()
}

/// Why a service cannot be used. One that refuses the list is there.
fn problem(service: Service, answer: Result<(), Failure>) -> Option<String> {
    let failure = answer.err()?;
    let answer = failure.answer();
    if failure.is_unknown_caller() {
        return Some(format!(
            "{service} does not know the account ({answer}); enable the region for it, or mend the credentials"
        ));
    }
    failure.code.is_none().then(|| {
        format!(
            "{service} does not answer ({answer}); take a region that has it, or let the network reach its endpoint"
        )
    })
}
