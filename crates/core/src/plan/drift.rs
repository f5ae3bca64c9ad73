//! Drift: changes that others made on AWS.

use crate::resource::{Difference, Id};

/// A resource that others changed or deleted on AWS, and that was corrected.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Drift {
    /// The resource.
    pub id: Id,
    /// What was changed; nothing if it was deleted.
    pub differences: Vec<Difference>,
}
