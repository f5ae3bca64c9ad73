//! How many pipelines are reconciled at the same time: so many for each AWS account, since an account's rate limits are
//! what reconciles wait for, and a reconcile that waits for one account must not keep another's from beginning.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// How long to stand in line before the pipeline is reconciled anew: it may have changed or gone.
const PATIENCE: Duration = Duration::from_mins(1);

/// The slots of all accounts.
#[derive(Debug)]
pub struct AccountConcurrency {
    each: usize,
    accounts: Mutex<HashMap<String, Arc<Semaphore>>>,
}

impl AccountConcurrency {
    /// Allows `each` concurrent reconciles for each AWS account.
    pub fn new(each: u16) -> Self {
        Self { each: each.into(), accounts: Mutex::default() }
    }

    /// Waits for a slot of an account, first come, first served; nothing when it takes too long, or no more are given.
    pub async fn take(&self, account: &str) -> Option<OwnedSemaphorePermit> {
        let slots = {
            let mut accounts = self.accounts.lock();
            let new = || Arc::new(Semaphore::new(self.each));
            Arc::clone(accounts.entry(account.to_owned()).or_insert_with(new))
        };
        tokio::time::timeout(PATIENCE, slots.acquire_owned()).await.ok()?.ok()
    }

    /// Gives no more, so that who waits need not be waited for.
    pub fn close(&self) {
        let accounts = self.accounts.lock();
        accounts.values().for_each(|slots| slots.close());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_busy_account_takes_no_slot_of_another() {
        let slots = AccountConcurrency::new(2);
        let busy = (slots.take("111122223333").await, slots.take("111122223333").await);
        assert!(busy.0.is_some() && busy.1.is_some());
        assert!(slots.take("111122223333").await.is_none(), "its slots are taken");
        assert!(slots.take("444455556666").await.is_some());
        drop(busy);
        assert!(slots.take("111122223333").await.is_some());
    }

    #[tokio::test(start_paused = true)]
    async fn none_is_given_when_the_operator_stops() {
        let slots = AccountConcurrency::new(1);
        let taken = slots.take("").await;
        let (waited, ()) = tokio::join!(slots.take(""), async { slots.close() });
        assert!(taken.is_some() && waited.is_none());
    }
}
