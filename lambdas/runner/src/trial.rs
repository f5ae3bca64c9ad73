//! Tasks and deliveries outside Lambda, without queue and AWS: for trying a pipeline before it is applied.

use std::time::Duration;

use function::Queue;
use protocol::{Body, Channel, Delivery, Run, Secrets, Target, TaskResult};
use tokio::time::Instant;

use crate::action::{self, Time};
use crate::deliver::{self, Verdict};
use crate::secrets::Parameters;
use crate::{Guard, NoRunner, Runner, channel, run};

/// How long a channel may take to answer.
const MAX_POST: Duration = Duration::from_secs(10);

/// Name of the parameter that a trial's secrets stand for.
pub const PARAMETER: &str = "trial";

/// Runs tasks and delivers results with the runner's own code.
#[derive(Debug)]
pub struct Trial {
    runner: Runner,
}

/// A delivery did not arrive; says why.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct NotDelivered(String);

impl Trial {
    /// A trial with these secrets.
    ///
    /// # Errors
    /// One of the HTTP clients cannot be built.
    pub async fn new(secrets: Secrets, telegram: Option<String>) -> Result<Self, NoRunner> {
        let config = function::config().await;
        let runner = Runner::new(&config, Queue::new(&config, String::new()), Guard::default())?;
        let runner = Runner { parameters: Parameters::given(secrets), ..runner };
        Ok(Self { runner: telegram.into_iter().fold(runner, Runner::with_telegram_at) })
    }

    /// Makes one attempt at a task.
    pub async fn attempt(&self, run: &Run) -> TaskResult {
        let started = Instant::now();
        let limit = Duration::from_secs(run.task.timeout_seconds.into());
        let ended =
            action::perform(&self.runner, run, 1, Time { limit, begin_by: started + limit, end: started + 2 * limit })
                .await;
        run::result(run, 1, ended, started.elapsed())
    }

    /// Posts a result as it was made for a channel.
    ///
    /// # Errors
    /// The service did not accept it; contains its answer.
    pub async fn post(&self, delivery: &Delivery) -> Result<(), NotDelivered> {
        match deliver::post(&self.runner, delivery, MAX_POST).await {
            Verdict::Delivered => Ok(()),
            Verdict::Later { reason, .. } | Verdict::Never { reason, .. } => Err(NotDelivered(reason)),
        }
    }
}

/// The deliveries of a result to the run's channels; empty if the task does not notify of such results.
pub fn deliveries(run: &Run, result: &TaskResult) -> Vec<Delivery> {
    run::deliveries(run, result)
}

/// The service behind a channel, as people call it.
pub fn service(channel: &Channel) -> &'static str {
    match channel.target {
        Target::Slack { .. } => "Slack",
        Target::Discord { .. } => "Discord",
        Target::Telegram { .. } => "Telegram",
        Target::Teams { .. } => "Teams",
        Target::Webhook { .. } => "webhook",
    }
}

/// What a person would read of a message.
pub fn readable(target: &Target, body: &Body) -> String {
    channel::readable(target, body)
}
