//! Detection of drift: the last observations, recent writes that AWS may not show yet, the sweep that finds
//! differences, and the count of messages after a run.

pub mod observed_cache;
pub mod pending_writes;
pub mod queue_depth;
pub mod sweep;
