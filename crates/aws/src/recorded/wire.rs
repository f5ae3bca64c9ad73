//! Answers of AWS as bytes, in each service's protocol, which the SDK's own clients read.

use std::collections::VecDeque;
use std::sync::Arc;

use aws_config::SdkConfig;
use aws_smithy_runtime_api::client::http::{HttpConnector, HttpConnectorFuture, SharedHttpConnector, http_client_fn};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_runtime_api::http::StatusCode;
use aws_smithy_types::body::SdkBody;
use parking_lot::Mutex;
use serde_json::{Value, json};

use crate::{Aws, Operation};

/// An answer.
#[derive(Clone, Debug)]
pub(super) struct Answer {
    /// Part of the requests that it is for, as [`line`] writes them. Any request has an empty one.
    to: &'static str,
    status: u16,
    header: Option<(&'static str, String)>,
    body: String,
}

impl Answer {
    fn new(status: u16, body: String) -> Self {
        Self { to: "", status, header: None, body }
    }

    /// One with a body of JSON.
    #[expect(clippy::needless_pass_by_value, reason = "it is written where it is passed")]
    pub(super) fn json(body: Value) -> Self {
        Self::new(200, body.to_string())
    }

    /// One that says nothing but that it is done.
    pub(super) fn empty(status: u16) -> Self {
        Self::new(status, String::new())
    }

    /// One of IAM's or STS's, with what stands in its result.
    pub(super) fn xml(operation: Operation, result: &str) -> Self {
        let (_, name) = operation.action();
        Self::new(200, format!("<{name}Response><{name}Result>{result}</{name}Result></{name}Response>"))
    }

    /// A refusal.
    pub(super) fn error(operation: Operation, status: u16, code: &str, message: &str) -> Self {
        let (service, _) = operation.action();
        let message = (!message.is_empty()).then_some(message);
        let answer = |header, body: Value| Self { header, ..Self::new(status, body.to_string()) };
        match service {
            "lambda" | "scheduler" => {
                answer(Some(("x-amzn-errortype", code.to_owned())), json!({"Type": "User", "Message": message}))
            }
            // The header has the code of the older protocol, the body that of the model.
            "sqs" => answer(
                Some(("x-amzn-query-error", format!("{code};Sender"))),
                json!({"__type": "com.amazonaws.sqs#Modelled", "message": message}),
            ),
            "logs" | "ssm" | "tag" => answer(None, json!({"__type": code, "message": message})),
            "iam" | "sts" => {
                let message = message.map(|text| format!("<Message>{}</Message>", escaped(text))).unwrap_or_default();
                let error = format!("<Error><Type>Sender</Type><Code>{code}</Code>{message}</Error>");
                Self::new(status, format!("<ErrorResponse>{error}<RequestId>1</RequestId></ErrorResponse>"))
            }
            other => panic!("which protocol has {other}?"),
        }
    }

    /// The same for requests with this text in them, in whatever order they come.
    pub(super) fn to(self, to: &'static str) -> Self {
        Self { to, ..self }
    }
}

/// A text inside XML.
fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

/// An AWS that answers what it was given, one answer for each request.
#[derive(Clone, Debug)]
pub(super) struct Replay {
    answers: Arc<Mutex<VecDeque<Answer>>>,
    asked: Arc<Mutex<Vec<String>>>,
}

impl Replay {
    /// One that gives these answers in turn.
    pub(super) fn of(answers: impl IntoIterator<Item = Answer>) -> Self {
        Self { answers: Arc::new(Mutex::new(answers.into_iter().collect())), asked: Arc::default() }
    }

    /// The configuration of clients that ask it.
    pub(super) fn config(&self) -> SdkConfig {
        let replay = self.clone();
        let client = http_client_fn(move |_, _| SharedHttpConnector::new(replay.clone()));
        crate::tests::config().into_builder().http_client(client).build()
    }

    /// Clients that ask it.
    pub(super) fn aws(&self) -> Aws {
        crate::tests::aws_of(&self.config())
    }

    /// The requests, each with its body, once all answers are given.
    #[track_caller]
    pub(super) fn asked(&self) -> Vec<String> {
        let left = self.answers.lock();
        assert!(left.is_empty(), "nobody asked for {left:?}");
        self.asked.lock().clone()
    }
}

impl HttpConnector for Replay {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let line = line(&request);
        let mut answers = self.answers.lock();
        let at = answers.iter().position(|answer| line.contains(answer.to));
        let answer = at.and_then(|at| answers.remove(at)).map(response);
        let answer = answer.ok_or_else(|| ConnectorError::other(format!("no answer is left to {line}").into(), None));
        self.asked.lock().push(line);
        HttpConnectorFuture::ready(answer)
    }
}

/// A request: method, address, target where the protocol has one, and body.
fn line(request: &HttpRequest) -> String {
    let body = request.body().bytes().map(String::from_utf8_lossy).unwrap_or_default();
    let target = request.headers().get("x-amz-target").unwrap_or_default();
    format!("{} {} {target} {body}", request.method(), request.uri())
}

fn response(answer: Answer) -> HttpResponse {
    let status = StatusCode::try_from(answer.status).expect("a status");
    let mut response = HttpResponse::new(status, SdkBody::from(answer.body));
    if let Some((name, value)) = answer.header {
        response.headers_mut().insert(name, value);
    }
    response
}
