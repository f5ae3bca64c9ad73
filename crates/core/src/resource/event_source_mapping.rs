//! Lambda event source mappings, from the tasks' queue to the runner.
//! <https://docs.aws.amazon.com/lambda/latest/api/API_CreateEventSourceMapping.html>
//!
//! A mapping has no name but a UUID of AWS's making, so it goes by its function.

use serde_json::json;

use super::{Field, FieldName, Fields};
use crate::names::Tags;

/// A wanted mapping.
#[derive(Clone, Debug)]
pub struct EventSourceMapping {
    /// Name of the function, which ends in `-runner`.
    pub function: String,
    /// Its ARN.
    pub function_arn: String,
    /// Name of the queue.
    pub queue: String,
    /// Its ARN; cannot be changed later.
    pub queue_arn: String,
    /// Messages handed to one invocation at most.
    pub batch_size: u32,
    /// Invocations at the same time at most, 2 to 1000; absent: no limit of the mapping's own.
    pub max_concurrency: Option<u32>,
    /// Tags.
    pub tags: Tags,
}

impl EventSourceMapping {
    /// The managed fields, as AWS would report them.
    pub fn fields(&self) -> Fields {
        let mut fields = Fields::from([
            (FieldName::Queue, Field::plain(self.queue.as_str())),
            (FieldName::Enabled, Field::plain(true)),
            (FieldName::BatchSize, Field::plain(self.batch_size)),
            (FieldName::MaximumBatchingWindowInSeconds, Field::plain(0)),
            (FieldName::FunctionResponseTypes, Field::Plain(json!(["ReportBatchItemFailures"]))),
        ]);
        fields.extend(self.max_concurrency.map(|limit| (FieldName::MaximumConcurrency, Field::plain(limit))));
        fields
    }
}
