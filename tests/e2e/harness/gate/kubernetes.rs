//! The gate's side towards the API server, which it can let misbehave.

use std::io;
use std::sync::Arc;

use http_body_util::BodyExt as _;
use kube::Client;
use kube::client::Body;
use serde_json::{Value, json};
use tokio::io::AsyncBufReadExt as _;
use tokio::sync::watch;

use super::http::{self, Answer, Connection, Request};
use super::{Closed, Core, Write};

/// How the API server behaves.
#[derive(Clone, Debug, Default)]
pub(crate) struct Behaviour {
    /// It drops every connection.
    pub(crate) down: bool,
    /// Watches are told that they start too far back.
    pub(crate) gone: bool,
    /// Events of watches are held back until this ends.
    pub(crate) withheld: bool,
    /// How it answers lists.
    pub(crate) lists: Lists,
    /// The pipeline of this name has a spec that no version of the operator can read.
    pub(crate) unreadable: Option<String>,
    /// Watches that began before this number changed are cut.
    pub(crate) cuts: usize,
}

/// How the API server answers lists.
#[derive(Clone, Debug, Default)]
pub(crate) enum Lists {
    /// As it should.
    #[default]
    Whole,
    /// The connection ends in the middle of the answer.
    Cut,
    /// One pipeline a page, and every page after the first fails.
    SecondPageFails,
    /// With what it once answered, and no news since.
    Frozen(Arc<Value>),
}

/// What the operator asked of the API server about pipelines.
#[derive(Clone, Debug, Default)]
pub(crate) struct Reads {
    pub(crate) lists: usize,
    pub(crate) watches: usize,
    /// Reads of single pipelines.
    pub(crate) gets: usize,
    /// What the last list said.
    pub(crate) last_list: Option<Arc<Value>>,
}

/// Passes calls on to the API server.
#[derive(Clone)]
pub(super) struct Side {
    core: Arc<Core>,
    client: Client,
    behaviour: watch::Receiver<Behaviour>,
    reads: watch::Sender<Reads>,
}

/// What a request asks for.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Asked {
    Watch,
    List,
    Pipeline,
    Other,
}

impl Asked {
    fn of(request: &Request) -> Self {
        let path = request.path();
        match request.method.as_str() {
            "GET" if path.ends_with("/scheduledtaskpipelines") && request.query().contains("watch=") => Self::Watch,
            "GET" if path.ends_with("/scheduledtaskpipelines") => Self::List,
            "GET" if path.contains("/scheduledtaskpipelines/") => Self::Pipeline,
            _ => Self::Other,
        }
    }
}

impl Side {
    pub(super) fn new(
        core: Arc<Core>,
        client: Client,
        behaviour: watch::Receiver<Behaviour>,
        reads: watch::Sender<Reads>,
    ) -> Self {
        Self { core, client, behaviour, reads }
    }

    pub(super) async fn pass(&self, mut connection: Connection, request: Request) {
        let behaviour = self.behaviour.borrow().clone();
        if behaviour.down {
            return;
        }
        let asked = Asked::of(&request);
        self.reads.send_modify(|reads| match asked {
            Asked::Watch => reads.watches += 1,
            Asked::List => reads.lists += 1,
            Asked::Pipeline => reads.gets += 1,
            Asked::Other => {}
        });
        // Who hears too little sees the connection end; and the operator may have left meanwhile.
        let _ = match asked {
            Asked::Watch => self.watch(&mut connection, &request, &behaviour).await,
            Asked::List => self.list(&mut connection, request, &behaviour).await,
            Asked::Pipeline | Asked::Other => self.call(&mut connection, &request, &behaviour).await,
        };
    }

    async fn call(&self, connection: &mut Connection, request: &Request, behaviour: &Behaviour) -> io::Result<()> {
        match self.core.pass(Write::on_kubernetes(request), self.ask(request)).await {
            Ok(answer) if request.method == "GET" => spoilt(answer, behaviour).write(connection).await,
            Ok(answer) => answer.write(connection).await,
            Err(Closed) => Ok(()),
        }
    }

