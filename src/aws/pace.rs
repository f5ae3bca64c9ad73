//! Keeps calls within AWS's rate limits, which an account shares with everybody else in it.

use std::num::NonZeroU32;

use governor::{DefaultDirectRateLimiter, Quota, RateLimiter};

use super::operation::{Family, Operation};

/// Whether calls are paced.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Pacing {
    /// About two thirds of AWS's documented rates, so that others in the account keep their share.
    Default,
    /// Not at all.
    Off,
}

/// One token bucket per rate limit.
pub struct Pacer {
    lambda_get: DefaultDirectRateLimiter,
    lambda: DefaultDirectRateLimiter,
    log_groups: DefaultDirectRateLimiter,
    log_settings: DefaultDirectRateLimiter,
    iam_read: DefaultDirectRateLimiter,
    iam_write: DefaultDirectRateLimiter,
    sqs: DefaultDirectRateLimiter,
    ssm_read: DefaultDirectRateLimiter,
    ssm_write: DefaultDirectRateLimiter,
    schedule_groups: DefaultDirectRateLimiter,
    schedules: DefaultDirectRateLimiter,
    pacing: Pacing,
}

impl Pacer {
    /// Full buckets.
    pub fn new(pacing: Pacing) -> Self {
        Self {
            lambda_get: per_second(60),
            lambda: per_second(10),
            log_groups: per_second(7),
            log_settings: per_second(4),
            iam_read: per_second(10),
            iam_write: per_second(6),
            sqs: per_second(20),
            ssm_read: per_second(20),
            ssm_write: per_second(3),
            schedule_groups: per_second(7),
            schedules: per_second(50),
            pacing,
        }
    }

    /// Waits until the call may be made.
    pub async fn wait(&self, operation: Operation) {
        if self.pacing == Pacing::Off {
            return;
        }
        let bucket = match operation.family() {
            Family::Free => return,
            Family::LambdaGet => &self.lambda_get,
            Family::Lambda => &self.lambda,
            Family::LogGroups => &self.log_groups,
            Family::LogSettings => &self.log_settings,
            Family::IamRead => &self.iam_read,
            Family::IamWrite => &self.iam_write,
            Family::Sqs => &self.sqs,
            Family::SsmRead => &self.ssm_read,
            Family::SsmWrite => &self.ssm_write,
            Family::ScheduleGroups => &self.schedule_groups,
            Family::Schedules => &self.schedules,
        };
        bucket.until_ready().await;
    }
}

/// A bucket that holds one second's calls.
fn per_second(calls: u32) -> DefaultDirectRateLimiter {
    RateLimiter::direct(Quota::per_second(NonZeroU32::MIN.saturating_add(calls - 1)))
}
