//! The emulator's own controls: delays, faults, and the log of calls.

use serde::Deserialize;
use serde_json::{Value, json};

/// One call that AWS got.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Call {
    pub(crate) service: String,
    pub(crate) operation: String,
    pub(crate) write: bool,
    /// Name of what was acted on; empty where there is none.
    pub(crate) resource: String,
    by: String,
    /// Counts requests in the order in which they came, of all callers.
    pub(crate) request: u64,
    pub(crate) status: u16,
}

/// The controls of one account.
#[derive(Clone, Debug)]
pub(crate) struct Strict {
    base: String,
    account: String,
    http: reqwest::Client,
}

impl Strict {
    pub(crate) fn new(base: &str, account: &str) -> Self {
        Self { base: format!("{base}/_strict"), account: account.to_owned(), http: reqwest::Client::new() }
    }

    /// Changes how slow AWS is, and how far behind itself; `docs/strict-aws.md` lists what can be set.
    pub(crate) async fn settings(&self, settings: Value) {
        self.post("settings", settings).await;
    }

    /// Lets calls that match fail, take their time, or lose their answer.
    pub(crate) async fn fault(&self, fault: Value) {
        self.post("faults", fault).await;
    }

    /// Ends all faults.
    pub(crate) async fn clear_faults(&self) {
        self.http.delete(self.url("faults")).send().await.unwrap().error_for_status().unwrap();
    }

    /// The calls of this test and its operator since they were last forgotten, without those of functions.
    pub(crate) async fn calls(&self) -> Vec<Call> {
        let answer = self.http.get(self.url("calls")).send().await.unwrap();
        let calls: Vec<Call> = answer.json().await.unwrap();
        calls.into_iter().filter(|call| call.by == "operator").collect()
    }

    /// Those of them that change something, as `service:Operation`. To take read reports out of the inbox changes nothing.
    pub(crate) async fn writes(&self) -> Vec<String> {
        let calls = self.calls().await;
        let changes = |call: &&Call| call.write && call.operation != "DeleteMessageBatch";
        calls.iter().filter(changes).map(|call| format!("{}:{}", call.service, call.operation)).collect()
    }

    /// The number of the last request that AWS has answered in this account.
    pub(crate) async fn last_request(&self) -> u64 {
        let calls: Vec<Call> = self.http.get(self.url("calls")).send().await.unwrap().json().await.unwrap();
        calls.iter().map(|call| call.request).max().unwrap()
    }

    pub(crate) async fn forget_calls(&self) {
        self.http.delete(self.url("calls")).send().await.unwrap().error_for_status().unwrap();
    }

    fn url(&self, what: &str) -> String {
        format!("{}/{what}?account={}", self.base, self.account)
    }

    async fn post(&self, what: &str, mut body: Value) {
        body["account"] = json!(self.account);
        let request = self.http.post(format!("{}/{what}", self.base)).json(&body);
        request.send().await.unwrap().error_for_status().unwrap();
    }
}
