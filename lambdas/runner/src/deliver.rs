//! The delivery of a result to one channel.

use std::time::Duration;

use function::Outgoing;
use jiff::Timestamp;
use protocol::{Delivery, MAX_DELIVERY_RECEIVES, Target};
use tokio::time::{Instant, timeout};

use crate::batch::Record;
use crate::channel::{self, Meaning};
use crate::events::Fate;
use crate::http::{self, Invalid};
use crate::secrets::{Freshness, Secrets};
use crate::{Outcome, Runner, events, text};

/// Longest back-off in seconds, unless the service asks for more.
const MAX_BACKOFF: u64 = 900;

/// The longest that SQS hides a message: 12 hours from its receive, of which an invocation may have used 15 minutes.
/// <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_ChangeMessageVisibility.html>
pub(crate) const MAX_HIDDEN: Duration = Duration::from_mins(12 * 60 - 15);

/// The longest that a service may take to answer.
const MAX_POST: Duration = Duration::from_secs(10);

/// What is left of a message's time when posting ends: enough to write to the queue.
pub(crate) const RESERVE: Duration = Duration::from_secs(5);

/// Maximum number of bytes that are read of an answer.
const MAX_ANSWER: usize = 8_192;

/// The outcome of a post. Reasons contain no secrets.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// The service accepted it.
    Delivered,
    /// It failed, and another attempt may succeed.
    Later {
        /// What the service said.
        reason: String,
        /// The pause that the service asks for.
        retry_after: Option<Duration>,
    },
    /// It failed, and no other attempt will succeed.
    Never {
        /// What the service said.
        reason: String,
        /// Whether other secrets could change that.
        may_be_stale: bool,
    },
}

/// Makes the n-th attempt at a delivery.
pub(crate) async fn deliver(runner: &Runner, delivery: Delivery, record: &Record, until: Instant) -> Outcome {
    let receive = record.attributes.receive_count;
    if receive > MAX_DELIVERY_RECEIVES {
        // The runner was stopped during the last attempt, or could not move the delivery to the dead-letter queue.
        let reason = format!("{MAX_DELIVERY_RECEIVES} attempts did not deliver it");
        return give_up(runner, delivery, reason, record, until).await;
    }
    let early = delivery.not_before.and_then(|time| Duration::try_from(time.duration_since(Timestamp::now())).ok());
    if let Some(early) = early.filter(|early| !early.is_zero()) {
        return Outcome::Again(early.min(MAX_HIDDEN));
    }
    let verdict = post(runner, &delivery, until.duration_since(Instant::now()).saturating_sub(RESERVE)).await;
    match verdict {
        Verdict::Delivered => {
            events::report_delivery(runner, &delivery, &Fate::Delivered).await;
            Outcome::Done
        }
        Verdict::Later { reason, .. } if receive == MAX_DELIVERY_RECEIVES => {
            let reason = format!("{MAX_DELIVERY_RECEIVES} attempts did not deliver it, the last: {reason}");
            give_up(runner, delivery, reason, record, until).await
        }
        Verdict::Later { retry_after, .. } => Outcome::Again(wait(receive, retry_after)),
        Verdict::Never { reason, .. } => give_up(runner, delivery, reason, record, until).await,
    }
}

/// Moves a delivery to the dead-letter queue with the reason, and reports it. It is sent there before it is deleted here, so
/// that a crash in between leaves two of it rather than none. If sending fails it is tried again, and SQS itself moves
/// the message in the end.
async fn give_up(runner: &Runner, delivery: Delivery, reason: String, record: &Record, until: Instant) -> Outcome {
    let message = Outgoing::given_up(delivery.clone(), reason.clone()).received_as(record.message_id.to_string());
    let moved = runner.queue.send(vec![message], until).await;
    if moved.is_ok() || record.attributes.receive_count > MAX_DELIVERY_RECEIVES {
        events::report_delivery(runner, &delivery, &Fate::GivenUp(reason)).await;
    }
    match moved {
        Ok(()) => Outcome::Done,
        Err(error) => {
            tracing::error!(%error, "a delivery that is given up could not be moved to the dead-letter queue; trying \
                                     again");
            Outcome::AgainSometime
        }
    }
}

/// Posts a delivery. If the service refuses the cached secrets, tries again with fresh ones.
pub(crate) async fn post(runner: &Runner, delivery: &Delivery, limit: Duration) -> Verdict {
    let limit = limit.min(MAX_POST);
    let verdict = timeout(limit, try_secrets(runner, delivery)).await.unwrap_or_else(|_| Verdict::Later {
        reason: format!("no answer in {} s", limit.as_secs()),
        retry_after: None,
    });
    log(delivery, &verdict);
    verdict
}

