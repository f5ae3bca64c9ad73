//! The services behind channels: what they are sent, and what their answers mean.

use std::time::Duration;

use jiff::Timestamp;
use jiff::fmt::rfc2822;
use protocol::{Body, Status, Target, Task, TaskResult, UrlSource, template};
use reqwest::header::{HeaderMap, RETRY_AFTER};
use reqwest::{Method, RequestBuilder, StatusCode};
use serde_json::{Value, json};
use url::Url;

use crate::http::{self, Http, Invalid};
use crate::secrets::Secrets;
use crate::text;

/// What a channel gets for a result.
pub(crate) fn body(target: &Target, task: &Task, result: &TaskResult) -> Body {
    match target {
        Target::Slack { .. } => Body::Text(text::fit_slack(text(task, result, text::escape_slack))),
        Target::Discord { .. } => Body::Text(text::fit_discord(text(task, result, text::escape_discord))),
        Target::Webhook { .. } => Body::Result(Box::new(result.clone())),
    }
}

/// The notification. A template that fails on this result costs its own text, never the message; and a message is
/// never empty, since services refuse that.
fn text(task: &Task, result: &TaskResult, escape: template::Escape) -> String {
    let input = task.input.as_ref();
    let text = template::render(task.template.as_deref(), result, input, escape).unwrap_or_else(|error| {
        tracing::warn!(runId = result.run_id, task = result.task, %error, "template failed, the default one is used");
        let fallback = template::render(None, result, input, escape).unwrap_or_else(|_| summary(result, escape));
        format!("{fallback}\n{}", escape(&format!("(The template of this task failed: {error})")))
    });
    if text.trim().is_empty() { summary(result, escape) } else { text }
}

fn summary(result: &TaskResult, escape: template::Escape) -> String {
    let verb = match result.status {
        Status::Succeeded => "succeeded",
        Status::Failed => "failed",
    };
    escape(&format!("{} ({}) {verb}", result.task, result.pipeline.name))
}

/// Whether a channel needs secrets.
pub(crate) fn is_secret(target: &Target) -> bool {
    match target {
        Target::Slack { .. } | Target::Discord { .. } | Target::Webhook { url: UrlSource::Secret(_), .. } => true,
        Target::Webhook { url: UrlSource::Plain(_), headers } => http::are_secret(headers),
    }
}

/// The request that brings a body to a channel.
pub(crate) fn request(http: &Http, target: &Target, body: &Body, secrets: &Secrets) -> Result<RequestBuilder, Invalid> {
    let post = |url: Url| http.request(Method::POST, url);
    let builder = match target {
        Target::Slack { url } => post(Url::parse(secrets.get(url)?.expose())?)?,
        Target::Discord { url } => {
            let mut url = Url::parse(secrets.get(url)?.expose())?;
            // Without it the answer comes before the message is stored, and says nothing of its fate.
            url.query_pairs_mut().append_pair("wait", "true");
            post(url)?
        }
        Target::Webhook { url, headers } => {
            let url = match url {
                UrlSource::Plain(url) => url,
                UrlSource::Secret(key) => secrets.get(key)?.expose(),
            };
            post(Url::parse(url)?)?.headers(http::headers(headers, Some(secrets))?)
        }
    };
    Ok(builder.json(&payload(target, body)))
}

fn payload(target: &Target, body: &Body) -> Value {
    match (target, body) {
        (Target::Discord { .. }, Body::Text(text)) => json!({"content": text, "allowed_mentions": {"parse": []}}),
        (Target::Slack { .. } | Target::Webhook { .. }, Body::Text(text)) => json!({"text": text}),
        (_, Body::Result(result)) => json!(result),
    }
}

/// What an answer means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Meaning {
    /// The message is there.
    Delivered,
    /// Another try may help.
    Later,
    /// No other try will help.
    Never,
    /// None, but with another URL or key it might.
    NeverWithThisSecret,
}

