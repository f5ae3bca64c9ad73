//! The services behind channels: requests to them, and the meaning of their answers.

mod answer;
mod discord;
mod notice;
mod slack;
mod teams;
mod telegram;
mod webhook;

use protocol::{Body, Target, Task, TaskResult};
use reqwest::{RequestBuilder, StatusCode};
use serde_json::Value;

use crate::http::{Http, Invalid};
use crate::secrets::Secrets;

pub(crate) use answer::{Meaning, retry_after};
use notice::Notice;
pub(crate) use telegram::API as TELEGRAM_API;

/// The body of a post for a result.
pub(crate) fn body(target: &Target, task: &Task, result: &TaskResult) -> Body {
    match target {
        Target::Slack { .. } => slack::body(&Notice::new(task, result)),
        Target::Discord { .. } => discord::body(&Notice::new(task, result)),
        Target::Telegram { .. } => telegram::body(&Notice::new(task, result)),
        Target::Teams { .. } => teams::body(&Notice::new(task, result)),
        Target::Webhook { .. } => webhook::body(result),
    }
}

/// Whether a channel needs secrets.
pub(crate) fn is_secret(target: &Target) -> bool {
    match target {
        Target::Slack { .. } | Target::Discord { .. } | Target::Telegram { .. } | Target::Teams { .. } => true,
        Target::Webhook { url, headers } => webhook::is_secret(url, headers),
    }
}

/// The request that posts a body to a channel.
pub(crate) fn request(
    http: &Http,
    telegram: &str,
    target: &Target,
    body: &Body,
    secrets: &Secrets,
) -> Result<RequestBuilder, Invalid> {
    match target {
        Target::Slack { url } => slack::request(http, url, body, secrets),
        Target::Discord { url } => discord::request(http, url, body, secrets),
        Target::Telegram { token, chat, thread } => {
            telegram::request(http, telegram::Place { api: telegram, token, chat, thread: *thread }, body, secrets)
        }
        Target::Teams { url } => teams::request(http, url, body, secrets),
        Target::Webhook { url, headers } => webhook::request(http, url, headers, body, secrets),
    }
}

/// The JSON that a body is posted as.
pub(crate) fn payload(target: &Target, body: &Body) -> Value {
    match target {
        Target::Slack { .. } => slack::payload(body),
        Target::Discord { .. } => discord::payload(body),
        Target::Telegram { token: _, chat, thread } => telegram::payload(chat, *thread, body),
        Target::Teams { .. } => teams::payload(body),
        Target::Webhook { .. } => webhook::payload(body),
    }
}

/// The readable text of a body.
pub(crate) fn readable(target: &Target, body: &Body) -> String {
    let payload = payload(target, body);
    match target {
        Target::Slack { .. } => slack::readable(&payload),
        Target::Discord { .. } => discord::readable(&payload),
        Target::Telegram { .. } => telegram::readable(&payload),
        Target::Teams { .. } => teams::readable(&payload),
        Target::Webhook { .. } => format!("{payload:#}"),
    }
}

/// Whether a service may answer 2xx to a failed post, with the failure as text in the body.
pub(crate) fn hides_failures(target: &Target) -> bool {
    match target {
        Target::Teams { .. } => true,
        Target::Slack { .. } | Target::Discord { .. } | Target::Telegram { .. } | Target::Webhook { .. } => false,
    }
}

/// The meaning of an answer.
pub(crate) fn meaning(target: &Target, status: StatusCode, body: &str) -> Meaning {
    match (Meaning::of(status), target) {
        (Meaning::Delivered, Target::Teams { .. }) => teams::meaning(status, body),
        (meaning, _) => meaning,
    }
}
