//! Which of several operators works: the one that holds a Lease of the API server's.
//! <https://kubernetes.io/docs/concepts/architecture/leases/#leader-election>
//!
//! Times are each operator's own, by a clock that nobody sets: a lease has run out when it was not seen to change for its
//! term. AWS knows no lease, so a leader starts no call once its own time is over, and ends those under way that change
//! something, however long an upload takes. That is before anybody else's time begins, by as long as AWS may take for a
//! call that it has in whole.

mod lease;

use std::time::Duration;

use aws::Leadership;
use jiff::Timestamp;
use k8s_openapi::api::coordination::v1::{Lease, LeaseSpec};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::MicroTime;
use kube::api::{Api, ObjectMeta, PostParams};
use kube::{Client, ResourceExt as _};
use pipeline_core::error_chain::chain;
use tokio::sync::watch;
use tokio::time::{Instant, sleep, timeout};

use lease::{LeaseWatch, Turn};

/// How long others wait for a leader's next renewal, seconds: with two [`PERIOD`]s and a write within the 15 that a
/// standby may take.
const TERM_SECONDS: i32 = 12;

/// How long a leader works on without having renewed: one [`ATTEMPT`] may fail, and the next take its time. Then it changes
/// no more. What AWS has in whole by then it has until the term is over to carry out; most calls take it a tenth of a second.
const LEADS_FOR: Duration = Duration::from_secs(7);

/// How often a leader renews its lease, and how often a standby reads it.
const PERIOD: Duration = Duration::from_secs(1);

/// An attempt at either.
const ATTEMPT: Duration = Duration::from_secs(3);

/// One operator's standing for election.
pub struct Candidate {
    leases: Api<Lease>,
    name: String,
    identity: String,
    watch: LeaseWatch,
    until: watch::Sender<Option<Instant>>,
}

impl Candidate {
    /// A candidate for the lease of this name in the client's default namespace.
    pub fn new(client: Client, name: &str) -> Self {
        // Two processes are never one, even on one host.
        let number = fastrand::u64(..);
        let host = std::env::var("HOSTNAME").unwrap_or_else(|_| "task-pipelines".to_owned());
        let identity = format!("{host}_{number:016x}");
        let leases = Api::default_namespaced(client);
        Self {
            leases,
            name: name.to_owned(),
            watch: LeaseWatch::new(&identity),
            identity,
            until: watch::Sender::new(None),
        }
    }

    /// Tells those that must not work without the lease whether this operator holds it.
    pub fn leadership(&self) -> Leadership {
        Leadership::until(self.until.subscribe())
    }

    /// Waits until it leads.
    pub async fn acquire(&mut self) {
        tracing::info!(lease = self.name, identity = self.identity, "waiting for leadership");
        while !self.round().await {
            sleep(PERIOD).await;
        }
        tracing::info!(lease = self.name, "leads");
    }

    /// Renews until another leads.
    pub async fn renew_until_lost(&mut self) {
        while !self.watch.is_lost() {
            sleep(PERIOD).await;
            self.round().await;
        }
    }

    /// Lets the next one lead at once.
    pub async fn release(mut self) {
        self.until.send_replace(None);
        let given_up = async {
            let Some(lease) = self.leases.get_opt(&self.name).await? else { return Ok(()) };
            if self.watch.turn(lease.spec.as_ref(), &version(&lease), Instant::now()) == Turn::Renew {
                let free = LeaseSpec { holder_identity: None, ..lease.spec.clone().unwrap_or_default() };
                self.leases.replace(&self.name, &PostParams::default(), &Lease { spec: Some(free), ..lease }).await?;
            }
            Ok::<_, kube::Error>(())
        };
        match timeout(ATTEMPT, given_up).await {
            Ok(Ok(())) => tracing::info!(lease = self.name, "no longer leads"),
            Ok(Err(error)) => {
                tracing::warn!(error = chain(&error), "the lease could not be released; it runs out by itself");
            }
            Err(_) => tracing::warn!("the lease could not be released in time; it runs out by itself"),
        }
    }

    /// Takes or renews the lease, if that is this operator's to do; whether it then leads.
    async fn round(&mut self) -> bool {
        let began = Instant::now();
        let held = match timeout(ATTEMPT, self.take_or_renew()).await {
            Ok(Ok(held)) => held,
            Ok(Err(kube::Error::Api(status))) if status.is_conflict() || status.is_already_exists() => false,
            Ok(Err(error)) => {
                tracing::warn!(lease = self.name, error = chain(&error), "the lease cannot be read or written");
                false
            }
            Err(_) => {
                tracing::warn!(lease = self.name, "the API server does not answer about the lease");
                false
            }
        };
        if held {
            self.watch.won();
            self.until.send_replace(Some(began + LEADS_FOR));
        }
        held
    }

    async fn take_or_renew(&mut self) -> kube::Result<bool> {
        let parameters = PostParams::default();
        let now = Some(MicroTime(Timestamp::now()));
        let Some(lease) = self.leases.get_opt(&self.name).await? else {
            let metadata = ObjectMeta { name: Some(self.name.clone()), ..ObjectMeta::default() };
            let lease = Lease { metadata, spec: Some(self.spec(now.clone(), now, 0)) };
            self.leases.create(&parameters, &lease).await?;
            return Ok(true);
        };
        let old = lease.spec.clone().unwrap_or_default();
        let transitions = old.lease_transitions.unwrap_or_default();
        let spec = match self.watch.turn(lease.spec.as_ref(), &version(&lease), Instant::now()) {
            Turn::Wait => return Ok(false),
            Turn::Renew => self.spec(old.acquire_time, now, transitions),
            Turn::Take => self.spec(now.clone(), now, transitions + 1),
        };
        // Refused if anybody wrote in between: the lease says which version it was.
        self.leases.replace(&self.name, &parameters, &Lease { spec: Some(spec), ..lease }).await?;
        Ok(true)
    }

    fn spec(&self, acquired: Option<MicroTime>, renewed: Option<MicroTime>, transitions: i32) -> LeaseSpec {
        LeaseSpec {
            holder_identity: Some(self.identity.clone()),
            lease_duration_seconds: Some(TERM_SECONDS),
            acquire_time: acquired,
            renew_time: renewed,
            lease_transitions: Some(transitions),
            ..LeaseSpec::default()
        }
    }
}

fn version(lease: &Lease) -> String {
    lease.resource_version().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What AWS may take for a call that it has in whole. It says nothing of that; most take a tenth of a second.
    const CARRIED_OUT: Duration = Duration::from_secs(5);

    #[test]
    fn the_last_call_of_one_leader_ends_before_anothers_first() {
        let term = Duration::from_secs(u64::try_from(TERM_SECONDS).unwrap());
        assert!(LEADS_FOR + CARRIED_OUT <= term);
        assert!(ATTEMPT + PERIOD + ATTEMPT <= LEADS_FOR, "a renewal may fail once");
        // It sees the last renewal up to a period late, notices the end of the term as late, and then writes.
        assert!(term + PERIOD * 2 + Duration::from_secs(1) <= Duration::from_secs(15), "a standby takes over in time");
    }
}
