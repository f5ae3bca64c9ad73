//! An event of a pipeline, as a value.

use crate::reason::Reason;

/// Something for the pipeline's events.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// One word a person can look up.
    pub reason: Reason,
    /// What happened and to which resource or run, for a person; published cut to the 1 KB of an event.
    pub note: String,
}

impl Event {
    /// An event with this reason.
    pub fn new(reason: impl Into<Reason>, note: impl Into<String>) -> Self {
        Self { reason: reason.into(), note: note.into() }
    }
}
