//! When calls are made: within the rate limits, the urgent first, and everybody in turn.

mod bucket;
mod pacer;
mod queue;

pub(crate) use pacer::Pacer;
pub use pacer::Pacing;
pub use queue::{Caller, Urgency};
