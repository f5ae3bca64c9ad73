//! `task-pipelines run`: the operator.

use std::error::Error;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use aws::inbox_queue::Inboxes;
use aws::{Access, Accounts, Leadership};
use futures::channel::mpsc;
use kube::Client;
use pipeline_core::error_chain::chain;
use pipeline_core::location::Target;
use pipeline_core::names::ClusterName;
use pipeline_core::runs::missed::Expectations;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;

use super::{check, runtime, setup};
use crate::cli::settings::{InstallationSettings, RunSettings};
use crate::drift::observed_cache::ObservedCache;
use crate::drift::pending_writes::PendingWrites;
use crate::drift::queue_depth::QueueDepths;
use crate::drift::sweep;
use crate::inbox::{self, InboxContext};
use crate::kubernetes::client;
use crate::kubernetes::cluster::Cluster;
use crate::kubernetes::preflight::Finding;
use crate::metrics::Metrics;
use crate::reconcile::{Drains, Failures, PlanContext, ReconcileContext, controller};
use crate::runtime::concurrency::AccountConcurrency;
use crate::runtime::leader::Candidate;
use crate::runtime::probes::Probes;
use crate::runtime::server::{self, ServeError};

/// Runs until it is told to stop.
///
/// # Errors
/// What stands in the way of starting: no functions to deploy, no API server to talk to.
pub fn run(settings: RunSettings) -> Result<(), Box<dyn Error>> {
    runtime()?.block_on(operate(settings))
}

async fn operate(settings: RunSettings) -> Result<(), Box<dyn Error>> {
    tracing::info!(version = env!("CARGO_PKG_VERSION"), "starting");
    let configuration = settings.installation.configuration()?;
    let (installation, layers) = setup::installation(&settings.installation, &configuration)?;
    let mut metrics = Metrics::default();
    let config = kube::Config::infer().await?;
    let client = client::counted(config, &metrics.api_server)?;
    let candidate = settings.lease.as_deref().map(|lease| Candidate::new(client.clone(), lease));
    let leadership = candidate.as_ref().map_or_else(Leadership::sole, Candidate::leadership);
    if let Some(lease) = &settings.lease {
        metrics.tell_lead(lease, leadership.clone());
    }
    metrics.reconciles.allow(settings.concurrency);
    let metrics = Arc::new(metrics);
    let InstallationSettings { pacing, uploads, .. } = settings.installation;
    let accounts =
        Accounts::from_environment(pacing.into(), Access::ReadWrite, uploads, leadership, metrics.aws.clone()).await;
    let probes = Arc::new(Probes::new("the API server"));
    serve(&settings, &probes, &metrics)?;
    let stop = stop_by_signal()?;
    let mut also_stop = stop.clone();
    let stopped = async move {
        // The sender lives as long as the process.
        let _ = also_stop.wait_for(|stopping| *stopping).await;
    };
    let work = async {
        probes.wait_for("the cluster's name, which comes from namespace kube-system where none is set");
        let cluster_name = match settings.installation.cluster_name.clone() {
            Some(name) => name,
            None => derived_cluster_name(&client).await,
        };
        probes.wait_for("the definition of ScheduledTaskPipeline, and leave to list pipelines");
        tracing::info!(%cluster_name, "owns the AWS resources of this cluster");
        let (to_sweep, new_to_sweep) = mpsc::unbounded();
        let (to_read, new_to_read) = mpsc::unbounded();
        let (asks, requests) = mpsc::unbounded();
        let cluster = Cluster::new(client.clone(), settings.watch_namespace.clone());
        let observed_cache = Arc::new(ObservedCache::new(settings.periods()));
        let expectations = Arc::new(Expectations::default());
        let known_inboxes = Arc::new(Inboxes::default());
        let inbox = InboxContext {
            cluster: cluster.clone(),
            cluster_name: cluster_name.clone(),
            observed_cache: Arc::clone(&observed_cache),
            expectations: Arc::clone(&expectations),
            inboxes: Arc::clone(&known_inboxes),
            queue_depths: QueueDepths::new(Arc::clone(&observed_cache), asks.clone()),
            metrics: Arc::clone(&metrics),
        };
        let plan = PlanContext { cluster, accounts, configuration, installation, cluster_name };
        let context = ReconcileContext {
            plan,
            layers,
            resync: settings.resync(),
            secret_retry: settings.secret_retry(),
            concurrency: AccountConcurrency::new(settings.concurrency),
            observed_cache,
            pending_writes: PendingWrites::default(),
            places: [to_sweep, to_read],
            expectations,
            inboxes: known_inboxes,
            metrics,
            failures: Failures::default(),
            drains: Drains::default(),
        };
        let namespace = settings.watch_namespace.as_deref();
        let context = Arc::new(context);
        let sweeps = sweep::run(&context.plan.cluster_name, &context.observed_cache, new_to_sweep, asks);
        let inboxes = inbox::run(&inbox, new_to_read);
        let reconciles = async {
            let shared = Arc::clone(&context);
            tokio::join!(
                warn_without_aws(&context.plan),
                warn_of_what_is_missing(&client, &settings),
                controller::run(client.clone(), namespace, shared, requests, Arc::clone(&probes), stopped)
            );
        };
        tokio::select! {
            () = reconciles => {}
            () = sweeps => {}
            () = inboxes => {}
        }
    };
    let work = Box::pin(work);
    let lead_or_work = async {
        let Some(candidate) = candidate else {
            let _ = finish(work, stop).await;
            return Ok(());
        };
        // A standby is ready to work.
        probes.is_ready();
        lead(candidate, work, stop).await
    };
    tokio::select! {
        ended = lead_or_work => ended,
        () = probes.beat() => Ok(()),
    }
}

