//! What somebody else changed on AWS.

use crate::resource::{Difference, Id};

/// Something that others changed or deleted, and that was put right.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Drift {
    /// The resource.
    pub id: Id,
    /// What was changed; nothing if it was deleted.
    pub differences: Vec<Difference>,
}
