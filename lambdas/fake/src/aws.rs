//! The few calls of SQS, SSM and Lambda that the functions make.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use aws_config::retry::RetryConfig;
use aws_config::{ConfigLoader, Region, SdkConfig};
use aws_credential_types::Credentials;
use aws_credential_types::provider::SharedCredentialsProvider;
use serde_json::{Value, json};

use crate::server::lock;
use crate::{Answer, Request, Server};

/// What the name of a dead-letter queue begins with.
pub const DEAD_LETTERS: &str = "dlq-";

/// What happened to AWS so far.
#[derive(Debug, Default)]
struct State {
    sent: Vec<Value>,
    dead: Vec<Value>,
    reports: Vec<Value>,
    hidden: Vec<(String, u64)>,
    deleted: Vec<String>,
    parameters: BTreeMap<String, String>,
    parameter_reads: usize,
}

/// SQS, SSM and Lambda under one URL.
#[derive(Debug)]
pub struct Aws {
    server: Server,
    state: Arc<Mutex<State>>,
}

impl Aws {
    /// Starts one that does what it is asked.
    pub async fn start() -> Self {
        Self::start_with(|_, _| None).await
    }

    /// Starts one whose answers may be replaced: by operation (such as `SendMessageBatch`) and input.
    pub async fn start_with(replace: impl Fn(&str, &Value) -> Option<Answer> + Send + Sync + 'static) -> Self {
        Self::start_keeping(Duration::ZERO, replace).await
    }

    /// The same, with connections as of [`Server::start_keeping`].
    pub async fn start_keeping(
        kept: Duration,
        replace: impl Fn(&str, &Value) -> Option<Answer> + Send + Sync + 'static,
    ) -> Self {
        let state = Arc::new(Mutex::new(State::default()));
        let shared = Arc::clone(&state);
        let server = Server::start_keeping(kept, move |request| answer(request, &shared, &replace)).await;
        Self { server, state }
    }

    /// The configuration of clients that call it, once a call; all else is as `defaults` has it.
    pub async fn config(&self, defaults: ConfigLoader) -> SdkConfig {
        defaults
            .region(Region::from_static("eu-west-1"))
            .endpoint_url(self.server.url(""))
            .credentials_provider(SharedCredentialsProvider::new(Credentials::from_keys("test", "test", None)))
            .retry_config(RetryConfig::disabled())
            .load()
            .await
    }

    /// Its host and port.
    pub fn address(&self) -> SocketAddr {
        self.server.address()
    }

    /// The entries that were sent, as SQS got them.
    pub fn sent(&self) -> Vec<Value> {
        lock(&self.state).sent.clone()
    }

    /// The bodies that were sent, parsed.
    ///
    /// # Panics
    /// One is not JSON.
    pub fn messages(&self) -> Vec<Value> {
        let parse = |entry: &Value| serde_json::from_str(entry["MessageBody"].as_str().unwrap_or_default());
        self.sent().iter().map(|entry| parse(entry).expect("bodies are JSON")).collect()
    }

    /// The entries that were sent to a dead-letter queue: one whose name begins with [`DEAD_LETTERS`].
    pub fn dead(&self) -> Vec<Value> {
        lock(&self.state).dead.clone()
    }

    /// Their bodies, parsed where they are JSON.
    pub fn dead_letters(&self) -> Vec<Value> {
        let parse = |entry: &Value| {
            let body = entry["MessageBody"].as_str().unwrap_or_default();
            serde_json::from_str(body).unwrap_or_else(|_| json!(body))
        };
        self.dead().iter().map(parse).collect()
    }

    /// The reports that were sent to an inbox, one message each.
    pub fn reports(&self) -> Vec<Value> {
        lock(&self.state).reports.clone()
    }

    /// The receipt handles that were hidden, with the seconds.
    pub fn hidden(&self) -> Vec<(String, u64)> {
        lock(&self.state).hidden.clone()
    }

    /// The receipt handles that were deleted.
    pub fn deleted(&self) -> Vec<String> {
        lock(&self.state).deleted.clone()
    }

    /// Sets a parameter.
    pub fn put_parameter(&self, name: &str, value: impl Into<String>) {
        lock(&self.state).parameters.insert(name.to_owned(), value.into());
    }

    /// How often parameters were read.
    pub fn parameter_reads(&self) -> usize {
        lock(&self.state).parameter_reads
    }
}

fn answer(request: &Request, state: &Mutex<State>, replace: &dyn Fn(&str, &Value) -> Option<Answer>) -> Answer {
    let target = request.header("x-amz-target").unwrap_or_default();
    // Lambda has paths in place of targets.
    let invokes = request.path.ends_with("/invocations");
    let operation = if invokes { "Invoke" } else { target.rsplit('.').next().unwrap_or_default() };
    let input = serde_json::from_str(&request.body).unwrap_or_default();
    replace(operation, &input).unwrap_or_else(|| carry_out(operation, &input, &mut lock(state)))
}

fn carry_out(operation: &str, input: &Value, state: &mut State) -> Answer {
    let text = |key: &str| input[key].as_str().unwrap_or_default().to_owned();
    match operation {
        "SendMessageBatch" => {
            let entries = input["Entries"].as_array().cloned().unwrap_or_default();
            let sent = |entry: &Value| json!({"Id": entry["Id"], "MessageId": "m", "MD5OfMessageBody": "0"});
            let answer = json!({"Successful": entries.iter().map(sent).collect::<Vec<_>>(), "Failed": []});
            let is_dead = text("QueueUrl").rsplit('/').next().is_some_and(|name| name.starts_with(DEAD_LETTERS));
            if is_dead { &mut state.dead } else { &mut state.sent }.extend(entries);
            ok(&answer)
        }
        "SendMessage" => {
            state.reports.push(serde_json::from_str(&text("MessageBody")).unwrap_or_default());
            ok(&json!({"MessageId": "m", "MD5OfMessageBody": "0"}))
        }
        "ChangeMessageVisibility" => {
            state.hidden.push(hiding(input));
            ok(&json!({}))
        }
        "ChangeMessageVisibilityBatch" => {
            let entries = input["Entries"].as_array().cloned().unwrap_or_default();
            state.hidden.extend(entries.iter().map(hiding));
            let done: Vec<_> = entries.iter().map(|entry| json!({"Id": entry["Id"]})).collect();
            ok(&json!({"Successful": done, "Failed": []}))
        }
        "DeleteMessage" => {
            state.deleted.push(text("ReceiptHandle"));
            ok(&json!({}))
        }
        "GetParameter" => {
            state.parameter_reads += 1;
            match state.parameters.get(&text("Name")) {
                Some(value) => ok(&json!({"Parameter": {"Name": text("Name"), "Value": value}})),
                None => Answer::new(400, json!({"__type": "ParameterNotFound"}).to_string()),
            }
        }
        other => Answer::new(400, json!({"__type": "InvalidAction", "message": other}).to_string()),
    }
}

/// The receipt handle that is to be hidden, and for how many seconds.
fn hiding(entry: &Value) -> (String, u64) {
    let handle = entry["ReceiptHandle"].as_str().unwrap_or_default().to_owned();
    (handle, entry["VisibilityTimeout"].as_u64().unwrap_or_default())
}

fn ok(body: &Value) -> Answer {
    Answer::new(200, body.to_string()).header("content-type", "application/x-amz-json-1.0")
}
