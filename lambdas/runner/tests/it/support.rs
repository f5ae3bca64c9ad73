//! A runner, AWS and a web server.

#![expect(clippy::needless_pass_by_value, reason = "so that `json!` can stand in a call as it is")]

use std::time::{Duration, SystemTime};

use fake::{Answer, Aws, DEAD_LETTERS, Request, Server};
use function::Queue;
use runner::{Guard, Runner};
use serde_json::{Value, json};

/// Name of the pipeline's parameter.
pub(crate) const PARAMETER: &str = "/taskpipelines/c/p/channels";

pub(crate) struct Stage {
    pub(crate) aws: Aws,
    pub(crate) web: Server,
    runner: Runner,
}

/// A standard queue, and a web server.
pub(crate) async fn stage(web: impl Fn(&Request) -> Answer + Send + Sync + 'static) -> Stage {
    stage_with("tasks", Aws::start().await, None, web).await
}

pub(crate) async fn stage_with(
    queue: &str,
    aws: Aws,
    runtime_port: Option<u16>,
    web: impl Fn(&Request) -> Answer + Send + Sync + 'static,
) -> Stage {
    stage_hiding(queue, None, aws, runtime_port, web).await
}

/// The same, whose queue is known to hide messages for this time.
pub(crate) async fn stage_hiding(
    queue: &str,
    visibility: Option<Duration>,
    aws: Aws,
    runtime_port: Option<u16>,
    web: impl Fn(&Request) -> Answer + Send + Sync + 'static,
) -> Stage {
    let web = Server::start(web).await;
    let config = aws.config(function::defaults()).await;
    let queue = Queue::new(&config, format!("https://sqs/{queue}"))
        .with_dead_letters(format!("https://sqs/{DEAD_LETTERS}{queue}"))
        .reporting_to("https://sqs/inbox".to_owned());
    let queue = visibility.into_iter().fold(queue, Queue::hiding_for);
    let runner = Runner::new(&config, queue, Guard::new(runtime_port)).unwrap().with_telegram_at(web.url("/telegram"));
    Stage { aws, web, runner }
}

impl Stage {
    /// Hands messages over as one batch, each as its n-th receive; answers the ids of those that stay on the queue.
    pub(crate) async fn receive(&self, messages: &[(Value, u32)]) -> Vec<String> {
        self.receive_within(Duration::from_mins(2), messages).await
    }

    /// The same, with so much time left.
    pub(crate) async fn receive_within(&self, left: Duration, messages: &[(Value, u32)]) -> Vec<String> {
        self.receive_after(Duration::ZERO, left, messages).await
    }

    /// The same, so long after each message was received first.
    pub(crate) async fn receive_after(
        &self,
        since_first: Duration,
        left: Duration,
        messages: &[(Value, u32)],
    ) -> Vec<String> {
        let first = (SystemTime::now() - since_first).duration_since(SystemTime::UNIX_EPOCH).unwrap().as_millis();
        let records: Vec<_> = messages
            .iter()
            .enumerate()
            .map(|(at, (body, receive))| {
                let body = body.as_str().map_or_else(|| body.to_string(), str::to_owned);
                json!({
                    "messageId": format!("m{at}"), "receiptHandle": format!("h{at}"), "body": body,
                    "attributes": {
                        "ApproximateReceiveCount": receive.to_string(),
                        "ApproximateFirstReceiveTimestamp": first.to_string(),
                    },
                })
            })
            .collect();
        let deadline = SystemTime::now() + left;
        let failures = runner::handle(&self.runner, json!({"Records": records}), deadline).await.unwrap();
        let failures = serde_json::to_value(failures).unwrap();
        let failures = failures["batchItemFailures"].as_array().unwrap();
        failures.iter().map(|failure| failure["itemIdentifier"].as_str().unwrap().to_owned()).collect()
    }

    /// Whether one message, at its n-th receive, is done.
    pub(crate) async fn is_done(&self, message: Value, receive: u32) -> bool {
        self.receive(&[(message, receive)]).await.is_empty()
    }

    /// The JSON bodies that a path of the web server got.
    pub(crate) fn posts_to(&self, path: &str) -> Vec<Value> {
        let requests = self.web.requests().into_iter().filter(|request| request.path == path);
        requests.map(|request| serde_json::from_str(&request.body).unwrap()).collect()
    }

    /// The JSON bodies that the web server got.
    pub(crate) fn posts(&self) -> Vec<Value> {
        self.web.requests().iter().map(|request| serde_json::from_str(&request.body).unwrap()).collect()
    }
}

/// A message that runs a task.
pub(crate) fn run(task: Value, channels: Value) -> Value {
    let mut all = json!({
        "name": "t", "action": "message", "timeoutSeconds": 10, "attempts": 1, "backoffSeconds": 30,
    });
    all.as_object_mut().unwrap().extend(task.as_object().unwrap().clone());
    json!({
        "kind": "run", "runId": "r", "scheduledTime": "2026-01-01T09:00:00Z", "parameter": PARAMETER,
        "pipeline": {"namespace": "default", "name": "p"}, "task": all, "channels": channels, "tasks": 1,
    })
}

/// A message that runs an HTTP task and tells a webhook channel about it.
pub(crate) fn http(stage: &Stage, request: Value) -> Value {
    let mut all = json!({"url": stage.web.url("/task"), "method": "GET", "expectStatus": ["2xx"]});
    all.as_object_mut().unwrap().extend(request.as_object().unwrap().clone());
    run(json!({"action": {"http": all}}), webhook(stage))
}

/// The channels of one webhook, at `/hook`.
pub(crate) fn webhook(stage: &Stage) -> Value {
    json!([{"name": "hook", "target": {"webhook": {"url": {"plain": stage.web.url("/hook")}}}}])
}

/// The channels of one Slack webhook, whose URL is the secret `chat`.
pub(crate) fn slack() -> Value {
    json!([{"name": "chat", "target": {"slack": {"url": "chat"}}}])
}

/// A message that delivers a text to Slack.
pub(crate) fn delivery() -> Value {
    delivery_to(slack()[0].clone())
}

/// A message that delivers a text to a channel.
pub(crate) fn delivery_to(channel: Value) -> Value {
    json!({
        "kind": "deliver", "runId": "r", "scheduledTime": "2026-01-01T09:00:00Z", "tasks": 1, "task": "t",
        "pipeline": {"namespace": "default", "name": "p"}, "parameter": PARAMETER, "channel": channel,
        "body": {"text": "hello"},
    })
}

/// The time until TCP probes a connection to a port, once one has a keep-alive timer.
#[cfg(target_os = "linux")]
pub(crate) async fn probed_within(port: u16) -> Duration {
    // As the kernel shows it: a timer of kind 02 is that of keep-alive, and it counts hundredths of seconds.
    // <https://docs.kernel.org/networking/proc_net_tcp.html>
    let peer = format!(":{port:04X}");
    loop {
        let connections = std::fs::read_to_string("/proc/net/tcp").unwrap();
        let timer = connections.lines().find_map(|line| {
            let columns: Vec<&str> = line.split_whitespace().collect();
            columns[5].strip_prefix("02:").filter(|_| columns[2].ends_with(&peer))
        });
        if let Some(left) = timer {
            return Duration::from_millis(u64::from_str_radix(left, 16).unwrap() * 10);
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}
