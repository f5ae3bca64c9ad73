//! The program `task-pipelines`: the operator and its tools.

use std::collections::HashMap;
use std::error::Error;
use std::io::{self, IsTerminal as _, Write as _};
use std::process::ExitCode;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use clap::Parser as _;
use k8s_openapi::api::core::v1::Namespace;
use kube::{Api, Client, ResourceExt as _};
use task_pipelines::aws::Account;
use task_pipelines::chain::chain;
use task_pipelines::cluster::Cluster;
use task_pipelines::identity::ClusterName;
use task_pipelines::reconcile::Context;
use task_pipelines::resource::Installation;
use task_pipelines::settings::{Arguments, Command, LogFormat, RunSettings};
use task_pipelines::{controller, crd, functions};
use tokio::signal::unix::{SignalKind, signal};
use tracing_subscriber::EnvFilter;

/// Gives back what an upload took: the C library's allocator would keep it. `.cargo/config.toml` says how.
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

/// Threads of the operator: it waits for others most of the time, and a node may have 64 cores.
const WORKERS: usize = 2;

fn main() -> ExitCode {
    let done = match Arguments::parse().command {
        Command::Crd => print_crd(),
        Command::Run(settings) => run(settings),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // Nothing is left to do about a closed stderr.
            let _ = writeln!(io::stderr(), "error: {}", chain(error.as_ref()));
            ExitCode::FAILURE
        }
    }
}

fn print_crd() -> Result<(), Box<dyn Error>> {
    Ok(io::stdout().write_all(crd::crd_yaml()?.as_bytes())?)
}

fn run(settings: RunSettings) -> Result<(), Box<dyn Error>> {
    let filter = EnvFilter::try_new(&settings.log).map_err(|error| format!("--log {}: {error}", settings.log))?;
    let log =
        tracing_subscriber::fmt().with_env_filter(filter).with_writer(io::stderr).with_ansi(io::stderr().is_terminal());
    match LogFormat::or_by_terminal(settings.log_format) {
        LogFormat::Json => log.json().flatten_event(true).with_current_span(true).with_span_list(false).init(),
        LogFormat::Text => log.init(),
    }
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(WORKERS)
        .enable_all()
        .build()?
        .block_on(operate(settings))
}

async fn operate(settings: RunSettings) -> Result<(), Box<dyn Error>> {
    tracing::info!(version = env!("CARGO_PKG_VERSION"), "starting");
    let artifacts = functions::find(settings.functions_dir.as_deref(), settings.uploads)?;
    let account = Account::from_environment(settings.pacing).await;
    let client = Client::try_default().await?;
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let (stopping, mut stop) = tokio::sync::watch::channel(false);
    tokio::spawn(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
        tracing::info!("stopping: finishing what is under way");
        stopping.send_replace(true);
    });
    let mut also_stop = stop.clone();
    let stopped = async move {
        // The sender lives as long as the process.
        let _ = also_stop.wait_for(|stopping| *stopping).await;
    };
    let work = async {
        let cluster_name = match settings.cluster_name.clone() {
            Some(name) => name,
            None => derived_cluster_name(&client).await,
        };
        tracing::info!(%cluster_name, "owns the AWS resources of this cluster");
        let context = Context {
            cluster: Cluster::new(client.clone()),
            account,
            installation: Installation { artifacts, permissions_boundary: settings.permissions_boundary.clone() },
            cluster_name,
            resync: settings.resync(),
            secret_retry: settings.secret_retry(),
            failures: Mutex::new(HashMap::new()),
        };
        let namespace = settings.watch_namespace.as_deref();
        let context = Arc::new(context);
        tokio::join!(
            warn_without_aws(&context),
            controller::run(client.clone(), namespace, settings.concurrency, Arc::clone(&context), stopped)
        );
    };
    tokio::pin!(work);
    tokio::select! {
        () = &mut work => return Ok(()),
        _ = stop.wait_for(|stopping| *stopping) => {}
    }
    // Started looks come to their end; a start-up that still waits for something has nothing to finish.
    let _ = tokio::time::timeout(GRACE, work).await;
    Ok(())
}

async fn warn_without_aws(context: &Context) {
    if let Err(error) = context.account.region(None).await {
        tracing::warn!(error = chain(&error), "AWS cannot be used yet; pipelines will say so until it can");
    }
}

/// Below the 30 s that Kubernetes gives a Pod to end.
const GRACE: Duration = Duration::from_secs(25);

/// How often the API server is asked for the cluster's UID.
const CLUSTER_POLL: Duration = Duration::from_secs(5);

async fn derived_cluster_name(client: &Client) -> ClusterName {
    let namespaces: Api<Namespace> = Api::all(client.clone());
    loop {
        match namespaces.get("kube-system").await {
            Ok(namespace) => match ClusterName::from_cluster_uid(&namespace.uid().unwrap_or_default()) {
                Ok(name) => return name,
                Err(error) => tracing::warn!(error = chain(&error), "set --cluster-name"),
            },
            Err(error) => tracing::warn!(
                error = chain(&error),
                "cannot read namespace kube-system, whose UID names the cluster; set --cluster-name, or grant get on it"
            ),
        }
        tokio::time::sleep(CLUSTER_POLL).await;
    }
}