async fn try_secrets(runner: &Runner, delivery: &Delivery) -> Verdict {
    let parameter = delivery.parameter.as_deref().filter(|_| channel::is_secret(&delivery.channel.target));
    let secrets = async |freshness| runner.parameters.get(parameter, freshness).await;
    let kept = match secrets(Freshness::Kept).await {
        Ok(kept) => kept,
        Err(error) => return Verdict::Later { reason: error.to_string(), retry_after: None },
    };
    let verdict = try_once(runner, delivery, &kept).await;
    if !matches!(verdict, Verdict::Never { may_be_stale: true, .. }) {
        return verdict;
    }
    match secrets(Freshness::Now).await {
        // With the same secrets the service would refuse again, and services count refused requests.
        Ok(fresh) if fresh == kept => verdict,
        Ok(fresh) => try_once(runner, delivery, &fresh).await,
        Err(error) => Verdict::Later { reason: error.to_string(), retry_after: None },
    }
}

async fn try_once(runner: &Runner, delivery: &Delivery, secrets: &Secrets) -> Verdict {
    let target = &delivery.channel.target;
    let request = match channel::request(&runner.http, &runner.telegram, target, &delivery.body, secrets) {
        Ok(request) => request,
        Err(error) => {
            let may_be_stale = match &error {
                Invalid::Url(_) | Invalid::Scheme(_) | Invalid::Header(_) | Invalid::Missing(_) => true,
                Invalid::Refused(_) | Invalid::Client(_) => false,
            };
            return Verdict::Never { reason: error.to_string(), may_be_stale };
        }
    };
    match request.send().await {
        Ok(answer) => judge(answer, target, secrets).await,
        Err(error) => match http::refusal(&error) {
            Some(refused) => Verdict::Never { reason: refused.to_string(), may_be_stale: false },
            None => Verdict::Later { reason: http::describe(&error), retry_after: None },
        },
    }
}

async fn judge(answer: reqwest::Response, target: &Target, secrets: &Secrets) -> Verdict {
    let (code, status, headers) = (answer.status(), http::status(&answer), answer.headers().clone());
    if code.is_success() && !channel::hides_failures(target) {
        return Verdict::Delivered;
    }
    let body = http::read(answer, MAX_ANSWER).await.unwrap_or_default();
    let meaning = channel::meaning(target, code, &String::from_utf8_lossy(&body));
    let body = secrets.redact(String::from_utf8_lossy(&body).into_owned());
    let excerpt = text::excerpt(&body);
    let reason = if excerpt.is_empty() { status } else { format!("{status}: {excerpt}") };
    match meaning {
        Meaning::Delivered => Verdict::Delivered,
        Meaning::Later => {
            Verdict::Later { reason, retry_after: channel::retry_after(&headers, &body, Timestamp::now()) }
        }
        Meaning::Never => Verdict::Never { reason, may_be_stale: false },
        Meaning::NeverWithThisSecret => Verdict::Never { reason, may_be_stale: true },
    }
}

/// How long to wait after the n-th receive: what the service asks for, or else a random time out of a range that
/// doubles, so that many deliveries don't come back together.
pub(crate) fn wait(receive: u32, retry_after: Option<Duration>) -> Duration {
    let range = MAX_BACKOFF.min(5_u64.saturating_mul(2_u64.saturating_pow(receive)));
    Duration::from_secs(fastrand::u64(..=range)).max(retry_after.unwrap_or_default()).min(MAX_HIDDEN)
}

fn log(delivery: &Delivery, verdict: &Verdict) {
    let Delivery { run_id, task, channel, .. } = delivery;
    let channel = &channel.name;
    match verdict {
        Verdict::Delivered => tracing::info!(runId = run_id, task, channel, "delivered"),
        Verdict::Later { reason, .. } => tracing::warn!(runId = run_id, task, channel, reason, "delivery put off"),
        Verdict::Never { reason, .. } => tracing::error!(runId = run_id, task, channel, reason, "delivery given up"),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn waits_grow_to_a_limit_and_obey_the_service(receive in 0_u32..100, asked in 0_u64..100_000) {
            let longest = 900.min(5_u64.saturating_mul(2_u64.saturating_pow(receive)));
            prop_assert!(wait(receive, None).as_secs() <= longest);
            let wait = wait(receive, Some(Duration::from_secs(asked))).as_secs();
            let limit = MAX_HIDDEN.as_secs();
            prop_assert!(wait >= asked.min(limit) && wait <= asked.max(longest).min(limit));
        }
    }
}