    async fn list(&self, connection: &mut Connection, mut request: Request, behaviour: &Behaviour) -> io::Result<()> {
        match &behaviour.lists {
            Lists::Whole | Lists::Cut => {}
            Lists::SecondPageFails if request.query().contains("continue=") => {
                return refusal(500, "InternalError", "etcdserver: request timed out").write(connection).await;
            }
            Lists::SecondPageFails => request.target = request.target.replace("limit=500", "limit=1"),
            Lists::Frozen(list) => return json_answer(200, list).write(connection).await,
        }
        let Ok(answer) = self.core.pass(None, self.ask(&request)).await else { return Ok(()) };
        let answer = spoilt(answer, behaviour);
        if let Lists::Cut = behaviour.lists {
            return answer.write_part(connection, answer.body.len() / 2).await;
        }
        let list = serde_json::from_slice(&answer.body).ok().map(Arc::new);
        self.reads.send_modify(|reads| reads.last_list = list);
        answer.write(connection).await
    }

    async fn watch(&self, connection: &mut Connection, request: &Request, began: &Behaviour) -> io::Result<()> {
        if began.gone {
            let expired = status(410, "Expired", "too old resource version: 1 (2)");
            let event = json!({"type": "ERROR", "object": expired}).to_string();
            http::begin(connection, 200, &[]).await?;
            http::piece(connection, event.as_bytes()).await?;
            return http::piece(connection, &[]).await;
        }
        let Ok(answer) = self.client.send(outgoing(request)).await else { return Ok(()) };
        let (head, mut body) = answer.into_parts();
        http::begin(connection, head.status.as_u16(), &headers(&head.headers)).await?;
        let mut behaviour = self.behaviour.clone();
        loop {
            let now = behaviour.borrow_and_update().clone();
            if now.down || now.cuts != began.cuts {
                return Ok(());
            }
            tokio::select! {
                event = body.frame(), if !now.withheld => match event {
                    Some(Ok(event)) => http::piece(connection, event.data_ref().map_or(&[], |data| data)).await?,
                    Some(Err(_)) => return Ok(()),
                    None => return http::piece(connection, &[]).await,
                },
                changed = behaviour.changed() => if changed.is_err() { return Ok(()) },
                _ = connection.fill_buf() => return Ok(()),
            }
        }
    }

    /// What the API server answers; nothing where it cannot be reached.
    async fn ask(&self, request: &Request) -> Option<Answer> {
        let (head, body) = self.client.send(outgoing(request)).await.ok()?.into_parts();
        let body = body.collect().await.ok()?.to_bytes().to_vec();
        Some(Answer { status: head.status.as_u16(), headers: headers(&head.headers), body })
    }
}

/// The request as the API server is to get it; the client adds where, and who asks.
fn outgoing(request: &Request) -> ::http::Request<Body> {
    let mut outgoing = ::http::Request::builder().method(request.method.as_str()).uri(&request.target);
    for (name, value) in request.end_to_end() {
        outgoing = outgoing.header(name, value);
    }
    outgoing.body(Body::from(request.body.clone())).unwrap()
}

fn headers(headers: &::http::HeaderMap) -> Vec<(String, String)> {
    let text = |value: &::http::HeaderValue| value.to_str().unwrap_or_default().to_owned();
    headers.iter().map(|(name, value)| (name.to_string(), text(value))).collect()
}

/// The answer, with one pipeline in it that cannot be read.
fn spoilt(answer: Answer, behaviour: &Behaviour) -> Answer {
    let Some(name) = &behaviour.unreadable else { return answer };
    let Ok(mut object) = serde_json::from_slice::<Value>(&answer.body) else { return answer };
    let spoil = |pipeline: &mut Value| {
        if pipeline["metadata"]["name"] == json!(name) && !pipeline["spec"].is_null() {
            pipeline["spec"] = json!({"schedule": ["from", "the", "future"]});
        }
    };
    match object["items"].as_array_mut() {
        Some(items) => items.iter_mut().for_each(spoil),
        None => spoil(&mut object),
    }
    Answer { body: object.to_string().into_bytes(), ..answer }
}

fn refusal(code: u16, reason: &str, message: &str) -> Answer {
    json_answer(code, &status(code, reason, message))
}

fn status(code: u16, reason: &str, message: &str) -> Value {
    json!({
        "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure", "code": code, "reason": reason,
        "message": message,
    })
}

fn json_answer(status: u16, value: &Value) -> Answer {
    let headers = vec![("content-type".to_owned(), "application/json".to_owned())];
    Answer { status, headers, body: value.to_string().into_bytes() }
}