/// Turns true when a signal says to stop.
fn stop_by_signal() -> io::Result<watch::Receiver<bool>> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let (stopping, stop) = watch::channel(false);
    tokio::spawn(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
        tracing::info!("stopping: finishing what is under way");
        stopping.send_replace(true);
    });
    Ok(stop)
}

fn serve(settings: &RunSettings, probes: &Arc<Probes>, metrics: &Arc<Metrics>) -> Result<(), ServeError> {
    if let Some(address) = settings.probes_address {
        server::serve_probes(Arc::clone(probes), address)?;
    }
    if let Some(address) = settings.metrics_address {
        server::serve_metrics(Arc::clone(metrics), address)?;
    }
    Ok(())
}

/// Works once it leads, until it is told to stop or another leads.
async fn lead(
    mut candidate: Candidate,
    work: Pin<Box<impl Future<Output = ()>>>,
    mut stop: watch::Receiver<bool>,
) -> Result<(), Box<dyn Error>> {
    tokio::select! {
        () = candidate.acquire() => {}
        _ = stop.wait_for(|stopping| *stopping) => return Ok(()),
    }
    let finished = tokio::select! {
        finished = finish(work, stop) => finished,
        () = candidate.renew_until_lost() => return Err("another operator leads now; this one has to start anew, as its standby".into()),
    };
    // AWS may still carry out calls that were cut off: the next leader waits for as long as if this one had been killed.
    if finished {
        candidate.release().await;
    }
    Ok(())
}

/// Works until it is told to stop, and then for as long as what was begun takes; whether that came to its end in time.
async fn finish(mut work: Pin<Box<impl Future<Output = ()>>>, mut stop: watch::Receiver<bool>) -> bool {
    tokio::select! {
        () = &mut work => return true,
        _ = stop.wait_for(|stopping| *stopping) => {}
    }
    // Reconciles under way come to their end; a start-up that still waits for something has nothing to finish.
    tokio::time::timeout(GRACE, work).await.is_ok()
}

/// Says what would fail later. It may be put right while the operator runs.
async fn warn_of_what_is_missing(client: &Client, settings: &RunSettings) {
    for Finding { what, found, .. } in check::cluster(client, settings).await.into_iter().filter(Finding::is_not_well) {
        tracing::warn!(what, found, "something is missing in the cluster");
    }
}

async fn warn_without_aws(context: &PlanContext) {
    if let Err(error) = context.accounts.get(&Target::default()).await {
        tracing::warn!(error = chain(&error), "AWS cannot be used yet; pipelines will say so until it can");
    }
}

/// Below the 30 s that Kubernetes gives a Pod to end.
const GRACE: Duration = Duration::from_secs(25);

/// How often the API server is asked for the cluster's UID.
const CLUSTER_POLL: Duration = Duration::from_secs(5);

/// The cluster's name where none is set: asked of the API server until it answers.
async fn derived_cluster_name(client: &Client) -> ClusterName {
    loop {
        match setup::derived_cluster_name(client).await {
            Ok(name) => return name,
            Err(error) => tracing::warn!(error = chain(&error), "the cluster has no name on AWS yet"),
        }
        tokio::time::sleep(CLUSTER_POLL).await;
    }
}
