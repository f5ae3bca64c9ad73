//! Keeps calls within AWS's rate limits, which an account shares with everybody else in it: one bucket for each limit of
//! each account and region.

use std::collections::HashMap;
use std::sync::Arc;

use parking_lot::Mutex;
use pipeline_core::location::Location;

use super::bucket::{Bucket, Permit};
use super::queue::Caller;
use crate::operation::{Family, Operation};

/// How calls are paced.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pacing {
    /// As [`per_second`] says; less while AWS asks for fewer calls.
    Default,
    /// Not at all, until AWS asks for fewer calls: then as by default.
    Off,
}

/// All buckets.
#[derive(Debug)]
pub(crate) struct Pacer {
    pacing: Pacing,
    buckets: Mutex<HashMap<Limit, Arc<Bucket>>>,
}

/// One of AWS's rate limits.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Limit {
    account: String,
    /// Empty where the limit is the account's.
    region: String,
    family: Family,
}

impl Pacer {
    /// Full buckets.
    pub(crate) fn new(pacing: Pacing) -> Self {
        Self { pacing, buckets: Mutex::default() }
    }

    /// Waits until a call may be made; `None` where no limit matters.
    pub(crate) async fn permit(&self, location: &Location, operation: Operation, caller: &Caller) -> Option<Permit> {
        let family = operation.family();
        let bucket = self.bucket(location, family, per_second(family)?);
        Some(bucket.permit(caller).await)
    }

    fn bucket(&self, location: &Location, family: Family, calls: u32) -> Arc<Bucket> {
        let region = match family {
            // IAM has one control plane for all regions.
            Family::IamRead | Family::IamWrite => String::new(),
            _ => location.region.clone(),
        };
        let limit = Limit { account: location.account.clone(), region, family };
        let mut buckets = self.buckets.lock();
        let bucket = buckets.entry(limit).or_insert_with(|| Bucket::new(calls, self.pacing == Pacing::Off));
        Arc::clone(bucket)
    }
}

/// Calls a second: about two thirds of the documented rates, so that others in the account keep their share.
const fn per_second(family: Family) -> Option<u32> {
    match family {
        Family::Free => None,
        Family::LambdaGet => Some(60),
        Family::Lambda | Family::IamRead => Some(10),
        Family::LogGroups | Family::ScheduleGroups => Some(7),
        Family::LogSettings => Some(4),
        Family::IamWrite => Some(6),
        Family::Sqs | Family::SsmRead => Some(20),
        Family::SsmWrite => Some(3),
        Family::Schedules => Some(50),
    }
}

#[cfg(test)]
mod tests {
    use pipeline_core::partition::Partition;

    use super::super::queue::Urgency;
    use super::*;

    fn location(account: &str, region: &str) -> Location {
        Location { partition: Partition::Aws, account: account.to_owned(), region: region.to_owned(), endpoint: None }
    }

    /// How many of these calls may be made at once, in order, before one has to wait.
    async fn at_once(pacer: &Pacer, location: &Location, operation: Operation) -> usize {
        let caller = Caller { name: "a".into(), urgency: Urgency::Edit };
        let begun = tokio::time::Instant::now();
        let mut count = 0;
        while count < 1000 {
            pacer.permit(location, operation, &caller).await;
            if begun.elapsed() > std::time::Duration::ZERO {
                return count;
            }
            count += 1;
        }
        count
    }

    #[tokio::test(start_paused = true)]
    async fn accounts_and_regions_have_limits_of_their_own_and_iam_one_an_account() {
        let pacer = Pacer::new(Pacing::Default);
        let here = location("111122223333", "eu-west-1");
        let elsewhere = location("111122223333", "us-east-1");
        let other = location("444455556666", "eu-west-1");
        for place in [&here, &elsewhere, &other] {
            assert_eq!(at_once(&pacer, place, Operation::CreateFunction).await, 10, "{place:?}");
        }
        assert_eq!(at_once(&pacer, &here, Operation::CreateRole).await, 6);
        assert_eq!(at_once(&pacer, &elsewhere, Operation::CreateRole).await, 0);
        assert_eq!(at_once(&pacer, &other, Operation::CreateRole).await, 6);
    }

    #[tokio::test(start_paused = true)]
    async fn operations_of_one_limit_share_it() {
        let pacer = Pacer::new(Pacing::Default);
        let here = location("111122223333", "eu-west-1");
        assert_eq!(at_once(&pacer, &here, Operation::CreateFunction).await, 10);
        assert_eq!(at_once(&pacer, &here, Operation::ListEventSourceMappings).await, 0);
        assert_eq!(at_once(&pacer, &here, Operation::GetFunction).await, 60);
    }

    #[tokio::test(start_paused = true)]
    async fn without_pacing_nothing_waits() {
        let pacer = Pacer::new(Pacing::Off);
        assert_eq!(at_once(&pacer, &location("111122223333", "eu-west-1"), Operation::CreateRole).await, 1000);
    }
}
