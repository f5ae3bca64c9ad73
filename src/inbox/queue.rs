//! The inbox itself: one queue for each account and region that pipelines live in, made with the first of them and
//! deleted with the last.

use std::collections::HashSet;

use pipeline_core::location::Location;
use pipeline_core::names::{ClusterName, Tags, tag};
use tokio::sync::Mutex;

use crate::aws::{Aws, AwsError};
use crate::resource::{self, Id, Kind, Progress, Queue, Resource, diff};

/// What SQS keeps a message for at most: so long can the whole cluster be away.
const RETENTION_SECONDS: u32 = 1_209_600;

/// Why there is no inbox.
#[derive(Debug, thiserror::Error)]
pub enum NoInbox {
    /// AWS refuses, or cannot be reached.
    #[error("the inbox cannot be made")]
    Aws(#[from] AwsError),
    /// A queue of that name is there.
    #[error("queue `{0}` exists, and does not carry just this cluster's tag")]
    NotOurs(String),
}

/// The inboxes that are known to be there: asked for once a place, not once a pipeline.
#[derive(Debug, Default)]
pub struct Inboxes {
    there: Mutex<HashSet<Location>>,
}

impl Inboxes {
    /// Makes sure that a place has its inbox.
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

    /// The same, for one that was thought to be there.
    ///
    /// # Errors
    /// As there.
    pub async fn make_again(&self, aws: &Aws, cluster: &ClusterName) -> Result<(), NoInbox> {
        self.there.lock().await.remove(&aws.location);
        self.make(aws, cluster).await
    }

    /// Deletes a place's inbox, with what nobody will read any more.
    ///
    /// # Errors
    /// AWS refuses, or cannot be reached.
    pub async fn delete(&self, aws: &Aws, cluster: &ClusterName) -> Result<(), AwsError> {
        let mut there = self.there.lock().await;
        there.remove(&aws.location);
        let id = Id::new(Kind::Queue, cluster.inbox());
        match resource::observe(aws, &id).await? {
            Some(seen) if seen.tags == tags(cluster) => resource::delete(aws, &id, &seen).await.map(drop),
            Some(_) | None => Ok(()),
        }
    }
}

/// Looks first: a new operator finds what an earlier one made.
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
    match resource::observe(aws, &id).await? {
        None => match inbox.create(aws).await? {
            Progress::Done | Progress::Made(_) => {
                tracing::info!(queue = id.name, "made the inbox of an account and region");
            }
            Progress::Waiting(_) => {}
            Progress::Exists => return Err(NoInbox::NotOurs(id.name)),
        },
        Some(seen) if seen.tags != tags(cluster) => return Err(NoInbox::NotOurs(id.name)),
        Some(seen) => {
            let differences = diff(&inbox, &seen);
            if !differences.is_empty() {
                inbox.update(aws, &seen, &differences).await?;
            }
        }
    }
    Ok(())
}

/// It belongs to no one pipeline.
fn tags(cluster: &ClusterName) -> Tags {
    Tags::from([(tag::CLUSTER.to_owned(), cluster.to_string())])
}
