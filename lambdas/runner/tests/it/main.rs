//! The runner from the event to the queue, against servers that answer as they are told.

#![expect(clippy::unwrap_used, reason = "a panic is how a test fails")]

mod batches;
mod chat;
mod events;
mod functions;
mod receives;
mod requests;
mod support;
