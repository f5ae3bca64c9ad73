//! The inbox itself: one queue for each account and region that pipelines live in, made with the first of them and
//! deleted with the last.

mod messages;

use std::collections::HashSet;
use std::time::Duration;

use pipeline_core::location::Location;
use pipeline_core::names::{ClusterName, TagKeys, Tags, tag};
use pipeline_core::resource::{Id, Kind, Queue, Resource, diff};
use tokio::sync::Mutex;
use tokio::time::{Instant, sleep};

use super::resource::{self, Progress};
use super::{Aws, AwsError};

pub use messages::{Received, delete, receive};

/// How long SQS may take to show a queue that was just made. It asks to wait for a second at least.
/// <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_CreateQueue.html>
const SHOWN_WITHIN: Duration = Duration::from_secs(10);

/// How often it is asked for meanwhile.
const SHOWN_POLL: Duration = Duration::from_secs(1);

/// The longest retention of SQS: reports survive an outage of the cluster that is shorter than this.
const RETENTION_SECONDS: u32 = 1_209_600;

/// Why there is no inbox.
#[derive(Debug, thiserror::Error)]
pub enum NoInbox {
    /// AWS refuses, or cannot be reached.
    #[error("the inbox cannot be made")]
    Aws(#[from] AwsError),
    /// A queue of that name exists, and belongs to another owner.
    #[error("queue `{0}` exists, and its tags do not say that it is this cluster's alone")]
    NotOurs(String),
    /// AWS does not show yet what it has.
    #[error("AWS does not show queue `{0}` yet; nothing to do: the operator asks again")]
    Hidden(String),
}

/// The inboxes that are known to exist, so that AWS is asked once for each account and region.
#[derive(Debug, Default)]
pub struct Inboxes {
    there: Mutex<HashSet<Location>>,
}

impl Inboxes {
    /// Makes sure that an account and region has its inbox.
    ///
    /// # Errors
    /// It could not be made.
    pub async fn make(&self, aws: &Aws, cluster: &ClusterName) -> Result<(), NoInbox> {
        let mut there = self.there.lock().await;
        if !there.contains(&aws.location) {
            make(aws, cluster).await?;
            there.insert(aws.location.clone());
        }
        Ok(())
    }

    /// Creates an inbox that was known to exist and was deleted by somebody else.
    ///
    /// # Errors
    /// As [`Self::make`].
    pub async fn make_again(&self, aws: &Aws, cluster: &ClusterName) -> Result<(), NoInbox> {
        self.there.lock().await.remove(&aws.location);
        self.make(aws, cluster).await
    }

