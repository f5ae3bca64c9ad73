//! Any HTTP endpoint.

use protocol::{Body, Header, TaskResult, UrlSource};
use reqwest::{Method, RequestBuilder};
use serde_json::{Value, json};
use url::Url;

use crate::http::{self, Http, Invalid};
use crate::secrets::Secrets;

pub(super) fn body(result: &TaskResult) -> Body {
    Body::Result(Box::new(result.clone()))
}

pub(super) fn is_secret(url: &UrlSource, headers: &[Header]) -> bool {
    match url {
        UrlSource::Secret(_) => true,
        UrlSource::Plain(_) => http::are_secret(headers),
    }
}

pub(super) fn request(
    http: &Http,
    url: &UrlSource,
    headers: &[Header],
    body: &Body,
    secrets: &Secrets,
) -> Result<RequestBuilder, Invalid> {
    let url = match url {
        UrlSource::Plain(url) => url,
        UrlSource::Secret(key) => secrets.get(key)?.expose(),
    };
    let headers = http::headers(headers, Some(secrets))?;
    Ok(http.request(Method::POST, Url::parse(url)?)?.headers(headers).json(&payload(body)))
}

pub(super) fn payload(body: &Body) -> Value {
    match body {
        Body::Result(result) => json!(result),
        Body::Text(text) => json!({"text": text}),
        Body::Rich(message) => message.clone(),
    }
}
