//! Lambda functions: the built-in hops, and the user's own.

use std::collections::BTreeMap;

use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{ConfigMapKeyRef, ConfigMapRef, SecretKeyRef, schema};

/// A Lambda function that tasks call, made by the operator.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct Function {
    /// Name of the function, unique within the pipeline, at most 20 characters.
    #[schemars(length(min = 1, max = 20), regex(pattern = r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?$"))]
    pub name: String,
    /// Lambda runtime, such as `python3.13`, `nodejs22.x` or `provided.al2023`. Required, except for an image.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 40))]
    pub runtime: Option<String>,
    /// Entry point, such as `index.handler`, which inline code has to define in `index`. Required, except for an image.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 128))]
    pub handler: Option<String>,
    /// Where the code comes from.
    pub code: Code,
    /// Layers of the function, in the order in which they are unpacked: names of `spec.layers`, or ARNs of layer
    /// versions.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 5), inner(length(min = 1, max = 256)))]
    pub layers: Vec<String>,
    /// Environment variables, by name: at most 4096 bytes of names and values.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(schema_with = "schema::environment")]
    pub environment: BTreeMap<String, String>,
    /// Secrets that the function may read. Each is kept in an SSM parameter, whose name the function finds in the
    /// variable `<NAME>_PARAMETER`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 20))]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["name".into()]))]
    pub secrets: Vec<FunctionSecret>,
    /// Memory in MiB.
    #[serde(default = "default_function_memory", rename = "memoryMiB")]
    #[schemars(range(min = 128, max = 10240))]
    pub memory_mib: u32,
    /// Seconds after which Lambda ends an invocation. Default: the longest timeout of the tasks that call it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 900))]
    pub timeout_seconds: Option<u32>,
    /// Processor architecture. Default: the operator's own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub architecture: Option<Architecture>,
    /// Days that logs are kept, one of CloudWatch's retention periods.
    #[serde(default = "default_log_retention")]
    #[schemars(schema_with = "schema::log_retention")]
    pub log_retention_days: u32,
    /// Further IAM statements for the function's role. Must be allowed for the namespace by the operator's configuration.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(schema_with = "schema::policy_statements")]
    pub policy_statements: Vec<Value>,
}

/// Where code comes from: exactly one.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = Rule::new(
    "[has(self.inline), has(self.configMapRef), has(self.s3), has(self.image)].filter(x, x).size() == 1"
).message("code has exactly one of inline, configMapRef, s3 and image"))]
pub struct Code {
    /// Source text of a Python or Node.js function; becomes `index.py` or `index.mjs`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 262_144))]
    pub inline: Option<String>,
    /// A `ConfigMap` that holds the code: text files, or one zip in `binaryData`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub config_map_ref: Option<ConfigMapRef>,
    /// A zip in S3. Must be allowed for the namespace by the operator's configuration.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub s3: Option<S3Object>,
    /// A container image's URI. Must be allowed for the namespace by the operator's configuration.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 1024))]
    pub image: Option<String>,
}

/// An object in S3.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct S3Object {
    /// Name of the bucket.
    #[schemars(length(min = 3, max = 63))]
    pub bucket: String,
    /// Key of the object.
    #[schemars(length(min = 1, max = 1024))]
    pub key: String,
    /// Version of the object. Default: the latest when the code is deployed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 1024))]
    pub version: Option<String>,
}

/// A secret that a function may read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct FunctionSecret {
    /// Name of the secret, unique within the function.
    #[schemars(length(min = 1, max = 40), regex(pattern = r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?$"))]
    pub name: String,
    /// The Secret and key that hold the value.
    pub secret_key_ref: SecretKeyRef,
}

/// A layer that the operator publishes: exactly one of `python`, `configMapRef` and `s3`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = Rule::new("[has(self.python), has(self.configMapRef), has(self.s3)].filter(x, x).size() == 1")
    .message("a layer has exactly one of python, configMapRef and s3"))]
pub struct Layer {
    /// Name of the layer, unique within the pipeline, at most 20 characters.
    #[schemars(length(min = 1, max = 20), regex(pattern = r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?$"))]
    pub name: String,
    /// Python packages from the package index.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub python: Option<PythonLayer>,
    /// A `ConfigMap` that holds the layer: its files, or one zip in `binaryData`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub config_map_ref: Option<ConfigMapRef>,
    /// A zip in S3. Must be allowed for the namespace by the operator's configuration.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub s3: Option<S3Object>,
}

/// Python packages, resolved and installed by the operator: exactly one of `requirements` and `requirementsFrom`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = Rule::new("has(self.requirements) != has(self.requirementsFrom)")
    .message("python has exactly one of requirements and requirementsFrom"))]
