//! How full an account is.

use aws_sdk_iam::types::SummaryKeyType;
use aws_sdk_lambda::types::{AccountLimit, AccountUsage};

use super::{Failure, Session};

/// How much of a quota is used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Usage {
    /// What there is.
    pub used: i64,
    /// What there may be.
    pub quota: i64,
}

/// IAM roles. `None` if AWS does not tell.
///
/// # Errors
/// The call failed.
pub async fn roles(session: &Session) -> Result<Option<Usage>, Failure> {
    let summary = aws_sdk_iam::Client::new(&session.0).get_account_summary().send().await;
    let summary = summary.map_err(Failure::of)?.summary_map.unwrap_or_default();
    let of = |key| summary.get(&key).copied().map(i64::from);
    // The SDK knows no name for the quota.
    let (used, quota) = (of(SummaryKeyType::Roles), of(SummaryKeyType::from("RolesQuota")));
    Ok(used.zip(quota).map(|(used, quota)| Usage { used, quota }))
}

/// Bytes of code that Lambda stores. `None` if AWS does not tell.
///
/// # Errors
/// The call failed.
pub async fn code(session: &Session) -> Result<Option<Usage>, Failure> {
    let settings = aws_sdk_lambda::Client::new(&session.0).get_account_settings().send().await.map_err(Failure::of)?;
    let used = settings.account_usage().map(AccountUsage::total_code_size);
    let quota = settings.account_limit().map(AccountLimit::total_code_size);
    Ok(used.zip(quota).map(|(used, quota)| Usage { used, quota }))
}

/// Invocations at the same time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Invocations {
    /// Those of the account and region.
    pub limit: i32,
    /// Those that no function has reserved for itself.
    pub unreserved: i32,
}

/// How many invocations there may be at the same time. `None` if AWS does not tell.
///
/// # Errors
/// The call failed.
pub async fn invocations(session: &Session) -> Result<Option<Invocations>, Failure> {
    let settings = aws_sdk_lambda::Client::new(&session.0).get_account_settings().send().await.map_err(Failure::of)?;
    let of = |limit: &AccountLimit| {
        let unreserved = limit.unreserved_concurrent_executions.unwrap_or(limit.concurrent_executions);
        Invocations { limit: limit.concurrent_executions, unreserved }
    };
    Ok(settings.account_limit().map(of))
}

/// The number of schedule groups. AWS has no call that tells the quota.
///
/// # Errors
/// The call failed.
pub async fn schedule_groups(session: &Session) -> Result<i64, Failure> {
    let client = aws_sdk_scheduler::Client::new(&session.0);
    let mut groups = client.list_schedule_groups().into_paginator().items().send();
    let mut used = 0;
    while let Some(group) = groups.next().await {
        group.map_err(Failure::of)?;
        used += 1;
    }
    Ok(used)
}
