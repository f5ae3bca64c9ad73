//! When calls are made: within the rate limits, the urgent first, and everybody in turn.

mod bucket;
mod pacer;
mod queue;

pub use pacer::{Pacer, Pacing};
pub use queue::{Caller, Urgency};
