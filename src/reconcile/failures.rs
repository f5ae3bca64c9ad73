//! How often reconciles of a pipeline failed in a row.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Failures in a row, by the pipeline's UID.
#[derive(Debug, Default)]
pub struct Failures(Mutex<HashMap<String, u32>>);

impl Failures {
    /// Counts one more; answers how many there are.
    pub fn count(&self, uid: &str) -> u32 {
        let mut failures = self.lock();
        let count = failures.entry(uid.to_owned()).or_default();
        *count = count.saturating_add(1);
        *count
    }

    /// Begins anew.
    pub fn reset(&self, uid: &str) {
        self.lock().remove(uid);
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, u32>> {
        // A poisoned lock is tolerable: at worst a pause is of another length.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
