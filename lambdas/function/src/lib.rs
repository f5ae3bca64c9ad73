//! Code that the sender and the runner share: logs, AWS clients, the pipeline's queue, and reports to the operator.

mod aws;
mod batch;
mod inbox;
mod log;
mod queue;
mod twice;

pub use aws::{KEPT_IDLE, PROPAGATION, config, defaults, is_denied, reason, warm};
pub use log::init as init_log;
pub use queue::{NoQueue, Outgoing, Queue, Unsent};
