//! Watches pipelines, and reconciles each when it changes, on request, and periodically.

use std::sync::Arc;
use std::time::Duration;

use api::{ScheduledTaskPipeline, Stored};
use futures::channel::mpsc::UnboundedReceiver;
use futures::{StreamExt as _, TryStreamExt as _, future};
use kube::api::{Api, ListParams};
use kube::runtime::controller::{Action, Config};
use kube::runtime::reflector::ObjectRef;
use kube::runtime::watcher::Event;
use kube::runtime::{Controller, Predicate as _, PredicateConfig, WatchStreamExt as _, predicates, reflector, watcher};
use kube::{Client, ResourceExt as _};
use pipeline_core::arn::Arn;
use pipeline_core::backoff::{self, Exponential};
use pipeline_core::error_chain::chain;
use pipeline_core::requeue::Requeue;
use protocol::PipelineRef;
use tracing::Instrument as _;

use crate::reconcile::{ReconcileContext, ReconcileError, reconcile};
use crate::runtime::probes::Probes;

/// Upper bound for one reconcile. A throttled one may take minutes; one that takes longer than this is stuck, and is
/// cancelled.
const MAX_RECONCILE: Duration = Duration::from_mins(10);

/// The controller itself sets no limit: [`AccountConcurrency`] limits reconciles for each account.
const UNBOUNDED: u16 = 0;

/// Edits within this time cause one reconcile.
const DEBOUNCE: Duration = Duration::from_millis(20);

/// Pauses after consecutive failures of one pipeline.
const BACK_OFF: Exponential = Exponential { first: Duration::from_secs(2), longest: Duration::from_mins(5) };

/// How often the operator checks for a missing CRD.
const CRD_POLL: Duration = Duration::from_secs(5);

/// Waits until the CRD is installed and pipelines can be listed, and logs what is missing.
async fn wait_for_crd(api: &Api<Stored>) {
    loop {
        match api.list(&ListParams::default().limit(1)).await {
            Ok(_) => return,
            Err(kube::Error::Api(status)) if status.code == 404 => tracing::warn!(
                "the API server does not know ScheduledTaskPipeline yet; install it with `kubectl apply --server-side -f crds/`"
            ),
            Err(kube::Error::Api(status)) if status.is_forbidden() => tracing::warn!(
                reason = status.message,
                "the operator may not list pipelines; grant it get, list, watch and patch on scheduledtaskpipelines.taskpipelines.dev"
            ),
            Err(error) => tracing::warn!(error = chain(&error), "the API server does not answer"),
        }
        tokio::time::sleep(CRD_POLL).await;
    }
}

/// Runs until `stop`, then finishes the reconciles in progress. Also reconciles each pipeline that `requests` yields.
pub async fn run(
    client: Client,
    namespace: Option<&str>,
    context: Arc<ReconcileContext>,
    requests: UnboundedReceiver<PipelineRef>,
    probes: Arc<Probes>,
    stop: impl Future<Output = ()> + Send + Sync + 'static,
) {
    let api: Api<Stored> =
        namespace.map_or_else(|| Api::all(client.clone()), |namespace| Api::namespaced(client.clone(), namespace));
    wait_for_crd(&api).await;
    probes.wait_for("the first list of all pipelines");
    let (reader, writer) = reflector::store();
    // Changes of status or finalizers alone are the operator's own. An edit of the spec and the start of a deletion
    // both change the generation, and annotations can be commands.
    let worth_reconciling = predicates::generation.combine(predicates::annotations);
    let remembering = Arc::clone(&context);
    let changes = watcher(api, watcher::Config::default())
        .default_backoff()
        // Logged at each attempt: until it succeeds, edits and deletions have no effect.
        .inspect_err(|error| tracing::warn!(error = chain(error), "pipelines are not listed or watched; trying again"))
        .map_ok(pipeline)
        .inspect_ok(move |event| see(event, &remembering, &probes))
        .modify(prune)
        .reflect(writer)
        .applied_objects()
        .predicate_filter(worth_reconciling, PredicateConfig::default());
    tracing::info!(namespace = namespace.unwrap_or("all"), "watching pipelines");
    let waiting = Arc::clone(&context);
    let stop = async move {
        stop.await;
        waiting.concurrency.close();
    };
    Controller::for_stream(changes, reader)
        .with_config(Config::default().concurrency(UNBOUNDED).debounce(DEBOUNCE))
        .reconcile_on(requests.map(|pipeline| ObjectRef::new(&pipeline.name).within(&pipeline.namespace)))
        .graceful_shutdown_on(stop)
        .run(reconcile_in_turn, error_policy, context)
        .map_err(|error| tracing::debug!(error = chain(&error), "a reconcile ended"))
        .for_each(|_| future::ready(()))
        .await;
}

