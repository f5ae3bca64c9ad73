//! What AWS was last seen to hold, what was written and may not show yet, the sweep that finds drift, and the
//! count of messages after a run.

pub mod observed_cache;
pub mod pending_writes;
pub mod queue_depth;
pub mod sweep;