    /// Deletes the inbox of an account and region with its unread messages, if it is this cluster's.
    ///
    /// # Errors
    /// AWS refuses, or cannot be reached.
    pub async fn delete(&self, aws: &Aws, cluster: &ClusterName) -> Result<(), AwsError> {
        let mut there = self.there.lock().await;
        there.remove(&aws.location);
        let id = Id::new(Kind::Queue, cluster.inbox());
        match resource::observe(aws, &id, None).await? {
            Some(seen) if is_ours(&seen.tags, cluster) => resource::delete(aws, &id, &seen).await.map(drop),
            Some(_) | None => Ok(()),
        }
    }
}

/// Creates the inbox, or updates the one that an earlier operator created. Only its tags tell whose a queue is, and a new one may
/// not show them yet: it is read until it does.
async fn make(aws: &Aws, cluster: &ClusterName) -> Result<(), NoInbox> {
    let inbox = Resource::Queue(Queue {
        name: cluster.inbox(),
        retention_seconds: RETENTION_SECONDS,
        visibility_timeout_seconds: None,
        redrive: None,
        kms_key_arn: None,
        tags: tags(cluster),
    });
    let id = inbox.id();
    let Some(seen) = resource::observe(aws, &id, None).await? else {
        let made = resource::create(aws, &inbox).await?;
        return match made {
            Progress::Done | Progress::Made(_) => {
                tracing::info!(queue = id.name, "made the inbox of an account and region");
                Ok(())
            }
            Progress::Waiting(_) | Progress::Exists => wait_until_shown(aws, &id, cluster).await,
            Progress::Fetched { .. } | Progress::TagsRefused(_) => Ok(()),
        };
    };
    if !is_ours(&seen.tags, cluster) {
        return Err(NoInbox::NotOurs(id.name));
    }
    let differences = diff(&inbox, &seen, &TagKeys::default());
    if !differences.is_empty() {
        resource::update(aws, &inbox, &seen, &differences, None).await?;
    }
    Ok(())
}

/// Reads a queue that is there until it shows its tags.
async fn wait_until_shown(aws: &Aws, id: &Id, cluster: &ClusterName) -> Result<(), NoInbox> {
    let begun = Instant::now();
    loop {
        let seen = resource::observe(aws, id, None).await?;
        match whose(seen.as_ref().map(|seen| &seen.tags), cluster, begun.elapsed()) {
            NewQueue::Ours => return Ok(()),
            NewQueue::NotOurs => return Err(NoInbox::NotOurs(id.name.clone())),
            NewQueue::Hidden => return Err(NoInbox::Hidden(id.name.clone())),
            NewQueue::TooEarly => sleep(SHOWN_POLL).await,
        }
    }
}

/// Whose a queue is that was asked for so long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum NewQueue {
    Ours,
    NotOurs,
    /// It does not show, for longer than a new one.
    Hidden,
    /// It does not show, like many a new one.
    TooEarly,
}

fn whose(tags: Option<&Tags>, cluster: &ClusterName, asked_for: Duration) -> NewQueue {
    match tags {
        Some(tags) if is_ours(tags, cluster) => NewQueue::Ours,
        Some(_) => NewQueue::NotOurs,
        None if asked_for >= SHOWN_WITHIN => NewQueue::Hidden,
        None => NewQueue::TooEarly,
    }
}

/// Whether these tags say that a queue is this cluster's, and no pipeline's. Others may tag it as they like.
fn is_ours(has: &Tags, cluster: &ClusterName) -> bool {
    TagKeys::default().only(has) == tags(cluster)
}

/// The inbox's tags: the cluster alone, since it belongs to all of the cluster's pipelines.
fn tags(cluster: &ClusterName) -> Tags {
    Tags::from([(tag::CLUSTER.to_owned(), cluster.to_string())])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_new_inbox_that_does_not_show_is_nobody_elses() {
        let cluster = "lab".parse().unwrap();
        let judged = |tags: Option<Tags>, seconds| whose(tags.as_ref(), &cluster, Duration::from_secs(seconds));
        assert_eq!(judged(None, 0), NewQueue::TooEarly);
        assert_eq!(judged(None, 60), NewQueue::Hidden);
        assert_eq!(judged(Some(tags(&cluster)), 3), NewQueue::Ours);
        assert_eq!(judged(Some(Tags::new()), 3), NewQueue::NotOurs);
    }

    #[test]
    fn an_inbox_that_others_tag_is_ours_and_one_of_a_pipeline_is_not() {
        let cluster: ClusterName = "lab".parse().unwrap();
        let with = |key: &str, value: &str| {
            let mut has = tags(&cluster);
            has.insert(key.to_owned(), value.to_owned());
            has
        };
        assert!(is_ours(&tags(&cluster), &cluster));
        assert!(is_ours(&with("cost-center", "42"), &cluster));
        assert!(is_ours(&with("aws:cloudformation:stack-id", "s"), &cluster));
        assert!(!is_ours(&with(tag::NAME, "hello"), &cluster));
        assert!(!is_ours(&with(tag::CLUSTER, "other"), &cluster));
        assert!(!is_ours(&Tags::new(), &cluster));
    }
}
