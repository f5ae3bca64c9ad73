//! The time window of a schedule.

use jiff::Timestamp;

/// The time span in which a recurring schedule fires, including both ends. `at(...)` ignores it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Window {
    /// The earliest time of a firing; `None` means no limit.
    pub start: Option<Timestamp>,
    /// The latest time of a firing; `None` means no limit.
    pub end: Option<Timestamp>,
}

impl Window {
    pub(crate) fn contains(&self, moment: Timestamp) -> bool {
        self.start.is_none_or(|start| start <= moment) && self.end.is_none_or(|end| moment <= end)
    }
}
