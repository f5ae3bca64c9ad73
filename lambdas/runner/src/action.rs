//! Carries out the action of a task: nothing, an HTTP request, or a function call.

use std::time::Duration;

use protocol::{Action, HttpMethod, Run};
use reqwest::header::{CONTENT_LENGTH, HeaderValue, LOCATION};
use reqwest::{Method, StatusCode};
use tokio::time::{Instant, timeout};
use url::Url;

use crate::Runner;
use crate::channel::Meaning;
use crate::events;
use crate::http::{self, Http, Invalid};
use crate::secrets::{Freshness, Secrets};
use crate::text;

/// Bytes of an answer that are kept.
pub(crate) const MAX_TEXT: usize = 200_000;

/// Bytes of the longest secret: what an SSM parameter holds.
const LONGEST_SECRET: usize = 4_096;

/// Redirects that are followed.
const MAX_REDIRECTS: usize = 5;

/// The outcome of an attempt at a task.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Ended {
    /// What the task returned, without secrets.
    pub(crate) text: String,
    /// Why it failed, without secrets.
    pub(crate) error: Option<String>,
    /// Whether the failure may be due to cached secrets that are out of date.
    pub(crate) may_be_stale: bool,
    /// Whether the work is known not to have begun.
    pub(crate) not_begun: bool,
}

impl Ended {
    /// An attempt that returned nothing.
    pub(crate) fn failed(error: String) -> Self {
        Self { error: Some(error), ..Self::default() }
    }

    /// An attempt that could not even begin.
    pub(crate) fn not_begun(error: String) -> Self {
        Self { not_begun: true, ..Self::failed(error) }
    }
}

/// The time that an attempt has.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Time {
    /// How long it may take, from when it begins.
    pub(crate) limit: Duration,
    /// Until when it may begin.
    pub(crate) begin_by: Instant,
    /// When it ends in any case.
    pub(crate) end: Instant,
}

/// Does what the task says.
pub(crate) async fn perform(runner: &Runner, run: &Run, attempt: u32, time: Time) -> Ended {
    match &run.task.action {
        Action::Message => Ended::default(),
        Action::Function { name } => runner.functions.call(runner, name, run, attempt, time).await,
        Action::Http(request) => {
            let work = Box::pin(with_secrets(runner, run, request));
            begun(runner, run, attempt, time, work).await.unwrap_or_else(|late| late)
        }
    }
}

/// Awaits work that has begun or is about to, and reports its start if it takes longer than a moment.
///
/// # Errors
/// It takes longer than the limit.
pub(crate) async fn begun<T>(
    runner: &Runner,
    run: &Run,
    attempt: u32,
    time: Time,
    work: impl Future<Output = T>,
) -> Result<T, Ended> {
    let limit = time.limit.min(time.end.saturating_duration_since(Instant::now()));
    let in_time = timeout(limit, events::telling_of(runner, run, attempt, work)).await;
    in_time.map_err(|_| Ended::failed(format!("timed out after {} s", limit.as_secs())))
}

async fn with_secrets(runner: &Runner, run: &Run, request: &protocol::Http) -> Ended {
    let parameter = run.parameter.as_deref().filter(|_| http::are_secret(&request.headers));
    let kept = match runner.parameters.get(parameter, Freshness::Kept).await {
        Ok(kept) => kept,
        Err(error) => return Ended::failed(error.to_string()),
    };
    let ended = call(&runner.http, request, &kept).await;
    if parameter.is_none() || !ended.may_be_stale {
        return ended;
    }
    match runner.parameters.get(parameter, Freshness::Now).await {
        Ok(fresh) if fresh != kept => call(&runner.http, request, &fresh).await,
        Ok(_) | Err(_) => ended,
    }
}

