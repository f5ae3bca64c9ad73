//! The HTTP client, which connects only to addresses that the [`Guard`] allows.

use std::error::Error;
use std::iter::successors;
use std::time::Duration;

use protocol::{Header, HeaderValue};
use reqwest::header::{HeaderMap, HeaderName};
use reqwest::redirect::Policy;
use reqwest::{Client, Method, RequestBuilder, Response};
use url::Url;

use crate::guard::{Guard, Reach, Refused};
use crate::secrets::{Missing, Secrets};

/// How long the opening of a connection may take.
const CONNECT: Duration = Duration::from_secs(5);

/// TCP keep-alive interval. A NAT gateway silently drops connections that are idle for 350 s, and a connection is idle
/// while the function runs.
/// <https://docs.aws.amazon.com/vpc/latest/userguide/nat-gateway-troubleshooting.html#nat-gateway-troubleshooting-timeout>
pub(crate) const KEEP_ALIVE: Duration = Duration::from_mins(1);

/// Why a request was not sent. Contains neither secrets nor URLs, which may be secrets.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Invalid {
    #[error("the URL is not valid: {0}")]
    Url(#[from] url::ParseError),
    #[error("the URL's scheme is `{0}`: only http and https are supported")]
    Scheme(String),
    #[error("{0}")]
    Refused(#[from] Refused),
    #[error("`{0}` is not a valid header name, or its value has characters that a header cannot have")]
    Header(String),
    #[error("{0}")]
    Missing(#[from] Missing),
    #[error("the HTTP client cannot be made: {0}")]
    Client(#[from] reqwest::Error),
}

/// Makes the HTTP requests of tasks and deliveries.
#[derive(Debug)]
pub(crate) struct Http {
    guard: Guard,
    usual: Client,
}

impl Http {
    pub(crate) fn new(guard: Guard) -> reqwest::Result<Self> {
        Ok(Self { guard, usual: client(Reach::BeyondAndLoopback)? })
    }

    /// A request to a URL that the guard allows.
    pub(crate) fn request(&self, method: Method, url: Url) -> Result<RequestBuilder, Invalid> {
        if !matches!(url.scheme(), "http" | "https") {
            return Err(Invalid::Scheme(url.scheme().to_owned()));
        }
        let client = match self.guard.check(&url)? {
            Reach::BeyondAndLoopback => self.usual.clone(),
            // URLs with the runtime API's port are rare, so their client is built on demand.
            Reach::Beyond => client(Reach::Beyond)?,
        };
        Ok(client.request(method, url))
    }
}

fn client(reach: Reach) -> reqwest::Result<Client> {
    Client::builder()
        .dns_resolver(reach)
        .redirect(Policy::none())
        .connect_timeout(CONNECT)
        // A task may wait for its answer as long as a function does.
        .tcp_keepalive(KEEP_ALIVE)
        // A proxy would resolve names by itself, past the guard.
        .no_proxy()
        // A function that was frozen wakes up with dead connections.
        .pool_max_idle_per_host(0)
        .user_agent(concat!("task-pipelines/", env!("CARGO_PKG_VERSION")))
        .build()
}

/// Headers as they are sent; headers with secret values are left out without `secrets`.
pub(crate) fn headers(headers: &[Header], secrets: Option<&Secrets>) -> Result<HeaderMap, Invalid> {
    let mut map = HeaderMap::new();
    for Header { name, value } in headers {
        let (text, is_secret) = match (value, secrets) {
            (HeaderValue::Plain(text), _) => (text.as_str(), false),
            (HeaderValue::Secret(key), Some(secrets)) => (secrets.get(key)?.expose(), true),
            (HeaderValue::Secret(_), None) => continue,
        };
        let illegal = || Invalid::Header(name.clone());
        let field: HeaderName = name.parse().map_err(|_| illegal())?;
        let mut value: reqwest::header::HeaderValue = text.parse().map_err(|_| illegal())?;
        value.set_sensitive(is_secret);
        map.append(field, value);
    }
    Ok(map)
}

/// Whether headers need secrets.
pub(crate) fn are_secret(headers: &[Header]) -> bool {
    headers.iter().any(|header| matches!(header.value, HeaderValue::Secret(_)))
}

/// The guard's refusal, if it is the cause of a failed request.
pub(crate) fn refusal(error: &reqwest::Error) -> Option<&Refused> {
    causes(error).find_map(|cause| cause.downcast_ref())
}

/// What went wrong with a request, without its URL.
pub(crate) fn describe(error: &reqwest::Error) -> String {
    if let Some(refused) = refusal(error) {
        return refused.to_string();
    }
    if error.is_timeout() {
        return "no answer in time".to_owned();
    }
    let what = if error.is_connect() { "cannot connect" } else { "the request failed" };
    // Only the outermost error knows the URL.
    match causes(error).skip(1).last() {
        Some(root) => format!("{what}: {root}"),
        None => what.to_owned(),
    }
}

fn causes<'a>(error: &'a reqwest::Error) -> impl Iterator<Item = &'a (dyn Error + 'static)> {
    let outermost: &'a (dyn Error + 'static) = error;
    successors(Some(outermost), |error: &&'a (dyn Error + 'static)| (*error).source())
}

/// An answer's status as text.
pub(crate) fn status(response: &Response) -> String {
    let status = response.status();
    match status.canonical_reason() {
        Some(reason) => format!("HTTP {} {reason}", status.as_u16()),
        None => format!("HTTP {}", status.as_u16()),
    }
}

/// Reads so many bytes of an answer's body and leaves the rest.
pub(crate) async fn read(mut response: Response, limit: usize) -> reqwest::Result<Vec<u8>> {
    let mut body = Vec::new();
    while body.len() < limit
        && let Some(chunk) = response.chunk().await?
    {
        let room = limit - body.len();
        body.extend_from_slice(&chunk[..chunk.len().min(room)]);
    }
    Ok(body)
}
