//! What the receives of a message tell about its work.
//!
//! SQS counts a receive also where Lambda had no room to invoke the runner. What such a receive looks like differs from
//! one in which work began: nobody touched the message, so it stayed hidden for the queue's whole visibility timeout. Work
//! that must not be repeated therefore begins with hiding its message for no longer than this invocation can last: if the
//! runner dies, the message is back much sooner.

use std::time::Duration;

use jiff::Timestamp;

use crate::batch::Attributes;
use crate::deliver::MAX_HIDDEN;

/// How long after an invocation's end a message is hidden that was under work in it.
const MARGIN: Duration = Duration::from_secs(5);

/// One receive of a message.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Receive {
    /// Its number, from 1.
    pub(crate) number: u32,
    /// Time since the first one.
    since_first: Duration,
    lease: Option<Lease>,
}

/// Times that a message is hidden for, where they tell work from waiting.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Lease {
    /// The queue's visibility timeout.
    pub(crate) untouched: Duration,
    /// Until no work of this invocation can go on.
    pub(crate) at_work: Duration,
}

impl Lease {
    /// The times for an invocation that has so much time left. None if the queue hides messages too shortly to tell, where
    /// six times the runner's timeout is the default, or for longer than the runner itself can.
    pub(crate) fn new(visibility: Option<Duration>, left: Duration) -> Option<Self> {
        let at_work = left + MARGIN;
        let tells = |visibility: &Duration| (2 * at_work..=MAX_HIDDEN).contains(visibility);
        visibility.filter(tells).map(|untouched| Self { untouched, at_work })
    }
}

/// How long to hide a message, from now, that waits behind others in an invocation that has so much time left. Lambda may
/// have held the batch back until its time was nearly over: it must not come back meanwhile, and if the runner dies, it must
/// look like one that nobody touched.
pub(crate) fn behind(visibility: Option<Duration>, left: Duration) -> Duration {
    visibility.unwrap_or_default().max(left + MARGIN).min(MAX_HIDDEN)
}

impl Receive {
    /// The receive that a message tells of itself.
    pub(crate) fn of(attributes: &Attributes, lease: Option<Lease>) -> Self {
        let since_first = attributes.first_received.and_then(|first| {
            let first = Timestamp::from_millisecond(first).ok()?;
            Duration::try_from(Timestamp::now().duration_since(first)).ok()
        });
        Self { number: attributes.receive_count, since_first: since_first.unwrap_or_default(), lease }
    }

    /// Whether another attempt may begin at work of up to `attempts`, between which the message is hidden for `pause`.
    ///
    /// Up to that number of receives it may. Beyond it, as many of the earlier ones as there are too many must have begun
    /// nothing, so that they took the whole visibility timeout. It errs where the runner died with the last attempt, and the
    /// message then waited as long as that, or the pauses before took longer: once for each time that those are longer.
    pub(crate) fn may_begin(&self, attempts: u32, pause: Duration) -> bool {
        let beyond = self.number.saturating_sub(attempts);
        // The queue and this machine keep time by clocks of their own.
        let waited = |lease: Lease| (lease.untouched * beyond).saturating_sub(MARGIN);
        let least = |lease: Lease| waited(lease) + pause.min(lease.untouched) * attempts.saturating_sub(1);
        beyond == 0 || self.lease.is_some_and(|lease| self.since_first >= least(lease))
    }

    /// How long to hide the message, so that it comes back as one whose work was not begun. None if that can't be told.
    pub(crate) fn unbegun(&self) -> Option<Duration> {
        self.lease.map(|lease| lease.untouched)
    }

    /// How long to hide the message while its work is under way, if that tells anything.
    pub(crate) fn at_work(&self) -> Option<Duration> {
        self.lease.map(|lease| lease.at_work)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const VISIBILITY: Duration = Duration::from_secs(150);
    const LEFT: Duration = Duration::from_secs(25);
    const PAUSE: Duration = Duration::from_secs(30);

    fn receive(number: u32, seconds: u64) -> Receive {
        Receive { number, since_first: Duration::from_secs(seconds), lease: Lease::new(Some(VISIBILITY), LEFT) }
    }

    #[test]
    fn a_visibility_timeout_that_is_too_short_or_too_long_tells_nothing() {
        assert_eq!(Lease::new(None, LEFT), None);
        assert_eq!(Lease::new(Some(Duration::from_secs(59)), LEFT), None);
        assert!(Lease::new(Some(Duration::from_mins(1)), LEFT).is_some());
        assert_eq!(Lease::new(Some(Duration::from_hours(12)), LEFT), None);
        let blind = Receive { lease: None, ..receive(2, 1_000_000) };
        assert!(!blind.may_begin(1, PAUSE) && blind.may_begin(2, PAUSE));
    }

    #[test]
    fn what_waits_behind_others_is_hidden_for_as_long_as_the_invocation_lasts_and_for_its_own_time_at_least() {
        assert_eq!(behind(Some(VISIBILITY), LEFT), VISIBILITY);
        for short in [None, Some(Duration::from_secs(20))] {
            assert_eq!(behind(short, LEFT), LEFT + MARGIN);
        }
        assert_eq!(behind(Some(Duration::from_hours(12)), LEFT), MAX_HIDDEN);
    }

    #[test]
    fn a_message_that_is_back_a_moment_early_stayed_hidden_all_the_same() {
        assert!(receive(2, 148).may_begin(1, PAUSE));
        assert!(!receive(2, 140).may_begin(1, PAUSE));
    }

    proptest! {
        #[test]
        fn receives_without_work_use_up_no_last_attempt(
            attempts in 1_u32..=10, without in 1_u32..30, pause in 1_u64..3600, wait in 0_u64..10
        ) {
            // All attempts but the last may have been made, at once or after a pause.
            for made in 0..attempts {
                let without = (attempts - made).max(without);
                let elapsed = u64::from(without) * VISIBILITY.as_secs() + u64::from(made) * pause + wait;
                prop_assert!(receive(made + without + 1, elapsed).may_begin(attempts, Duration::from_secs(pause)));
            }
        }

        #[test]
        fn an_attempt_that_the_runner_died_with_is_not_made_again(without in 0_u32..29, wait in 0_u64..115) {
            let elapsed = u64::from(without) * VISIBILITY.as_secs() + 29 + wait;
            prop_assert!(!receive(without + 2, elapsed).may_begin(1, PAUSE));
        }

        #[test]
        fn nor_is_one_after_others_that_failed(attempts in 2_u32..=10, wait in 0_u64..115) {
            let elapsed = u64::from(attempts - 1) * PAUSE.as_secs() + 29 + wait;
            prop_assert!(!receive(attempts + 1, elapsed).may_begin(attempts, PAUSE));
        }
    }
}
