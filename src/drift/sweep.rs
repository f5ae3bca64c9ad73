//! Finds drift: lists all resources of an account and region periodically, and asks for a reconcile of each pipeline
//! for which the lists show a difference.
//!
//! A sweep takes a few calls for all pipelines and one for each queue, so it can run often. It changes nothing; the
//! reconcile reads the resources itself before it changes any.

use std::time::{Duration, Instant};

use aws::resource::list;
use aws::{Aws, AwsError, Caller, Urgency};
use futures::channel::mpsc::{UnboundedReceiver, UnboundedSender};
use pipeline_core::backoff;
use pipeline_core::error_chain::chain;
use pipeline_core::names::ClusterName;
use protocol::PipelineRef;

use crate::drift::observed_cache::ObservedCache;
use crate::runtime::per_location;

/// Upper bound for one sweep of one account and region.
const MAX_SWEEP: Duration = Duration::from_mins(5);

/// Sweeps each account and region that `places` yields, each in a task of its own, until the future is dropped.
pub async fn run(
    cluster: &ClusterName,
    observed_cache: &ObservedCache,
    places: UnboundedReceiver<Aws>,
    requests: UnboundedSender<PipelineRef>,
) {
    let caller = Caller { name: "".into(), urgency: Urgency::Sweep };
    let sweep = |aws: Aws| keep_sweeping(cluster, observed_cache, aws.on_behalf_of(caller.clone()), requests.clone());
    per_location::each(|location| observed_cache.lives_in(location), places, sweep).await;
}

/// Sweeps one account and region for as long as pipelines live there.
async fn keep_sweeping(
    cluster: &ClusterName,
    observed_cache: &ObservedCache,
    aws: Aws,
    requests: UnboundedSender<PipelineRef>,
) -> Aws {
    loop {
        tokio::time::sleep(backoff::spread(observed_cache.sweep_period())).await;
        let (account, region) = (&aws.location.account, &aws.location.region);
        match tokio::time::timeout(MAX_SWEEP, sweep(cluster, observed_cache, &aws)).await {
            Ok(Ok(None)) => return aws,
            Ok(Ok(Some(found))) => {
                if !found.is_empty() {
                    tracing::debug!(account, region, pipelines = found.len(), "a sweep found pipelines to reconcile");
                }
                for pipeline in found {
                    // The receiver is gone when the operator stops.
                    let _ = requests.unbounded_send(pipeline);
                }
            }
            // Without a sweep, each pipeline is read at its resync.
            Ok(Err(error)) => tracing::warn!(account, region, error = chain(&error), "a sweep failed"),
            Err(_) => tracing::warn!(account, region, seconds = MAX_SWEEP.as_secs(), "a sweep took too long"),
        }
    }
}

/// Lists the resources and compares them with the cache. Returns the pipelines that need a reconcile; `None` if none
/// lives here any more.
async fn sweep(
    cluster: &ClusterName,
    observed_cache: &ObservedCache,
    aws: &Aws,
) -> Result<Option<Vec<PipelineRef>>, AwsError> {
    let started = Instant::now();
    let Some(individually) = observed_cache.individually(&aws.location) else { return Ok(None) };
    let snapshots = list::list(aws, cluster, &individually).await?;
    Ok(Some(observed_cache.compare(&aws.location, &snapshots, started)))
}
