//! Lambda functions with their asynchronous settings.
//! <https://docs.aws.amazon.com/lambda/latest/api/API_CreateFunction.html>

use std::collections::BTreeMap;

use serde_json::json;

use super::{Field, FieldName, Fields};
use crate::code::{Code, Entry};
use crate::names::Tags;

/// A wanted function.
#[derive(Clone, Debug)]
pub struct Function {
    /// Name, at most 64 characters.
    pub name: String,
    /// ARN of the role it runs as.
    pub role_arn: String,
    /// ARN of another role of the pipeline that Lambda may assume, for the moment in which the function is taken off its own.
    pub other_role_arn: String,
    /// The code.
    pub code: Code,
    /// ARNs of layer versions, in the order in which they are unpacked.
    pub layers: Vec<String>,
    /// Processor architecture.
    pub architecture: api::Architecture,
    /// Memory in MiB.
    pub memory_mib: u32,
    /// Seconds after which an invocation is ended.
    pub timeout_seconds: u32,
    /// Environment variables.
    pub environment: BTreeMap<String, String>,
    /// What becomes of asynchronous invocations that fail; absent: Lambda's defaults.
    pub async_invoke: Option<AsyncInvoke>,
    /// Tags.
    pub tags: Tags,
}

/// What becomes of asynchronous invocations that fail.
#[derive(Clone, Debug)]
pub struct AsyncInvoke {
    /// How often Lambda tries again, 0 to 2.
    pub max_retries: u32,
    /// Seconds after which an event is given up, 60 to 21600.
    pub max_age_seconds: u32,
    /// ARN of the queue that gets what was given up.
    pub on_failure_arn: String,
}

impl Function {
    /// The managed fields, as AWS would report them.
    pub fn fields(&self) -> Fields {
        let mut fields = Fields::from([
            (FieldName::Role, Field::plain(self.role_arn.as_str())),
            (FieldName::Timeout, Field::plain(self.timeout_seconds)),
            (FieldName::MemorySize, Field::plain(self.memory_mib)),
            (FieldName::Architecture, Field::plain(self.architecture.as_str())),
            match &self.code {
                Code::Builtin(artifact) => (FieldName::CodeSha256, Field::plain(artifact.sha256.as_str())),
                Code::Zip { zip, .. } => (FieldName::CodeSha256, Field::plain(zip.sha256())),
                Code::S3 { object, .. } => (FieldName::S3, Field::plain(object.mark())),
                Code::Image(uri) => (FieldName::Image, Field::plain(uri.as_str())),
            },
        ]);
        match self.code.entry() {
            Some(Entry { runtime, handler }) => {
                fields
                    .extend([(FieldName::Runtime, Field::plain(runtime)), (FieldName::Handler, Field::plain(handler))]);
            }
            None => fields.extend([(FieldName::PackageType, Field::plain("Image"))]),
        }
        if !self.layers.is_empty() {
            fields.insert(FieldName::Layers, Field::Plain(json!(self.layers)));
        }
        if !self.environment.is_empty() {
            fields.insert(FieldName::Environment, Field::Plain(json!(self.environment)));
        }
        if let Some(invoke) = &self.async_invoke {
            fields.insert(FieldName::AsyncMaximumRetryAttempts, Field::plain(invoke.max_retries));
            fields.insert(FieldName::AsyncMaximumEventAge, Field::plain(invoke.max_age_seconds));
            fields.insert(FieldName::AsyncOnFailure, Field::plain(invoke.on_failure_arn.as_str()));
        }
        fields
    }
}
