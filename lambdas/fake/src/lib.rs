//! A web server for the functions' tests, and on it the few calls of SQS and SSM that they make.

mod aws;
mod server;

pub use aws::{Aws, DEAD_LETTERS};
pub use server::{Answer, Request, Server};
