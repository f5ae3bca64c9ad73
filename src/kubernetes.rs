//! The API server: reading and writing pipelines, and what must hold before the operator starts.

pub mod client;
pub mod cluster;
pub mod preflight;
