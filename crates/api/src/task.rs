//! The tasks of a pipeline.

use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;
use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{SecretKeyRef, schema};

/// One task: exactly one of `message`, `http`, `function` and `functionArn` says what it does.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = Rule::new(
    "[has(self.message), has(self.http), has(self.__function__), has(self.functionArn)].filter(x, x).size() == 1"
).message("a task has exactly one of message, http, function and functionArn"))]
pub struct Task {
    /// Name of the task, unique within the pipeline: lower-case letters, digits and `-`, at most 40 characters.
    #[schemars(length(min = 1, max = 40), regex(pattern = r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?$"))]
    pub name: String,
    /// Does nothing but post its `template`: write `{}`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::nothing")]
    pub message: Option<MessageTask>,
    /// Makes one HTTP request. Its answer is the result.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub http: Option<Http>,
    /// Calls a function of the pipeline: the name of one of `spec.functions`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 20))]
    pub function: Option<String>,
    /// Calls an existing Lambda function, by its ARN. Must be allowed for the namespace by the operator's
    /// configuration.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 256))]
    pub function_arn: Option<String>,
    /// Any JSON of at most 32 levels: the payload of the function, and `input` in `template`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::any_json")]
    pub input: Option<Value>,
    /// Text to post: a minijinja (Jinja2) template that sees `task`, `pipeline`, `namespace`, `scheduledTime`, `runId`,
    /// `attempt`, `status` (`Succeeded` or `Failed`), `result.text`, `result.json`, `error` and `input`. Without it a
    /// default says what came of the task.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 8192))]
    pub template: Option<String>,
    /// Names of the channels that get the result, each the name of one of `spec.channels`. Default: none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 20), inner(length(min = 1, max = 40)))]
    #[x_kube(merge_strategy = ListMerge::Set)]
    pub notify: Vec<String>,
    /// Which results are posted: `Always`, only on `Failure`, or only on `Success`. Default: `Always`.
    #[serde(default)]
    pub notify_on: NotifyOn,
    /// Seconds after which an attempt has failed. Default: 45 for functions, 10 for all else.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 870))]
    pub timeout_seconds: Option<u32>,
    /// Attempts after a failure. Default: none.
    #[serde(default)]
    pub retry: Retry,
}

/// A task that only posts its template.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct MessageTask {}

/// One HTTP request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct Http {
    /// Absolute `http://` or `https://` URL.
    #[schemars(length(min = 1, max = 2048))]
    #[x_kube(validation = schema::absolute_url())]
    pub url: String,
    /// Method of the request. Default: `GET`.
    #[serde(default)]
    pub method: HttpMethod,
    /// Headers of the request, at most 50.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 50))]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["name".into()]))]
    pub headers: Vec<Header>,
    /// Body of the request, sent as it is. Default: no body.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 65536))]
    pub body: Option<String>,
    /// Answers that count as success: status codes (`200`) and classes (`"2xx"`). Default: `2xx`.
    #[serde(default = "default_expect_status")]
    #[schemars(schema_with = "schema::status_patterns")]
    pub expect_status: Vec<IntOrString>,
}

fn default_expect_status() -> Vec<IntOrString> {
    vec![IntOrString::String("2xx".to_owned())]
}

/// A request method.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "UPPERCASE")]
#[expect(missing_docs, reason = "RFC 9110 says it")]
pub enum HttpMethod {
    #[default]
    Get,
    Head,
    Post,
    Put,
    Patch,
    Delete,
    Options,
}

/// One request header: exactly one of `value` and `secretKeyRef`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = Rule::new("has(self.value) != has(self.secretKeyRef)").message("a header has exactly one of value and secretKeyRef"))]
pub struct Header {
    /// Name of the header, in upper or lower case.
    #[schemars(length(min = 1, max = 128), regex(pattern = r"^[!#$%&'*+.^_`|~0-9A-Za-z-]+$"))]
    pub name: String,
    /// Value of the header, for one that is not a secret.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 2048))]
    pub value: Option<String>,
    /// The Secret and key that hold the value of the header. It is not sent on when a redirect leads to another host.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secret_key_ref: Option<SecretKeyRef>,
}

/// Which results are posted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum NotifyOn {
    /// All results.
    #[default]
    Always,
    /// Only failures.
    Failure,
    /// Only successes.
    Success,
}

/// How often a task is attempted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Retry {
    /// How often the task is started at most, the first attempt included. Default: 1, no retry.
    #[serde(default = "default_attempts")]
    #[schemars(range(min = 1, max = 10))]
    pub attempts: u32,
    /// Seconds between a failed attempt and the next. Default: 30.
    #[serde(default = "default_backoff_seconds")]
    #[schemars(range(min = 1, max = 3600))]
    pub backoff_seconds: u32,
}

impl Default for Retry {
    fn default() -> Self {
        Self { attempts: default_attempts(), backoff_seconds: default_backoff_seconds() }
    }
}

const fn default_attempts() -> u32 {
    1
}

const fn default_backoff_seconds() -> u32 {
    30
}
