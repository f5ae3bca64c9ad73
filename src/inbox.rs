//! Brings back what became of runs: reads each place's inbox, and writes it into the statuses of pipelines.
//!
//! # Flow
//! 1. Ask the inbox of an account and region for messages, waiting for up to 20 s; more of them while there are.
//! 2. Read each as the untrusted thing it is ([`report`]), and ask who sent it ([`senders`]).
//! 3. Write the news of each pipeline into its status, all of this round at once ([`record`]).
//! 4. Delete what was written, and what nobody will ever believe.
//!
//! # Guarantees
//! - What is deleted was written before: a crash in between brings the same news again, which change nothing.
//! - A pipeline's functions can report only for themselves.
//! - Runs have one writer. It has a field manager of its own and writes only `runs`, `lastRun`, `lastResult` and the
//!   conditions `Delivering` and `OnTime`; reconciles write all the rest. It says which version of the resource it has read,
//!   so of two operators at once neither loses what the other wrote.

mod record;
mod report;
mod senders;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use aws::inbox_queue::{self, Inboxes, NoInbox, Received};
use aws::{Aws, AwsError, Caller, Urgency};
use futures::channel::mpsc::UnboundedReceiver;
use futures::future::join_all;
use jiff::{SignedDuration, Timestamp};
use pipeline_core::backoff::{self, Exponential};
use pipeline_core::error_chain::chain;
use pipeline_core::names::ClusterName;
use pipeline_core::runs::missed::Expectations;
use protocol::PipelineRef;

use crate::drift::observed_cache::Memory;
use crate::drift::queue_depth::QueueDepths;
use crate::kubernetes::cluster::Cluster;
use crate::metrics::Metrics;
use crate::runtime::per_location;
use report::{RunReport, Unverified};
use senders::Senders;

/// Messages in one round: a hundred tasks that end together are a write or two, not a hundred.
const ROUND: usize = 100;

/// Between two rounds that had something to write, unless more waits than a round takes: a pipeline's status is written
/// once a second at most.
const PAUSE: Duration = Duration::from_secs(1);

/// Pauses after failures of one inbox in a row.
const BACK_OFF: Exponential = Exponential { first: Duration::from_secs(2), longest: Duration::from_secs(30) };

/// For how long SQS hides a message that was received and not deleted, and some more.
const HIDDEN: SignedDuration = SignedDuration::from_secs(40);

/// Receives after which a message is dropped that nothing could be done with.
const MAX_RECEIVES: u32 = 5;

/// What reading inboxes takes.
pub struct InboxContext {
    /// The API server.
    pub cluster: Cluster,
    /// The cluster's name on AWS.
    pub cluster_name: ClusterName,
    /// Says in which accounts and regions pipelines live.
    pub memory: Arc<Memory>,
    /// Which firings are expected.
    pub expectations: Arc<Expectations>,
    /// The inboxes that are known to exist.
    pub inboxes: Arc<Inboxes>,
    /// Counts the messages in a pipeline's queues after a run.
    pub queue_depths: QueueDepths,
    /// The counters that Prometheus reads.
    pub metrics: Arc<Metrics>,
}

/// Reads the inbox of each account and region that comes up, each by itself, until it is dropped.
pub async fn run(context: &InboxContext, places: UnboundedReceiver<Aws>) {
    let caller = Caller { name: "inbox".into(), urgency: Urgency::Sweep };
    let read = |aws: Aws| Box::pin(keep_reading(context, aws.on_behalf_of(caller.clone())));
    per_location::each(|location| context.memory.lives_in(location), places, read).await;
}

/// Reads one inbox for as long as pipelines live there.
async fn keep_reading(context: &InboxContext, aws: Aws) -> Aws {
    let mut senders = Senders::default();
    let mut failures = 0;
    while context.memory.lives_in(&aws.location) {
        let began = Timestamp::now();
        let read = match round(context, &aws, &mut senders).await {
            Ok(read) => {
                // With nothing old left in the inbox, what nobody has heard of did not happen.
                let judged = if read.is_recent(began) { judge(context, &aws, began).await } else { Ok(()) };
                judged.map(|()| if (1..ROUND).contains(&read.count) { PAUSE } else { Duration::ZERO })
            }
            Err(failure) => Err(failure),
        };
        let pause = match read {
            Ok(pause) => pause,
            Err(error) => {
                failures += 1;
                let (account, region) = (&aws.location.account, &aws.location.region);
                tracing::warn!(account, region, error = chain(&error), "the inbox was not read");
                tokio::time::sleep(backoff::spread(BACK_OFF.after(failures))).await;
                continue;
            }
        };
        failures = 0;
        tokio::time::sleep(pause).await;
    }
    aws
}

/// Calls firings missing that are past their grace and that nobody has heard of, up to a time until which all news were
/// read: those that came are written.
async fn judge(context: &InboxContext, aws: &Aws, read: Timestamp) -> Result<(), Failure> {
    // What was put back for later is not in an empty answer.
    let read = read.saturating_sub(HIDDEN).unwrap_or(read);
    for overdue in context.expectations.overdue(&aws.location, read) {
        record::miss(context, aws, &overdue).await?;
    }
    Ok(())
}

