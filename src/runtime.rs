//! What runs the process: leadership, the HTTP server, probes, and concurrency.

pub mod concurrency;
pub mod leader;
pub mod log;
pub mod per_location;
pub mod probes;
pub mod server;