/// Why a request has no answer.
#[derive(Debug, thiserror::Error)]
enum NoAnswer {
    #[error("{0}")]
    Invalid(#[from] Invalid),
    #[error("{}", http::describe(.0))]
    Failed(reqwest::Error),
    #[error("the answer redirects to an invalid URL")]
    BadRedirect,
    #[error("more than {MAX_REDIRECTS} redirects")]
    TooManyRedirects,
}

async fn call(http: &Http, request: &protocol::Http, secrets: &Secrets) -> Ended {
    let answer = match follow(http, request, secrets).await {
        Ok(answer) => answer,
        Err(error) => return Ended::failed(secrets.redact(error.to_string())),
    };
    let is_expected = expects(request, answer.status());
    let may_be_stale = !is_expected && Meaning::of(answer.status()) == Meaning::NeverWithThisSecret;
    let status = http::status(&answer);
    let read = MAX_TEXT + LONGEST_SECRET;
    let body = match http::read(answer, read).await {
        Ok(body) => body,
        Err(error) => return Ended::failed(format!("{status}, then: {}", http::describe(&error))),
    };
    let is_cut = body.len() == read;
    let text = secrets.redact(String::from_utf8_lossy(&body).into_owned());
    // If the body was cut, its end may hold part of a secret, which redaction cannot recognise.
    let whole = text.len() - if is_cut { LONGEST_SECRET.min(text.len()) } else { 0 };
    let text = text::fit_bytes(&text, MAX_TEXT.min(whole));
    let error = (!is_expected).then(|| {
        let expected = request.expect_status.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
        let excerpt = text::excerpt(&text);
        let separator = if excerpt.is_empty() { "" } else { ": " };
        format!("{status}, expected {expected}{separator}{excerpt}")
    });
    Ended { text, error, may_be_stale, not_begun: false }
}

/// Sends the request and follows redirects, unless the redirect's status is itself an expected one.
async fn follow(http: &Http, request: &protocol::Http, secrets: &Secrets) -> Result<reqwest::Response, NoAnswer> {
    let mut url = Url::parse(&request.url).map_err(Invalid::from)?;
    let mut method = method(request.method);
    let mut body = request.body.clone();
    let mut secrets = Some(secrets);
    for _ in 0..=MAX_REDIRECTS {
        let mut headers = http::headers(&request.headers, secrets)?;
        if wants_length(&method) && body.as_ref().is_none_or(String::is_empty) {
            headers.entry(CONTENT_LENGTH).or_insert(HeaderValue::from_static("0"));
        }
        let mut builder = http.request(method.clone(), url.clone())?.headers(headers);
        if let Some(body) = &body {
            builder = builder.body(body.clone());
        }
        let answer = builder.send().await.map_err(NoAnswer::Failed)?;
        let location = answer.headers().get(LOCATION).filter(|_| is_redirect(answer.status()));
        let Some(location) = location.filter(|_| !expects(request, answer.status())) else {
            return Ok(answer);
        };
        let next = location.to_str().ok().and_then(|location| url.join(location).ok()).ok_or(NoAnswer::BadRedirect)?;
        if next.origin() != url.origin() {
            secrets = None;
        }
        if becomes_get(answer.status(), &method) {
            method = Method::GET;
            body = None;
        }
        url = next;
    }
    Err(NoAnswer::TooManyRedirects)
}

fn expects(request: &protocol::Http, status: StatusCode) -> bool {
    request.expect_status.iter().any(|pattern| pattern.matches(status.as_u16()))
}

fn is_redirect(status: StatusCode) -> bool {
    matches!(status.as_u16(), 301 | 302 | 303 | 307 | 308)
}

/// Whether a request without a body has to say so: some servers answer 411 else, and the HTTP client does not by itself.
/// <https://www.rfc-editor.org/rfc/rfc9110#section-8.6-5>
fn wants_length(method: &Method) -> bool {
    [Method::POST, Method::PUT, Method::PATCH].contains(method)
}

/// As browsers do it. <https://www.rfc-editor.org/rfc/rfc9110#section-15.4>
fn becomes_get(status: StatusCode, method: &Method) -> bool {
    match status.as_u16() {
        301 | 302 => *method == Method::POST,
        303 => *method != Method::HEAD,
        _ => false,
    }
}

fn method(method: HttpMethod) -> Method {
    match method {
        HttpMethod::Get => Method::GET,
        HttpMethod::Head => Method::HEAD,
        HttpMethod::Post => Method::POST,
        HttpMethod::Put => Method::PUT,
        HttpMethod::Patch => Method::PATCH,
        HttpMethod::Delete => Method::DELETE,
        HttpMethod::Options => Method::OPTIONS,
    }
}
