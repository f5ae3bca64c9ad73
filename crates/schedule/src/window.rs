//! The span in which a schedule fires.

use jiff::Timestamp;

/// The span in which a recurring schedule fires, both ends included. `at(...)` fires whatever the window.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Window {
    /// The first moment a firing may have; none means since ever.
    pub start: Option<Timestamp>,
    /// The last moment a firing may have; none means for ever.
    pub end: Option<Timestamp>,
}

impl Window {
    pub(crate) fn contains(&self, moment: Timestamp) -> bool {
        self.start.is_none_or(|start| start <= moment) && self.end.is_none_or(|end| moment <= end)
    }
}