impl Meaning {
    /// Redirects count as final: a post that is redirected arrives as something else.
    pub(crate) fn of(status: StatusCode) -> Self {
        match status.as_u16() {
            200..=299 => Self::Delivered,
            401 | 403 | 404 | 410 => Self::NeverWithThisSecret,
            408 | 425 | 429 | 500.. => Self::Later,
            _ => Self::Never,
        }
    }
}

/// How long the service asks to be left alone: by its header, in seconds or as a date, or by Discord's more precise
/// `retry_after` in the body.
pub(crate) fn retry_after(headers: &HeaderMap, body: &str, now: Timestamp) -> Option<Duration> {
    let header = headers.get(RETRY_AFTER).and_then(|value| value.to_str().ok());
    let by_seconds = header.and_then(|value| seconds(value.parse().ok()?));
    let by_date = header.and_then(|value| until(value, now));
    let by_body = serde_json::from_str::<Value>(body).ok().and_then(|body| seconds(body.get("retry_after")?.as_f64()?));
    [by_seconds, by_date, by_body].into_iter().flatten().max()
}

fn seconds(seconds: f64) -> Option<Duration> {
    Duration::try_from_secs_f64(seconds.ceil()).ok()
}

fn until(date: &str, now: Timestamp) -> Option<Duration> {
    let date = rfc2822::parse(date).ok()?.timestamp();
    Some(Duration::try_from(date.duration_since(now)).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wait(header: &str, body: &str) -> Option<u64> {
        let mut headers = HeaderMap::new();
        headers.insert(RETRY_AFTER, header.parse().unwrap());
        retry_after(&headers, body, "2026-01-01T09:00:00Z".parse().unwrap()).map(|wait| wait.as_secs())
    }

    #[test]
    fn every_spelling_of_retry_after_is_read() {
        assert_eq!(wait("30", ""), Some(30));
        assert_eq!(wait("1.2", r#"{"retry_after": 64.57}"#), Some(65));
        assert_eq!(wait("Thu, 01 Jan 2026 09:02:00 GMT", "{}"), Some(120));
        assert_eq!(wait("Thu, 01 Jan 2026 08:00:00 GMT", "{}"), Some(0));
        for nonsense in ["soon", "-5", "NaN", "1e999"] {
            assert_eq!(wait(nonsense, "rate limited"), None, "{nonsense}");
        }
    }

    #[test]
    fn answers_have_their_meaning() {
        for (codes, meaning) in [
            (&[200, 204][..], Meaning::Delivered),
            (&[408, 425, 429, 500, 503, 599], Meaning::Later),
            (&[301, 400, 405, 413, 422], Meaning::Never),
            (&[401, 403, 404, 410], Meaning::NeverWithThisSecret),
        ] {
            for code in codes {
                assert_eq!(Meaning::of(StatusCode::from_u16(*code).unwrap()), meaning, "{code}");
            }
        }
    }

    #[test]
    fn a_text_is_never_empty_and_a_failing_template_costs_no_message() {
        let result: TaskResult = serde_json::from_value(json!({
            "pipeline": {"namespace": "default", "name": "p"}, "task": "t", "runId": "r", "attempt": 1,
            "scheduledTime": "2026-01-01T09:00:00Z", "trigger": "Schedule", "status": "Succeeded", "text": "<b>",
            "durationMs": 1,
        }))
        .unwrap();
        let shown = |template: &str| {
            let task: Task = serde_json::from_value(json!({
                "name": "t", "action": "message", "template": template, "timeoutSeconds": 1, "attempts": 1,
                "backoffSeconds": 1,
            }))
            .unwrap();
            match body(&Target::Slack { url: "k".into() }, &task, &result) {
                Body::Text(text) => text,
                Body::Result(_) => panic!("Slack gets texts"),
            }
        };
        assert_eq!(shown(" {{ result.json.nothing }}\n"), "t (p) succeeded");
        assert_eq!(shown("<{{ result.text }}>"), "<&lt;b&gt;>");
        let fallback = shown("{{ 1 + 'x' }}");
        assert!(
            fallback.contains("&lt;b&gt;") && fallback.contains("(The template of this task failed: "),
            "{fallback}"
        );
    }
}
