//! The gate's side towards AWS.

use std::sync::Arc;

use super::http::{Answer, Connection, Request};
use super::{Core, Write};

/// Passes calls on to the emulator.
#[derive(Clone, Debug)]
pub(super) struct Side {
    core: Arc<Core>,
    base: String,
    http: reqwest::Client,
}

impl Side {
    pub(super) fn new(core: Arc<Core>, base: String) -> Self {
        // A pool would hand out connections that the emulator is about to close.
        let http = reqwest::Client::builder().pool_max_idle_per_host(0).build().unwrap();
        Self { core, base, http }
    }

    pub(super) async fn pass(&self, mut connection: Connection, request: Request) {
        let write = Write::on_aws(&request);
        if let Ok(answer) = self.core.pass(write, self.send(request)).await {
            // The operator may have given up meanwhile.
            let _ = answer.write(&mut connection).await;
        }
    }

    /// What the emulator answers; nothing where it drops the connection.
    async fn send(&self, request: Request) -> Option<Answer> {
        let method = request.method.parse().unwrap();
        let mut call = self.http.request(method, format!("{}{}", self.base, request.target));
        for (name, value) in request.end_to_end() {
            call = call.header(name, value);
        }
        let answer = call.body(request.body).send().await.ok()?;
        let status = answer.status().as_u16();
        let header = |(name, value): (_, &reqwest::header::HeaderValue)| {
            (ToString::to_string(&name), value.to_str().unwrap_or_default().to_owned())
        };
        let headers = answer.headers().iter().map(header).collect();
        Some(Answer { status, headers, body: answer.bytes().await.ok()?.to_vec() })
    }
}