/// Why a round was not finished.
#[derive(Debug, thiserror::Error)]
enum Failure {
    /// AWS refuses, or cannot be reached.
    #[error("AWS does not do what reading takes")]
    Aws(#[from] AwsError),
    /// The API server refuses, or cannot be reached.
    #[error("the report cannot be written")]
    ApiServer(#[from] kube::Error),
    /// There is no inbox.
    #[error("it is gone")]
    NoInbox(#[from] NoInbox),
}

/// What becomes of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Disposition {
    /// It was written, or will never be: it is deleted.
    Done,
    /// It shows up again.
    Again,
}

/// What a round took out of the inbox.
#[derive(Clone, Copy, Debug, Default)]
struct Read {
    count: usize,
    /// When the oldest message was sent.
    oldest: Option<Timestamp>,
}

impl Read {
    fn of(messages: &[Received]) -> Self {
        Self { count: messages.len(), oldest: messages.iter().filter_map(|message| message.sent).min() }
    }

    /// Whether what was there by then is just what was sent shortly before: so nothing has waited, and nothing waits. An
    /// answer of SQS may be short of what there is, but it does not hold back what is old alone.
    fn is_recent(self, began: Timestamp) -> bool {
        let recent = began.saturating_sub(HIDDEN).unwrap_or(began);
        self.count < ROUND && self.oldest.is_none_or(|oldest| oldest >= recent)
    }
}

/// Receives, writes and deletes once.
async fn round(context: &InboxContext, aws: &Aws, senders: &mut Senders) -> Result<Read, Failure> {
    let inbox = context.cluster_name.inbox();
    let messages = match inbox_queue::receive(aws, &inbox, ROUND).await {
        // Somebody deleted it, or the last pipeline is on its way out.
        Err(error) if error.is_not_found() && context.memory.lives_in(&aws.location) => {
            context.inboxes.make_again(aws, &context.cluster_name).await?;
            return Ok(Read::default());
        }
        other => other?,
    };
    let read = Read::of(&messages);
    let mut done: Vec<Received> = Vec::new();
    let mut failure: Option<Failure> = None;
    let mut news: BTreeMap<PipelineRef, Vec<(RunReport, Received)>> = BTreeMap::new();
    for message in messages {
        match verify(context, aws, senders, &message).await {
            Ok(Verification::Accepted(pipeline, report)) => news.entry(pipeline).or_default().push((report, message)),
            Ok(Verification::Rejected) => {
                context.metrics.count_dropped();
                done.push(message);
            }
            Ok(Verification::Deferred) => {}
            Err(error) => failure = Some(error.into()),
        }
    }
    let writes = news.into_iter().map(async |(pipeline, reports)| {
        let (reports, messages): (Vec<_>, Vec<_>) = reports.into_iter().unzip();
        (record::record(context, aws, &pipeline, &reports).await, messages)
    });
    for (disposition, messages) in join_all(writes).await {
        match disposition {
            Ok(Disposition::Done) => done.extend(messages),
            Ok(Disposition::Again) => {}
            Err(error) => failure = Some(error.into()),
        }
    }
    inbox_queue::delete(aws, &inbox, done).await?;
    failure.map_or(Ok(read), Err)
}

/// What to make of a message.
enum Verification {
    /// A valid report of a pipeline's own function.
    Accepted(PipelineRef, RunReport),
    /// Nobody will ever believe it.
    Rejected,
    /// Not by what is known now: a role may be too new to be seen.
    Deferred,
}

/// What a message says, and whether its sender may say so.
async fn verify(
    context: &InboxContext,
    aws: &Aws,
    senders: &mut Senders,
    message: &Received,
) -> Result<Verification, AwsError> {
    let sender = &message.sender;
    let report = match Unverified::read(&message.body, Timestamp::now()) {
        Ok(report) => report,
        Err(reason) => {
            tracing::debug!(sender, reason, "a message in the inbox is dropped");
            return Ok(Verification::Rejected);
        }
    };
    // A user or an account is not a function.
    let Some((role, _)) = sender.split_once(':') else { return Ok(Verification::Rejected) };
    let pipeline = report.pipeline.clone();
    if let Some(report) = senders.authenticate(aws, &context.cluster_name, role, report).await? {
        return Ok(Verification::Accepted(pipeline, report));
    }
    let PipelineRef { namespace, name } = &pipeline;
    tracing::debug!(sender, namespace, pipeline = name, "a report does not come from the pipeline that it is about");
    Ok(if message.receives < MAX_RECEIVES { Verification::Deferred } else { Verification::Rejected })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    /// Whether all that was reported is known, after a round that began at second 100 with messages sent at these.
    fn is_recent(sent: &[i64]) -> bool {
        let message = |second: &i64| Received { sent: Some(at(*second)), ..Received::default() };
        let messages: Vec<Received> = sent.iter().map(message).collect();
        Read::of(&messages).is_recent(at(100))
    }

    #[test]
    fn all_is_known_when_nothing_waits_that_is_older_than_what_just_came() {
        assert!(is_recent(&[]));
        assert!(is_recent(&[60, 99, 101]));
        assert!(!is_recent(&[59, 99]), "after an hour away more of that hour may wait");
        assert!(!is_recent(&[99; ROUND]), "more may wait than a round takes");
    }
}