pub struct PythonLayer {
    /// Python version, such as `3.13`.
    #[schemars(length(min = 3, max = 8), regex(pattern = r"^3\.\d+$"))]
    pub version: String,
    /// Requirements of packages by name, one a line as in pip, such as `humanize==4.13.0`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 100), inner(length(min = 1, max = 256)))]
    pub requirements: Option<Vec<String>>,
    /// A `ConfigMap` that holds the requirements, in place of `requirements`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub requirements_from: Option<RequirementsFrom>,
}

/// A requirements file in a `ConfigMap`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct RequirementsFrom {
    /// The `ConfigMap` and key that hold the requirements, one a line.
    pub config_map_ref: ConfigMapKeyRef,
}

/// The Lambda function that turns a firing into messages.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct Sender {
    /// Memory in MiB.
    #[serde(default = "default_sender_memory", rename = "memoryMiB")]
    #[schemars(range(min = 128, max = 10240))]
    pub memory_mib: u32,
    /// Seconds after which Lambda ends an invocation.
    #[serde(default = "default_sender_timeout")]
    #[schemars(range(min = 3, max = 900))]
    pub timeout_seconds: u32,
    /// The fields that the runner has too.
    #[serde(flatten)]
    pub hop: Hop,
}

impl Default for Sender {
    fn default() -> Self {
        Self { memory_mib: default_sender_memory(), timeout_seconds: default_sender_timeout(), hop: Hop::default() }
    }
}

/// The Lambda function that runs tasks and delivers their results.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct Runner {
    /// Memory in MiB.
    #[serde(default = "default_runner_memory", rename = "memoryMiB")]
    #[schemars(range(min = 128, max = 10240))]
    pub memory_mib: u32,
    /// Seconds after which Lambda ends an invocation. Default and least: `batchSize` × (the longest task timeout + 15).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 900))]
    pub timeout_seconds: Option<u32>,
    /// Messages that one invocation gets at most. Default: 1, and always 1 with `concurrencyPolicy: Queue`.
    #[serde(default = "default_batch_size")]
    #[schemars(range(min = 1, max = 10))]
    pub batch_size: u32,
    /// Invocations at the same time at most. Default: half of what the account allows, less one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 2, max = 1000))]
    pub max_concurrency: Option<u32>,
    /// The fields that the sender has too.
    #[serde(flatten)]
    pub hop: Hop,
}

impl Default for Runner {
    fn default() -> Self {
        Self {
            memory_mib: default_runner_memory(),
            timeout_seconds: None,
            batch_size: default_batch_size(),
            max_concurrency: None,
            hop: Hop::default(),
        }
    }
}

/// What the sender and the runner have in common.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct Hop {
    /// Processor architecture. Default: the operator's own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub architecture: Option<Architecture>,
    /// Days that logs are kept, one of CloudWatch's retention periods.
    #[serde(default = "default_log_retention")]
    #[schemars(schema_with = "schema::log_retention")]
    pub log_retention_days: u32,
    /// Further environment variables, by name: at most 4096 bytes of names and values, those of the operator included.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(schema_with = "schema::environment")]
    pub environment: BTreeMap<String, String>,
    /// Layers of the function, in the order in which they are unpacked: names of `spec.layers`, or ARNs of layer
    /// versions.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 5), inner(length(min = 1, max = 256)))]
    pub layers: Vec<String>,
    /// Further IAM statements for the role. Must be allowed for the namespace by the operator's configuration.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(schema_with = "schema::policy_statements")]
    pub policy_statements: Vec<Value>,
    /// Your own code in place of the built-in function. It finds the URL of the queue in `QUEUE_URL`, and gets the
    /// event as AWS sends it: a sender that of EventBridge Scheduler, a runner that of SQS. With your own runner,
    /// `channels`, `notify` and `template` are refused.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<Code>,
    /// Lambda runtime of `code`, such as `python3.13`. Only with `code`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 40))]
    pub runtime: Option<String>,
    /// Entry point of `code`, such as `index.handler`. Only with `code`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 128))]
    pub handler: Option<String>,
}

impl Default for Hop {
    fn default() -> Self {
        Self {
            architecture: None,
            log_retention_days: default_log_retention(),
            environment: BTreeMap::new(),
            layers: Vec::new(),
            policy_statements: Vec::new(),
            code: None,
            runtime: None,
            handler: None,
        }
    }
}

/// A processor architecture.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
pub enum Architecture {
    /// AWS Graviton processors.
    #[serde(rename = "arm64")]
    Arm64,
    /// Intel and AMD processors.
    #[serde(rename = "x86_64")]
    X8664,
}

impl Architecture {
    /// The architecture's name in Lambda, and in the names of zips.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Arm64 => "arm64",
            Self::X8664 => "x86_64",
        }
    }
}

const fn default_function_memory() -> u32 {
    256
}

const fn default_sender_memory() -> u32 {
    128
}

const fn default_sender_timeout() -> u32 {
    30
}

const fn default_runner_memory() -> u32 {
    256
}

const fn default_log_retention() -> u32 {
    30
}

const fn default_batch_size() -> u32 {
    1
}
