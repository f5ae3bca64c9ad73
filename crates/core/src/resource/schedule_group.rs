//! EventBridge schedule groups.
//! <https://docs.aws.amazon.com/scheduler/latest/APIReference/API_CreateScheduleGroup.html>
//!
//! A group has nothing but its name and tags.

use crate::names::Tags;

/// A wanted schedule group.
#[derive(Clone, Debug)]
pub struct ScheduleGroup {
    /// Name, at most 64 characters; that of the only schedule in it.
    pub name: String,
    /// Tags.
    pub tags: Tags,
}
