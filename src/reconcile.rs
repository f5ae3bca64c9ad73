//! One look at one pipeline: from its custom resource to AWS, and back to its status.

mod delete;
mod manage;

use std::collections::HashMap;
use std::hash::{BuildHasher as _, RandomState};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use jiff::Timestamp;
use kube::ResourceExt as _;

use crate::aws::{Accounts, Aws};
use crate::cluster::{Cluster, News};
use crate::configuration::Configuration;
use crate::crd::{PipelineStatus, ScheduledTaskPipeline};
use crate::health::{self, Again, Health};
use crate::identity::{ClusterName, Owner, Target};
use crate::pipeline::Home;
use crate::resource::Installation;
use crate::status;

/// What every reconcile works with.
pub struct Context {
    /// The API server.
    pub cluster: Cluster,
    /// AWS.
    pub accounts: Accounts,
    /// What pipelines may reach beyond their own resources.
    pub configuration: Configuration,
    /// What all pipelines share.
    pub installation: Installation,
    /// The cluster's name on AWS.
    pub cluster_name: ClusterName,
    /// Time between two looks at an unchanged pipeline.
    pub resync: Duration,
    /// Time after which a missing Secret is looked for again.
    pub secret_retry: Duration,
    /// Failures in a row, by the pipeline's UID.
    pub failures: Mutex<HashMap<String, u32>>,
}

/// How long one look may wait for AWS before it makes room and comes back.
const PATIENCE: Duration = Duration::from_secs(20);

/// The longest pause after failures.
const MAX_BACK_OFF: Duration = Duration::from_mins(5);

/// Looks at a pipeline, and does what is to be done.
///
/// # Errors
/// The API server does not answer, or refuses.
pub async fn reconcile(cached: &ScheduledTaskPipeline, context: &Context) -> kube::Result<Next> {
    // A cache may be old, and what follows deletes and creates.
    let Some(pipeline) = context.cluster.live(cached).await? else {
        context.forget(cached);
        return Ok(Next::OnChange);
    };
    if pipeline.status.as_ref().and_then(|status| status.observed_generation) != pipeline.metadata.generation {
        // A new spec deserves a new start.
        context.forget(&pipeline);
    }
    let look = Look {
        owner: context.owner(&pipeline),
        before: pipeline.status.clone().unwrap_or_default(),
        pipeline,
        context,
    };
    if look.pipeline.metadata.deletion_timestamp.is_some() {
        Box::pin(delete::delete(look)).await
    } else {
        Box::pin(manage::manage(look)).await
    }
}

/// When the pipeline is looked at next, if nothing happens before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next {
    /// When it changes.
    OnChange,
    /// After this time.
    In(Duration),
}

impl Context {
    fn owner(&self, pipeline: &ScheduledTaskPipeline) -> Owner {
        Owner {
            cluster: self.cluster_name.clone(),
            namespace: pipeline.namespace().unwrap_or_default(),
            name: pipeline.name_any(),
            uid: pipeline.uid().unwrap_or_default(),
        }
    }

    fn forget(&self, pipeline: &ScheduledTaskPipeline) {
        if let Ok(mut failures) = self.failures.lock() {
            failures.remove(&pipeline.uid().unwrap_or_default());
        }
    }

    /// The pause after one more failure of a pipeline: doubled each time, with jitter.
    pub fn back_off(&self, pipeline: &ScheduledTaskPipeline) -> Duration {
        let uid = pipeline.uid().unwrap_or_default();
        let count = self.failures.lock().map_or(1, |mut failures| {
            let count = failures.entry(uid).or_insert(0);
            *count += 1;
            *count
        });
        let pause = Duration::from_secs(1 << count.min(9)).min(MAX_BACK_OFF);
        jittered(pause)
    }
}

/// Spreads what would come due together: 90% to 110% of the time.
fn jittered(time: Duration) -> Duration {
    // The standard library's one source of randomness.
    let random = RandomState::new().hash_one(()) % 200;
    time.mul_f64(0.9 + f64::from(u32::try_from(random).unwrap_or(0)) / 1000.0)
}

/// One look at one pipeline.
struct Look<'context> {
    pipeline: ScheduledTaskPipeline,
    owner: Owner,
    before: PipelineStatus,
    context: &'context Context,
}

impl Look<'_> {
    fn generation(&self) -> i64 {
        self.pipeline.metadata.generation.unwrap_or_default()
    }

    /// Where the pipeline lives, as far as that is known.
    fn home(&self) -> Home<'_> {
        Home {
            own_region: self.context.accounts.own_region(),
            account: self.before.account.as_deref(),
            region: self.before.region.as_deref(),
        }
    }

    /// The account and region that hold the pipeline: fixed at the first reconcile.
    async fn aws(&self, target: &Target) -> Result<Arc<Aws>, Health> {
        let aws = self.context.accounts.get(target).await.map_err(|error| Health::no_aws(&error))?;
        match &self.before.account {
            Some(account) if *account != aws.location.account => Err(Health::conflict(&format!(
                "the pipeline lives in account {account}, and {} is of account {}",
                target.role.as_ref().map_or("the operator", |role| role.arn.as_str()),
                aws.location.account
            ))),
            Some(_) | None => Ok(aws),
        }
    }

    /// Writes the status in between, as it then stands.
    async fn write(&mut self, status: PipelineStatus) -> kube::Result<()> {
        self.pipeline = self.context.cluster.write_status(&self.pipeline, &status).await?;
        self.before = status;
        Ok(())
    }

    /// Puts news into the log and the pipeline's events.
    async fn tell(&self, news: &[News]) -> kube::Result<()> {
        for one in news {
            if one.warning {
                tracing::warn!(reason = one.reason, note = one.note, "pipeline needs attention");
            } else {
                tracing::info!(reason = one.reason, note = one.note, "pipeline changed");
            }
            self.context.cluster.publish(&self.pipeline, one).await?;
        }
        Ok(())
    }

    /// Says how the pipeline is: status where it changed, events for what is new; and when to look again.
    async fn conclude(self, mut status: PipelineStatus, health: &Health, mut news: Vec<News>) -> kube::Result<Next> {
        let health = &health.clone().not_for_ever(&self.before.conditions, Timestamp::now());
        let generation = self.generation();
        status.observed_generation = Some(generation);
        status.conditions = health::conditions(health, &self.before.conditions, generation, Timestamp::now());
        if status != self.before {
            self.context.cluster.write_status(&self.pipeline, &status).await?;
        }
        news.extend(status::news_of_change(&self.before, health));
        self.tell(&news).await?;
        if health.again != Again::BackOff {
            self.context.forget(&self.pipeline);
        }
        Ok(Next::In(match health.again {
            Again::In(time) => time,
            Again::Resync => jittered(self.context.resync),
            // Never later than promised.
            Again::WhenSecretsMayBe => jittered(self.context.secret_retry.mul_f64(0.9)),
            Again::BackOff => self.context.back_off(&self.pipeline),
        }))
    }
}
