//! What the operator knows and decides without asking anybody: names on AWS, what a spec resolves to, what its runs come
//! to, and the words for all of it. Pure: callers pass in what the cluster and AWS answered, and the time.

pub mod admission;
pub mod configuration;
pub mod pipeline;

pub mod desired;
pub mod plan;
pub mod resource;

pub mod archive;
pub mod arn;
pub mod code;
pub mod depth;
pub mod iam;
pub mod location;
pub mod names;
pub mod partition;
pub mod secret_text;
pub mod simulation;

pub mod dead_letters;
pub mod error_class;
pub mod event;
pub mod reason;
pub mod runs;

pub mod backoff;
pub mod error_chain;
pub mod requeue;
pub mod text;

#[cfg(any(test, feature = "test-support"))]
pub mod test_support;
