//! What the sender and the runner stand on: logs, AWS clients, and the queue between them.

mod aws;
mod batch;
mod log;
mod queue;

pub use aws::{config, reason, warm};
pub use log::init as init_log;
pub use queue::{NoQueue, Outgoing, Queue, Unsent};
