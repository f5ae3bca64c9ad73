//! The messages between the operator, the sender and the runner.
//!
//! One firing travels as a [`Firing`] (the schedule's Input, written by the operator, completed by EventBridge
//! Scheduler), then as one [`Message`] a task on the queue. Each is complete: an edit of the pipeline never changes
//! what was already fired, and the functions need no configuration beyond the queue's URL.
//!
//! [`template`] is here too, because the operator must accept exactly the templates that the runner can render.

mod firing;
mod message;
mod report;
mod result;
pub mod sqs;
mod task;
pub mod template;
pub mod text;

pub use firing::{Firing, PipelineRef, Trigger, placeholder, scheduled_run_id};
pub use message::{Body, Delivery, MAX_DELIVERY_RECEIVES, Message, Run, redrive_count};
pub use report::{MAX_ERROR, MAX_REPORT, Report, RunEvent, RunRef, brief};
pub use result::{Status, TaskResult};
pub use task::{
    Action, Channel, Header, HeaderValue, Http, HttpMethod, NotifyOn, SecretKey, Secrets, StatusPattern,
    StatusPatternError, Target, Task, UrlSource,
};
