//! Whether this operator may call AWS at this moment.

use std::future::pending;

use tokio::sync::watch;
use tokio::time::{Instant, sleep_until};

/// Whether this operator leads at this moment.
#[derive(Clone, Debug)]
pub struct Leadership {
    /// Expiry of the lease; `None` if there is only one operator.
    until: Option<watch::Receiver<Option<Instant>>>,
}

impl Leadership {
    /// For a process that needs no lease.
    pub fn sole() -> Self {
        Self { until: None }
    }

    /// For an operator that leads until the expiry that this channel last received.
    pub fn until(time: watch::Receiver<Option<Instant>>) -> Self {
        Self { until: Some(time) }
    }

    /// Whether this operator leads now.
    pub fn is_held(&self) -> bool {
        self.until.as_ref().is_none_or(|until| leads(*until.borrow()))
    }

    /// Waits for as long as this operator does not lead.
    pub async fn held(&self) {
        let Some(mut until) = self.until.clone() else { return };
        if until.wait_for(|until| leads(*until)).await.is_err() {
            // The lease's keeper has stopped: the program is ending.
            pending::<()>().await;
        }
    }

    /// Waits for as long as this operator leads.
    pub async fn lost(&self) {
        let Some(mut until) = self.until.clone() else { return pending().await };
        loop {
            let end = until.borrow_and_update().filter(|end| Instant::now() < *end);
            let Some(end) = end else { return };
            tokio::select! {
                () = sleep_until(end) => {}
                // An end that nobody puts off any more comes in the next round.
                Ok(()) = until.changed() => {}
            }
        }
    }
}

fn leads(until: Option<Instant>) -> bool {
    until.is_some_and(|until| Instant::now() < until)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::time::timeout;

    use super::*;

    const TERM: Duration = Duration::from_secs(7);

    #[tokio::test(start_paused = true)]
    async fn work_waits_while_the_lease_has_run_out() {
        let (sender, receiver) = watch::channel(None);
        let leadership = Leadership::until(receiver);
        let held = async |leadership: &Leadership| timeout(Duration::from_mins(1), leadership.held()).await.is_ok();
        assert!(!held(&leadership).await, "before it is won");
        sender.send_replace(Some(Instant::now() + TERM));
        assert!(held(&leadership).await);
        tokio::time::advance(TERM).await;
        assert!(!held(&leadership).await, "when it was not renewed");
        sender.send_replace(Some(Instant::now() + TERM));
        assert!(held(&leadership).await, "when it is renewed after all");
        drop(sender);
        tokio::time::advance(TERM).await;
        assert!(!held(&leadership).await, "when nobody stands for election any more");
        assert!(held(&Leadership::sole()).await);
    }

    #[tokio::test(start_paused = true)]
    async fn it_is_lost_when_the_lease_runs_out_and_not_while_it_is_renewed() {
        let begun = Instant::now();
        let (sender, receiver) = watch::channel(Some(begun + TERM));
        let leadership = Leadership::until(receiver);
        let renew = async {
            tokio::time::sleep(TERM / 2).await;
            sender.send_replace(Some(Instant::now() + TERM));
        };
        tokio::join!(renew, leadership.lost());
        assert_eq!(begun.elapsed(), TERM + TERM / 2);
        sender.send_replace(Some(Instant::now() + TERM));
        let begun = Instant::now();
        let release = async {
            tokio::time::sleep(Duration::from_secs(1)).await;
            sender.send_replace(None);
        };
        tokio::join!(release, leadership.lost());
        assert_eq!(begun.elapsed(), Duration::from_secs(1), "when it is given up");
        sender.send_replace(Some(Instant::now() + TERM));
        drop(sender);
        let begun = Instant::now();
        leadership.lost().await;
        assert_eq!(begun.elapsed(), TERM, "when nobody renews it any more");
        assert!(timeout(Duration::from_mins(1), Leadership::sole().lost()).await.is_err());
    }
}
