//! URLs and headers of `http` tasks and of webhooks.

use std::collections::BTreeSet;

use api::Header;
use protocol::HeaderValue;

use super::http_syntax::{check_url, check_value};
use super::refusal::{Refusals, quoted};
use super::{placeholder, secret};

/// Headers that describe the connection or the body; only the HTTP client can set them correctly.
/// <https://www.rfc-editor.org/rfc/rfc9110#section-7.6.1>
const CLIENTS_OWN: [&str; 10] = [
    "connection",
    "content-length",
    "expect",
    "host",
    "keep-alive",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
];

/// Validates a URL in the spec.
pub(super) fn url(field: &str, text: &str, refusals: &mut Refusals) {
    placeholder::check(field, text, refusals);
    match check_url(text) {
        Ok(url) if !url.username().is_empty() || url.password().is_some() => refusals.invalid_hint(
            field,
            format!("the URL of host `{}` has a user or a password in it", url.host_str().unwrap_or_default()),
            "keep them in a Secret, and send them in a header with `secretKeyRef`",
        ),
        Ok(_) => {}
        Err(problem) => refusals.invalid_hint(
            field,
            format!("{} cannot be requested: {problem}", quoted(text)),
            "write an absolute URL, like `https://example.com/health`",
        ),
    }
}

/// Validates headers, and converts them into the form that firings carry. `owner` is the prefix of the keys of their
/// secrets.
pub(super) fn headers(field: &str, owner: &str, headers: &[Header], refusals: &mut Refusals) -> Vec<protocol::Header> {
    let mut seen = BTreeSet::new();
    let mut travelling = Vec::new();
    for Header { name, value, secret_key_ref } in headers {
        let field = format!("{field}.headers[{name}]");
        check_name(&format!("{field}.name"), name, refusals);
        if !seen.insert(name.to_ascii_lowercase()) {
            let message = format!("{} occurs twice, as header names are case-insensitive", quoted(name));
            refusals.invalid_hint(format!("{field}.name"), message, "keep one");
        }
        let value = match (value, secret_key_ref) {
            (Some(value), None) => {
                let field = format!("{field}.value");
                placeholder::check(&field, value, refusals);
                if let Err(problem) = check_value(value) {
                    refusals.invalid(field, problem);
                }
                HeaderValue::Plain(value.clone())
            }
            (None, Some(_)) => HeaderValue::Secret(secret::header(owner, name)),
            (Some(_), Some(_)) => {
                refusals.invalid_hint(field, "the header has both `value` and `secretKeyRef`", "keep one");
                continue;
            }
            (None, None) => {
                refusals.invalid_hint(field, "the header has no value", "set `value` or `secretKeyRef`");
                continue;
            }
        };
        travelling.push(protocol::Header { name: name.clone(), value });
    }
    travelling
}

fn check_name(field: &str, name: &str, refusals: &mut Refusals) {
    // A token: <https://www.rfc-editor.org/rfc/rfc9110#section-5.6.2>
    let is_token = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
    if name.is_empty() || !name.bytes().all(is_token) {
        let message = format!("{} is not a valid header name", quoted(name));
        refusals.invalid_hint(field, message, "write letters, digits and `-`, like `X-Token`");
    } else if CLIENTS_OWN.contains(&name.to_ascii_lowercase().as_str()) {
        refusals.invalid_hint(field, format!("{} is set by the HTTP client", quoted(name)), "remove it");
    }
}