/// The event with its pipeline, also if that cannot be read in full: the reconcile reports this in the status.
fn pipeline(event: Event<Stored>) -> Event<ScheduledTaskPipeline> {
    match event {
        Event::Apply(stored) => Event::Apply(stored.pipeline),
        Event::InitApply(stored) => Event::InitApply(stored.pipeline),
        Event::Delete(stored) => Event::Delete(stored.pipeline),
        Event::Init => Event::Init,
        Event::InitDone => Event::InitDone,
    }
}

/// Updates metrics and probes. A pipeline whose finalizer somebody removed disappears without a last reconcile.
fn see(event: &Event<ScheduledTaskPipeline>, context: &ReconcileContext, probes: &Probes) {
    context.metrics.pipelines.see(event);
    match event {
        Event::Init => probes.lists(),
        Event::InitDone => probes.has_listed(),
        Event::Delete(pipeline) => context.forget(pipeline),
        Event::Apply(_) | Event::InitApply(_) => {}
    }
}

/// Drops fields that are not needed in the cache: a reconcile reads the live object.
fn prune(pipeline: &mut ScheduledTaskPipeline) {
    pipeline.managed_fields_mut().clear();
    pipeline.status = None;
}

/// Runs [`reconcile`] once a slot of the pipeline's account is free.
async fn reconcile_in_turn(
    pipeline: Arc<ScheduledTaskPipeline>,
    context: Arc<ReconcileContext>,
) -> Result<Action, ReconcileError> {
    let span = tracing::info_span!(
        "reconcile",
        namespace = pipeline.namespace(),
        pipeline = pipeline.name_any(),
        generation = pipeline.metadata.generation
    );
    let waiting = context.metrics.reconciles.wait();
    let Some(_slot) = context.concurrency.take(account(&pipeline)).await else {
        return Ok(Action::requeue(Duration::ZERO));
    };
    let running = waiting.begin();
    let ended = tokio::time::timeout(MAX_RECONCILE, Box::pin(reconcile(&pipeline, &context)).instrument(span)).await;
    let ended = ended.unwrap_or(Err(ReconcileError::TooLong(MAX_RECONCILE)));
    running.end(&ended);
    Ok(action(ended?, &pipeline, &context))
}

/// Translates a requeue for kube's controller.
fn action(requeue: Requeue, pipeline: &ScheduledTaskPipeline, context: &ReconcileContext) -> Action {
    match requeue {
        Requeue::OnChange => Action::await_change(),
        Requeue::Resync => Action::requeue(backoff::spread(context.resync)),
        Requeue::In(time) => Action::requeue(time),
        // The jitter adds up to 10 %: the pause must not exceed the setting.
        Requeue::WhenSecretsMayExist => Action::requeue(backoff::spread(context.secret_retry.mul_f64(0.9))),
        Requeue::BackOff => Action::requeue(back_off(pipeline, context)),
    }
}

/// The pause after one more failure of a pipeline: doubled each time, with jitter.
fn back_off(pipeline: &ScheduledTaskPipeline, context: &ReconcileContext) -> Duration {
    context.metrics.reconciles.count_retry();
    let failures = context.failures.count(&pipeline.uid().unwrap_or_default());
    backoff::spread(BACK_OFF.after(failures))
}

/// The account in the ARN of the spec's role; empty for the operator's own account.
fn account(pipeline: &ScheduledTaskPipeline) -> &str {
    let role = pipeline.spec.aws.as_ref().and_then(|aws| aws.role_arn.as_deref());
    role.and_then(Arn::parse).map_or("", |role| role.account)
}

#[expect(clippy::needless_pass_by_value, reason = "kube hands it over so")]
fn error_policy(
    pipeline: Arc<ScheduledTaskPipeline>,
    error: &ReconcileError,
    context: Arc<ReconcileContext>,
) -> Action {
    let again = back_off(&pipeline, &context);
    tracing::warn!(
        namespace = pipeline.namespace(),
        pipeline = pipeline.name_any(),
        error = chain(error),
        again_ms = u64::try_from(again.as_millis()).unwrap_or(u64::MAX),
        "a reconcile of a pipeline failed"
    );
    Action::requeue(again)
}
