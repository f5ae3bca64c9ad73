//! Finds what others changed on AWS: lists everything of an account and region from time to time, and asks for a reconcile
//! at each pipeline of which the lists show something new.
//!
//! A sweep costs a few calls for all pipelines and one for each queue, whatever it finds, so it can come often. It
//! changes nothing: the reconcile does, after it has seen for itself.

use std::time::{Duration, Instant};

use aws::resource::list;
use aws::{Aws, AwsError, Caller, Urgency};
use futures::channel::mpsc::{UnboundedReceiver, UnboundedSender};
use pipeline_core::backoff;
use pipeline_core::error_chain::chain;
use pipeline_core::names::ClusterName;
use protocol::PipelineRef;

use crate::drift::observed_cache::Memory;
use crate::runtime::per_location;

/// One sweep of one account and region, however slow it answers.
const MAX_SWEEP: Duration = Duration::from_mins(5);

/// Sweeps each account and region that comes up, each by itself, until it is dropped.
pub async fn run(
    cluster: &ClusterName,
    memory: &Memory,
    places: UnboundedReceiver<Aws>,
    requests: UnboundedSender<PipelineRef>,
) {
    let caller = Caller { name: "".into(), urgency: Urgency::Sweep };
    let sweep = |aws: Aws| keep_sweeping(cluster, memory, aws.on_behalf_of(caller.clone()), requests.clone());
    per_location::each(|location| memory.lives_in(location), places, sweep).await;
}

/// Sweeps one account and region for as long as pipelines live there.
async fn keep_sweeping(
    cluster: &ClusterName,
    memory: &Memory,
    aws: Aws,
    requests: UnboundedSender<PipelineRef>,
) -> Aws {
    loop {
        tokio::time::sleep(backoff::spread(memory.sweep_period())).await;
        let (account, region) = (&aws.location.account, &aws.location.region);
        match tokio::time::timeout(MAX_SWEEP, sweep(cluster, memory, &aws)).await {
            Ok(Ok(None)) => return aws,
            Ok(Ok(Some(found))) => {
                if !found.is_empty() {
                    tracing::debug!(account, region, pipelines = found.len(), "a sweep found pipelines to reconcile");
                }
                for pipeline in found {
                    // Nobody reconciles any more when the operator stops.
                    let _ = requests.unbounded_send(pipeline);
                }
            }
            // Pipelines that no sweep stands for are read one by one, at their resync.
            Ok(Err(error)) => tracing::warn!(account, region, error = chain(&error), "a sweep failed"),
            Err(_) => tracing::warn!(account, region, seconds = MAX_SWEEP.as_secs(), "a sweep took too long"),
        }
    }
}

/// Lists, compares, and says which pipelines are worth a reconcile; nothing when none lives here any more.
async fn sweep(cluster: &ClusterName, memory: &Memory, aws: &Aws) -> Result<Option<Vec<PipelineRef>>, AwsError> {
    let started = Instant::now();
    let Some(individually) = memory.individually(&aws.location) else { return Ok(None) };
    let snapshots = list::list(aws, cluster, &individually).await?;
    Ok(Some(memory.compare(&aws.location, &snapshots, started)))
}
