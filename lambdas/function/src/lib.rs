//! What the sender and the runner stand on: logs, AWS clients, the queue between them, and the way back.

mod aws;
mod batch;
mod inbox;
mod log;
mod queue;

pub use aws::{config, defaults, reason, warm};
pub use log::init as init_log;
pub use queue::{NoQueue, Outgoing, Queue, Unsent};
