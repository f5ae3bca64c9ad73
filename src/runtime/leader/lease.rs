//! Whose turn it is, by what is seen of the lease.

use std::time::Duration;

use k8s_openapi::api::coordination::v1::LeaseSpec;
use tokio::time::Instant;

/// The term of a lease that does not say.
const DEFAULT_TERM: Duration = Duration::from_secs(15);

/// What one candidate has seen of the lease.
#[derive(Debug)]
pub(super) struct LeaseWatch {
    identity: String,
    /// The lease's version, and when it was first seen.
    seen: Option<(String, Instant)>,
    /// Whether it held the lease, and then saw that another does.
    led: bool,
    lost: bool,
}

/// What a candidate may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Turn {
    /// The lease is its own.
    Renew,
    /// Nobody holds it, or its holder has not renewed it for its term.
    Take,
    /// Another holds it.
    Wait,
}

impl LeaseWatch {
    pub(super) fn new(identity: &str) -> Self {
        Self { identity: identity.to_owned(), seen: None, led: false, lost: false }
    }

    /// Whether another leads after this one did.
    pub(super) fn is_lost(&self) -> bool {
        self.lost
    }

    /// Its turn was written down: it leads.
    pub(super) fn won(&mut self) {
        self.led = true;
    }

    /// Judges a lease of this version, seen at this moment.
    pub(super) fn turn(&mut self, spec: Option<&LeaseSpec>, version: &str, now: Instant) -> Turn {
        let since = match &self.seen {
            Some((seen, since)) if seen == version => *since,
            _ => {
                self.seen = Some((version.to_owned(), now));
                now
            }
        };
        let holder = spec.and_then(|spec| spec.holder_identity.as_deref()).filter(|holder| !holder.is_empty());
        let Some(holder) = holder else { return Turn::Take };
        if holder == self.identity {
            return Turn::Renew;
        }
        self.lost |= self.led;
        let term = spec.and_then(|spec| spec.lease_duration_seconds).and_then(|seconds| u64::try_from(seconds).ok());
        if now.duration_since(since) > term.map_or(DEFAULT_TERM, Duration::from_secs) { Turn::Take } else { Turn::Wait }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn held_by(holder: &str) -> LeaseSpec {
        LeaseSpec { holder_identity: Some(holder.to_owned()), lease_duration_seconds: Some(10), ..LeaseSpec::default() }
    }

    fn second(number: u64) -> Duration {
        Duration::from_secs(number)
    }

    #[test]
    fn a_lease_that_nobody_holds_is_taken() {
        let mut watch = LeaseWatch::new("me");
        let now = Instant::now();
        assert_eq!(watch.turn(None, "1", now), Turn::Take);
        assert_eq!(watch.turn(Some(&LeaseSpec::default()), "2", now), Turn::Take);
        assert_eq!(watch.turn(Some(&held_by("")), "3", now), Turn::Take);
    }

    #[test]
    fn anothers_lease_is_taken_when_it_did_not_change_for_its_term_by_our_clock() {
        let mut watch = LeaseWatch::new("me");
        let (now, other) = (Instant::now(), held_by("other"));
        assert_eq!(watch.turn(Some(&other), "1", now), Turn::Wait);
        assert_eq!(watch.turn(Some(&other), "1", now + second(10)), Turn::Wait);
        assert_eq!(watch.turn(Some(&other), "2", now + second(11)), Turn::Wait, "it was renewed");
        assert_eq!(watch.turn(Some(&other), "2", now + second(22)), Turn::Take);
        assert!(!watch.is_lost(), "it was never ours");
    }

    #[test]
    fn our_own_lease_is_renewed_until_another_holds_it() {
        let mut watch = LeaseWatch::new("me");
        let now = Instant::now();
        assert_eq!(watch.turn(None, "0", now), Turn::Take);
        watch.won();
        assert_eq!(watch.turn(Some(&held_by("me")), "1", now), Turn::Renew);
        assert_eq!(watch.turn(Some(&held_by("me")), "1", now + second(60)), Turn::Renew, "nobody took it");
        assert!(!watch.is_lost());
        assert_eq!(watch.turn(Some(&held_by("other")), "2", now + second(61)), Turn::Wait);
        assert!(watch.is_lost());
    }

    #[test]
    fn a_lease_that_another_takes_before_its_first_renewal_is_lost() {
        let mut watch = LeaseWatch::new("me");
        let now = Instant::now();
        assert_eq!(watch.turn(None, "0", now), Turn::Take);
        watch.won();
        assert_eq!(watch.turn(Some(&held_by("other")), "2", now), Turn::Wait);
        assert!(watch.is_lost());
    }
}
