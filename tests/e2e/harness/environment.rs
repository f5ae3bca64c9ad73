//! Where the API server, AWS and the chat are.

use std::env;

use super::identity::AccessKey;

/// What a test needs and cannot make for itself.
#[derive(Clone, Debug)]
pub(crate) struct Environment {
    pub(crate) kubeconfig: String,
    pub(crate) aws: String,
    pub(crate) region: String,
    pub(crate) chat: String,
    pub(crate) kubectl: String,
    pub(crate) uv: String,
    /// Who a test's operator is on AWS.
    pub(crate) operator: Option<AccessKey>,
}

impl Environment {
    /// Reads it from the variables that `hack/dev.py with-env` sets.
    pub(crate) fn new() -> Self {
        Self {
            kubeconfig: variable("KUBECONFIG"),
            aws: variable("AWS_ENDPOINT_URL"),
            region: variable("AWS_REGION"),
            chat: variable("TASK_PIPELINES_CHAT_URL"),
            kubectl: variable("TASK_PIPELINES_KUBECTL"),
            uv: variable("TASK_PIPELINES_UV"),
            operator: None,
        }
    }
}

fn variable(name: &str) -> String {
    env::var(name).unwrap_or_else(|_| {
        panic!(
            "{name} is not set: these tests need a Kubernetes API server, an AWS and a chat. Run `make test`, or these \
             alone with `python3 hack/dev.py with-env -- cargo test --test e2e`"
        )
    })
}
