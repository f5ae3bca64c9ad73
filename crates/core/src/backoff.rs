//! Pauses after failures, and random jitter, which spreads work that would otherwise be due at once.

use std::time::Duration;

/// Pauses that double with each failure in a row.
#[derive(Clone, Copy, Debug)]
pub struct Exponential {
    /// The first.
    pub first: Duration,
    /// The longest.
    pub longest: Duration,
}

impl Exponential {
    /// The pause after so many failures, one or more, without jitter.
    pub fn after(self, failures: u32) -> Duration {
        let doublings = failures.saturating_sub(1);
        self.first.saturating_mul(2_u32.saturating_pow(doublings)).min(self.longest)
    }
}

/// The time ±10 %, for what is repeated.
pub fn spread(time: Duration) -> Duration {
    time.mul_f64(0.9 + fastrand::f64() / 5.0)
}

/// Between half of the time and all of it, for what is retried.
pub fn equal_jitter(time: Duration) -> Duration {
    time.mul_f64(0.5 + fastrand::f64() / 2.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_up_to_the_longest() {
        let seconds = Duration::from_secs;
        let pauses = Exponential { first: seconds(2), longest: seconds(30) };
        assert_eq!([1, 2, 3, 4, 5, 6].map(|failures| pauses.after(failures)), [2, 4, 8, 16, 30, 30].map(seconds));
        assert_eq!(pauses.after(u32::MAX), seconds(30));
    }

    #[test]
    fn times_are_spread_and_stay_in_their_range() {
        let second = Duration::from_secs(1);
        let differ = |times: Vec<Duration>| times.iter().max() > times.iter().min();
        let around: Vec<Duration> = (0..100).map(|_| spread(second)).collect();
        assert!(around.iter().all(|time| (second.mul_f64(0.9)..=second.mul_f64(1.1)).contains(time)), "{around:?}");
        let up_to: Vec<Duration> = (0..100).map(|_| equal_jitter(second)).collect();
        assert!(up_to.iter().all(|time| (second / 2..=second).contains(time)), "{up_to:?}");
        assert!(differ(around) && differ(up_to));
    }
}
