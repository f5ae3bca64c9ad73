//! Finds drift: lists all resources of an account and region periodically, and asks for a reconcile of each pipeline
//! for which the lists show a difference.
//!
//! A sweep takes a few calls for all pipelines and one for each queue, so it can run often. It changes nothing; the
//! reconcile reads the resources itself before it changes any.

use std::time::{Duration, Instant};

use aws::resource::list::{self, IndividualReads};
use aws::{Aws, AwsError, Caller, Urgency};
use futures::channel::mpsc::{UnboundedReceiver, UnboundedSender};
use pipeline_core::backoff;
use pipeline_core::error_chain::chain;
use pipeline_core::names::ClusterName;
use protocol::PipelineRef;

use crate::drift::observed_cache::ObservedCache;
use crate::runtime::per_location;

/// Upper bound for the lists of one sweep of one account and region.
const LISTS: Duration = Duration::from_mins(5);

/// Upper bound for each of the reads that a sweep makes of single resources: several times what a call waits for its
/// turn while AWS wants a quarter of the default rate.
const READ: Duration = Duration::from_secs(1);

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
        let Some(individually) = observed_cache.individually(&aws.location) else { return aws };
        let limit = limit(&individually);
        match tokio::time::timeout(limit, sweep(cluster, observed_cache, &individually, &aws)).await {
            Ok(Ok(found)) => {
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
            Err(_) => tracing::warn!(account, region, seconds = limit.as_secs(), "a sweep took too long"),
        }
    }
}

/// How long a sweep may take. It grows with the pipelines, so that a sweep of any number of them ends.
fn limit(individually: &IndividualReads) -> Duration {
    let reads = individually.queues.len() + individually.async_functions.len();
    LISTS + READ.saturating_mul(u32::try_from(reads).unwrap_or(u32::MAX))
}

/// Lists the resources and compares them with the cache. Returns the pipelines that need a reconcile.
async fn sweep(
    cluster: &ClusterName,
    observed_cache: &ObservedCache,
    individually: &IndividualReads,
    aws: &Aws,
) -> Result<Vec<PipelineRef>, AwsError> {
    let started = Instant::now();
    let snapshots = list::list(aws, cluster, individually).await?;
    Ok(observed_cache.compare(&aws.location, &snapshots, started))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn a_sweep_of_any_number_of_pipelines_has_the_time_that_it_takes_at_a_quarter_of_the_rates() {
        for pipelines in [0, 1, 100, 2_500, 10_000] {
            let names = |part: &'static str| (0..pipelines).map(move |number| format!("{number}-{part}"));
            let queues = names("tasks").chain(names("tasks-dlq")).chain(names("undelivered-dlq")).collect();
            let async_functions: BTreeSet<String> = names("sender").collect();
            let individually = IndividualReads { queues, async_functions, layers: false };
            // SQS at 20 calls a second and Lambda at 10, at the same time, by default.
            let seconds = (pipelines * 3 / 5).max(pipelines * 2 / 5);
            assert!(limit(&individually) > Duration::from_secs(seconds) * 2, "{pipelines} pipelines");
        }
    }
}
