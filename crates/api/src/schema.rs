//! Pieces of schema that several types share.

use kube::core::Rule;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};

/// One key of a Secret in the pipeline's namespace.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct SecretKeyRef {
    /// Name of the Secret.
    #[schemars(length(min = 1, max = 253), regex(pattern = r"^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$"))]
    pub name: String,
    /// Key within the Secret.
    #[schemars(length(min = 1, max = 253), regex(pattern = r"^[-._a-zA-Z0-9]+$"))]
    pub key: String,
}

/// A value that is kept in a Secret.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct SecretSource {
    /// The Secret and key that hold the value.
    pub secret_key_ref: SecretKeyRef,
}

/// A `ConfigMap` in the pipeline's namespace.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ConfigMapRef {
    /// Name of the `ConfigMap`.
    #[schemars(length(min = 1, max = 253), regex(pattern = r"^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$"))]
    pub name: String,
}

/// One key of a `ConfigMap` in the pipeline's namespace.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ConfigMapKeyRef {
    /// Name of the `ConfigMap`.
    #[schemars(length(min = 1, max = 253), regex(pattern = r"^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$"))]
    pub name: String,
    /// Key within the `ConfigMap`.
    #[schemars(length(min = 1, max = 253), regex(pattern = r"^[-._a-zA-Z0-9]+$"))]
    pub key: String,
}

/// A schema that accepts any JSON value.
pub(super) fn any_json(_: &mut SchemaGenerator) -> Schema {
    json_schema!({ "x-kubernetes-preserve-unknown-fields": true })
}

/// A URL with its scheme and host.
pub(super) fn absolute_url() -> Rule {
    Rule::new(r"self.matches('^https?://[^\\s/?#]+\\S*$')")
        .message("write an absolute URL, like https://example.com/health")
}

/// An object without fields. One without properties would drop a user's fields in silence.
pub(super) fn nothing(_: &mut SchemaGenerator) -> Schema {
    json_schema!({
        "type": "object",
        "maxProperties": 10,
        "additionalProperties": { "type": "string" },
        "x-kubernetes-validations": [{
            "rule": "size(self) == 0",
            "message": "message has no fields: write `message: {}`, and the text into the task's template",
        }],
    })
}

/// CloudWatch's retention periods, in days.
/// <https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_PutRetentionPolicy.html>
pub const LOG_RETENTION_DAYS: [u32; 22] =
    [1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653];

/// One of the retention periods.
pub(super) fn log_retention(_: &mut SchemaGenerator) -> Schema {
    json_schema!({ "type": "integer", "enum": LOG_RETENTION_DAYS })
}

/// Status codes (`200`) and classes (`2xx`).
pub(super) fn status_patterns(_: &mut SchemaGenerator) -> Schema {
    json_schema!({
        "type": "array",
        "minItems": 1,
        "maxItems": 20,
        "items": {
            "x-kubernetes-int-or-string": true,
            "maxLength": 3,
            "x-kubernetes-validations": [{
                "rule": "string(self).matches('^[1-5]([0-9][0-9]|[xX][xX])$')",
                "message": "write a status code from 100 to 599, or a class from 1xx to 5xx",
            }],
        },
    })
}

/// Environment variables by name.
pub(super) fn environment(_: &mut SchemaGenerator) -> Schema {
    json_schema!({
        "type": "object",
        "maxProperties": 50,
        "additionalProperties": { "type": "string", "maxLength": 4096 },
    })
}

/// Tags by key; the bounds are AWS's, less the tags of our own.
pub(super) fn tags(_: &mut SchemaGenerator) -> Schema {
    json_schema!({
        "type": "object",
        "maxProperties": 40,
        "additionalProperties": { "type": "string", "minLength": 1, "maxLength": 256 },
        "x-kubernetes-validations": [{
            "rule": "self.all(key, !key.startsWith('aws:') && !key.startsWith('taskpipelines.dev/') && size(key) <= 128)",
            "message": "tag keys have at most 128 characters and begin neither with aws: nor with taskpipelines.dev/",
        }],
    })
}

/// A JSON object of IAM policy statements.
pub(super) fn policy_statements(_: &mut SchemaGenerator) -> Schema {
    json_schema!({
        "type": "array",
        "maxItems": 20,
        "items": { "type": "object", "x-kubernetes-preserve-unknown-fields": true },
    })
}
