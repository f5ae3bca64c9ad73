//! How often reconciles of a pipeline failed in a row.

use std::collections::HashMap;

use parking_lot::Mutex;

/// Failures in a row, by the pipeline's UID.
#[derive(Debug, Default)]
pub struct Failures(Mutex<HashMap<String, u32>>);

impl Failures {
    /// Counts one more; answers how many there are.
    pub fn count(&self, uid: &str) -> u32 {
        let mut failures = self.0.lock();
        let count = failures.entry(uid.to_owned()).or_default();
        *count = count.saturating_add(1);
        *count
    }

    /// Begins anew.
    pub fn reset(&self, uid: &str) {
        self.0.lock().remove(uid);
    }
}
