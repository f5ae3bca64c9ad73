//! What was written through the gate, in order.

use std::fmt;

use serde_json::Value;

use super::http::Request;

/// One write that was carried out.
#[derive(Clone, Debug)]
pub(crate) enum Write {
    /// A call to AWS that changes something, as `service:Operation`.
    Aws(String),
    /// A pipeline's status; the pipeline as it then was.
    Status(Value),
    /// A pipeline itself, which is its finalizer; the pipeline as it then was.
    Pipeline(Value),
    /// An event, as `reason: note`.
    Event(String),
}

impl Write {
    /// What a call to AWS would write; nothing if it only reads.
    pub(super) fn on_aws(request: &Request) -> Option<Self> {
        let service = request.header("authorization").split('/').nth(3).unwrap_or_default().to_owned();
        let form = || form_value(&request.body, "Action");
        let named = request.header("x-amz-target").rsplit('.').next().filter(|name| !name.is_empty());
        let operation = match named.map(str::to_owned).or_else(form) {
            Some(operation) if READS.iter().any(|verb| operation.starts_with(verb)) => return None,
            Some(operation) => operation,
            None if request.method == "GET" => return None,
            None => format!("{} {}", request.method, request.path()),
        };
        Some(Self::Aws(format!("{service}:{operation}")))
    }

    /// What a request to the API server would write; nothing if it only reads. What came of it is filled in later.
    pub(super) fn on_kubernetes(request: &Request) -> Option<Self> {
        let path = request.path();
        match request.method.as_str() {
            "GET" => None,
            // Of operators, not of pipelines.
            _ if path.contains("/leases") => None,
            // A question: nothing is kept of it.
            _ if path.contains("/selfsubjectaccessreviews") => None,
            _ if path.ends_with("/status") => Some(Self::Status(Value::Null)),
            _ if path.contains("/scheduledtaskpipelines/") => Some(Self::Pipeline(Value::Null)),
            _ if path.contains("/events") => {
                let event: Value = serde_json::from_slice(&request.body).unwrap_or_default();
                let text = |key: &str| event[key].as_str().unwrap_or_default().to_owned();
                Some(Self::Event(format!("{}: {}", text("reason"), text("note"))))
            }
            other => panic!("the operator wrote what nobody knows: {other} {path}"),
        }
    }

    /// The same, with what the API server answered.
    pub(super) fn answered(self, body: &[u8]) -> Self {
        let object = || serde_json::from_slice(body).unwrap();
        match self {
            Self::Status(_) => Self::Status(object()),
            Self::Pipeline(_) => Self::Pipeline(object()),
            Self::Aws(_) | Self::Event(_) => self,
        }
    }
}

impl fmt::Display for Write {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Aws(call) => f.write_str(call),
            Self::Status(_) => f.write_str("status"),
            Self::Pipeline(_) => f.write_str("finalizer"),
            Self::Event(text) => write!(f, "event {text}"),
        }
    }
}

/// Operations that begin so change nothing.
const READS: [&str; 5] = ["Get", "List", "Describe", "Assume", "Receive"];

fn form_value(body: &[u8], key: &str) -> Option<String> {
    let text = str::from_utf8(body).ok()?;
    let pairs = text.split('&').filter_map(|pair| pair.split_once('='));
    pairs.into_iter().find(|(name, _)| *name == key).map(|(_, value)| value.to_owned())
}
