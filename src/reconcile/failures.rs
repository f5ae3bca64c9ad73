//! Counts consecutive failures of each pipeline's reconciles.

use std::collections::HashMap;

use parking_lot::Mutex;

/// Consecutive failures, by the UID of the pipeline.
#[derive(Debug, Default)]
pub struct Failures(Mutex<HashMap<String, u32>>);

impl Failures {
    /// Adds a failure, and returns how many there are now.
    pub fn count(&self, uid: &str) -> u32 {
        let mut failures = self.0.lock();
        let count = failures.entry(uid.to_owned()).or_default();
        *count = count.saturating_add(1);
        *count
    }

    /// Resets the count to zero.
    pub fn reset(&self, uid: &str) {
        self.0.lock().remove(uid);
    }
}
