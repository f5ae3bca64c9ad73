//! The chats and web services of a test: paths of its own on the receiver.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::{Value, json};

use super::wait::eventually;

/// A token that looks like one.
pub(crate) const BOT_TOKEN: &str = "123456789:canary-AAEhBOweik6ad9r_QXMENQjcrGbqCr4K";

/// What the receiver got.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Received {
    pub(crate) path: String,
    pub(crate) method: String,
    pub(crate) headers: BTreeMap<String, String>,
    pub(crate) body: Value,
    /// What a person would read.
    #[serde(rename = "text")]
    pub(crate) readable: String,
    pub(crate) status: u16,
    pub(crate) time: f64,
}

impl Received {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }

    /// The text of a message of Slack, Discord or Telegram.
    pub(crate) fn text(&self) -> &str {
        self.body["text"].as_str().or(self.body["content"].as_str()).unwrap_or_default()
    }
}

/// The receiver, as one test sees it.
#[derive(Clone, Debug)]
pub(crate) struct Chat {
    base: String,
    account: String,
    http: reqwest::Client,
}

impl Chat {
    pub(crate) fn new(base: &str, account: &str) -> Self {
        Self { base: base.to_owned(), account: account.to_owned(), http: reqwest::Client::new() }
    }

    /// Path of a place: `slack`, `discord`, `telegram`, `teams` or `hook`, and a name.
    fn path(&self, service: &str, name: &str) -> String {
        let bot = if service == "telegram" { format!("/bot{BOT_TOKEN}/sendMessage") } else { String::new() };
        format!("/{service}/{}-{name}{bot}", self.account)
    }

    pub(crate) fn url(&self, service: &str, name: &str) -> String {
        format!("{}{}", self.base, self.path(service, name))
    }

    /// The address of a Bot API server.
    pub(crate) fn telegram(&self, name: &str) -> String {
        format!("{}/telegram/{}-{name}", self.base, self.account)
    }

    /// Scripts the next answers of a place.
    pub(crate) async fn answer(&self, service: &str, name: &str, mut behaviour: Value) {
        behaviour["path"] = json!(self.path(service, name));
        let request = self.http.post(format!("{}/_behaviour", self.base)).json(&behaviour);
        request.send().await.unwrap().error_for_status().unwrap();
    }

    /// What a place got so far, oldest first.
    pub(crate) async fn received(&self, service: &str, name: &str) -> Vec<Received> {
        let answer = self.http.get(format!("{}/_messages", self.base)).send().await.unwrap();
        let all: Vec<Received> = answer.json().await.unwrap();
        let path = self.path(service, name);
        all.into_iter().filter(|received| received.path == path).collect()
    }

    /// Waits until a place got so many.
    pub(crate) async fn await_received(&self, service: &str, name: &str, count: usize) -> Vec<Received> {
        eventually(&format!("{count} requests to {service} {name}"), async || {
            let received = self.received(service, name).await;
            if received.len() >= count { Ok(received) } else { Err(format!("{received:?}")) }
        })
        .await
    }
}
