//! Reads the reports of runs from the inbox of each account and region, and writes them into the statuses of pipelines.
//!
//! # Flow
//! 1. Receive messages from the inbox of an account and region, with a wait of up to 20 s, until it is empty or the
//!    round is full.
//! 2. Parse each message as untrusted input ([`report`]), and check who sent it ([`senders`]).
//! 3. Write all run events of a round into the status of their pipeline, in one write for each pipeline ([`record`]).
//! 4. Delete the messages that were written, and those that are not valid.
//!
//! # Guarantees
//! - A message is deleted only after it was written. After a crash in between it is received again, and changes
//!   nothing.
//! - A pipeline's functions can report only for themselves.
//! - Only this module writes runs. It has a field manager of its own, and writes only `runs`, `lastRun`, `lastResult`
//!   and the conditions `Delivering` and `OnTime`; reconciles write all other fields. Its writes carry the resource
//!   version that they were computed from, so that of two operators neither overwrites the other.

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

use crate::drift::observed_cache::ObservedCache;
use crate::drift::queue_depth::QueueDepths;
use crate::kubernetes::cluster::Cluster;
use crate::metrics::Metrics;
use crate::runtime::per_location;
use report::{RunReport, Unverified};
use senders::Senders;

/// Messages in one round. A hundred tasks that end together then cause one or two writes instead of a hundred.
const ROUND: usize = 100;

/// Pause after a round that wrote something, unless it was full: limits writes of a pipeline's status to one a second.
const PAUSE: Duration = Duration::from_secs(1);

/// Pauses after consecutive failures of one inbox.
const BACK_OFF: Exponential = Exponential { first: Duration::from_secs(2), longest: Duration::from_secs(30) };

/// The default visibility timeout of SQS (30 s), and a margin.
const HIDDEN: SignedDuration = SignedDuration::from_secs(40);

/// Receives after which a message is dropped that could not be verified.
const MAX_RECEIVES: u32 = 5;

/// Dependencies of the reader of inboxes.
pub struct InboxContext {
    /// The API server.
    pub cluster: Cluster,
    /// The cluster's name on AWS.
    pub cluster_name: ClusterName,
    /// Knows in which accounts and regions pipelines live.
    pub observed_cache: Arc<ObservedCache>,
    /// The firings that are expected, to detect missed ones.
    pub expectations: Arc<Expectations>,
    /// The inboxes that are known to exist.
    pub inboxes: Arc<Inboxes>,
    /// Counts the messages in a pipeline's queues after a run.
    pub queue_depths: QueueDepths,
    /// The counters that Prometheus reads.
    pub metrics: Arc<Metrics>,
}

/// Reads the inbox of each account and region that `places` yields, each in a task of its own, until the future is
/// dropped.
pub async fn run(context: &InboxContext, places: UnboundedReceiver<Aws>) {
    let caller = Caller { name: "inbox".into(), urgency: Urgency::Sweep };
    let read = |aws: Aws| Box::pin(keep_reading(context, aws.on_behalf_of(caller.clone())));
    per_location::each(|location| context.observed_cache.lives_in(location), places, read).await;
}

/// Reads one inbox for as long as pipelines live there.
async fn keep_reading(context: &InboxContext, aws: Aws) -> Aws {
    let mut senders = Senders::default();
    let mut failures = 0;
    while context.observed_cache.lives_in(&aws.location) {
        let began = Timestamp::now();
        let read = match round(context, &aws, &mut senders).await {
            Ok(read) => {
                // The inbox has no backlog, so a run without a report did not happen.
                let reported = if read.is_recent(began) { report_missed(context, &aws, began).await } else { Ok(()) };
                reported.map(|()| if (1..ROUND).contains(&read.count) { PAUSE } else { Duration::ZERO })
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

/// Reports firings as missed whose grace has passed without a report, and tasks that will not begin any more. `read` is
/// the time until which all reports were written.
async fn report_missed(context: &InboxContext, aws: &Aws, read: Timestamp) -> Result<(), Failure> {
    // Deferred messages are hidden, so an empty answer does not show them.
    let read = read.saturating_sub(HIDDEN).unwrap_or(read);
    for uid in context.expectations.uncounted(&aws.location, Timestamp::now()) {
        if let Some(messages) = context.queue_depths.of_tasks(aws, &uid).await {
            context.expectations.counted(&uid, messages, Timestamp::now());
        }
    }
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
    /// The inbox does not exist.
    #[error("it is gone")]
    NoInbox(#[from] NoInbox),
}

/// What is done with a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Disposition {
    /// Delete it: it was written, or can never be.
    Done,
    /// Leave it in the queue: SQS delivers it again.
    Again,
}

/// Messages that a round received.
#[derive(Clone, Copy, Debug, Default)]
struct Read {
    count: usize,
    /// Time at which the oldest message was sent.
    oldest: Option<Timestamp>,
}

impl Read {
    fn of(messages: &[Received]) -> Self {
        Self { count: messages.len(), oldest: messages.iter().filter_map(|message| message.sent).min() }
    }

    /// Whether the inbox has no backlog: the round was not full, and all of its messages were sent shortly before it.
    /// SQS may return fewer messages than there are, but does not systematically omit old ones.
    fn is_recent(self, began: Timestamp) -> bool {
        let recent = began.saturating_sub(HIDDEN).unwrap_or(began);
        self.count < ROUND && self.oldest.is_none_or(|oldest| oldest >= recent)
    }
}

/// One round: receives, writes and deletes messages.
async fn round(context: &InboxContext, aws: &Aws, senders: &mut Senders) -> Result<Read, Failure> {
    let inbox = context.cluster_name.inbox();
    let messages = match inbox_queue::receive(aws, &inbox, ROUND).await {
        // Somebody deleted the inbox although pipelines live here: it is created again.
        Err(error) if error.is_not_found() && context.observed_cache.lives_in(&aws.location) => {
            context.inboxes.make_again(aws, &context.cluster_name).await?;
            return Ok(Read::default());
        }
        other => other?,
    };
    let read = Read::of(&messages);
    let mut done: Vec<Received> = Vec::new();
    let mut failure: Option<Failure> = None;
    let mut reports: BTreeMap<PipelineRef, Vec<(RunReport, Received)>> = BTreeMap::new();
    for message in messages {
        match verify(context, aws, senders, &message).await {
            Ok(Verification::Accepted(pipeline, report)) => {
                reports.entry(pipeline).or_default().push((report, message));
            }
            Ok(Verification::Rejected) => {
                context.metrics.count_dropped();
                done.push(message);
            }
            Ok(Verification::Deferred) => {}
            Err(error) => failure = Some(error.into()),
        }
    }
    let writes = reports.into_iter().map(async |(pipeline, reports)| {
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

/// Whether a message counts.
enum Verification {
    /// A valid report of a pipeline's own function.
    Accepted(PipelineRef, RunReport),
    /// Not valid, and never will be: it is deleted.
    Rejected,
    /// Cannot be verified yet: AWS may not show a new role.
    Deferred,
}

/// Parses a message, and verifies that its sender may report for the pipeline.
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
    // Only ids of a role's sessions have a `:`. Users and accounts are not functions.
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

    /// Whether the inbox has no backlog after a round that began at second 100, with messages sent at these seconds.
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
