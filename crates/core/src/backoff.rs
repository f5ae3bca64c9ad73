//! Chance, so that what would come due together does not.

use std::hash::{BuildHasher as _, RandomState};
use std::time::Duration;

/// Give or take a tenth: for what happens from time to time.
pub fn around(time: Duration) -> Duration {
    time.mul_f64(0.9 + chance() / 5.0)
}

/// Half of it to all of it: for what is tried again.
pub fn up_to(time: Duration) -> Duration {
    time.mul_f64(0.5 + chance() / 2.0)
}

/// At least 0 and below 1.
fn chance() -> f64 {
    // The standard library's one source of randomness.
    let random = RandomState::new().hash_one(()) % 1000;
    f64::from(u32::try_from(random).unwrap_or(0)) / 1000.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_spread_and_stay_in_their_range() {
        let second = Duration::from_secs(1);
        let spread = |times: Vec<Duration>| times.iter().max() > times.iter().min();
        let around: Vec<Duration> = (0..100).map(|_| around(second)).collect();
        assert!(around.iter().all(|time| (second.mul_f64(0.9)..=second.mul_f64(1.1)).contains(time)), "{around:?}");
        let up_to: Vec<Duration> = (0..100).map(|_| up_to(second)).collect();
        assert!(up_to.iter().all(|time| (second / 2..=second).contains(time)), "{up_to:?}");
        assert!(spread(around) && spread(up_to));
    }
}
