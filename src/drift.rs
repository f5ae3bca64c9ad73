//! What AWS was last seen to hold, what was written and may not show yet, and the sweep that finds drift.

pub mod observed_cache;
pub mod pending_writes;
pub mod sweep;
