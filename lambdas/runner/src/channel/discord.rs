//! Discord webhooks. <https://discord.com/developers/docs/resources/webhook#execute-webhook>

use protocol::{Body, SecretKey};
use reqwest::{Method, RequestBuilder};
use serde_json::{Value, json};
use url::Url;

use super::notice::{Failure, Notice};
use crate::http::{Http, Invalid};
use crate::secrets::Secrets;
use crate::text;

/// UTF-16 units of a message at most.
const MAX_CONTENT: usize = 2_000;

/// The colour of failures.
const RED: u32 = 0x00D8_3C3E;

/// Template markdown is valid Discord markdown, so only inserted values are escaped.
pub(super) fn body(notice: &Notice) -> Body {
    match notice {
        Notice::Text(text) => Body::Text(text::fit_discord(text.filled(text::escape_discord), MAX_CONTENT)),
        Notice::Failure(failure) => Body::Rich(embed(failure)),
    }
}

pub(super) fn request(http: &Http, url: &SecretKey, body: &Body, secrets: &Secrets) -> Result<RequestBuilder, Invalid> {
    let mut url = Url::parse(secrets.get(url)?.expose())?;
    // Without it, Discord answers before the message is stored, and does not report whether that succeeds.
    url.query_pairs_mut().append_pair("wait", "true");
    Ok(http.request(Method::POST, url)?.json(&payload(body)))
}

pub(super) fn payload(body: &Body) -> Value {
    let mut message = match body {
        Body::Text(text) => json!({"content": text}),
        Body::Rich(message) => message.clone(),
        Body::Result(result) => json!(result),
    };
    message["allowed_mentions"] = json!({"parse": []});
    message
}

/// The content, and the fields of embeds below it.
pub(super) fn readable(payload: &Value) -> String {
    let embeds = payload["embeds"].as_array().into_iter().flatten();
    let fields = embeds.flat_map(|embed| embed["fields"].as_array().into_iter().flatten());
    let part = |field: &Value, key: &str| field[key].as_str().unwrap_or_default().to_owned();
    let fields = fields.map(|field| format!("{}: {}", part(field, "name"), part(field, "value")));
    [part(payload, "content")].into_iter().chain(fields).collect::<Vec<_>>().join("\n")
}

/// What failed and why as content, which notifications and simple readers show, and the rest beside it.
fn embed(failure: &Failure) -> Value {
    let Failure { text: _, task, pipeline, error, facts, more } = failure;
    let content = format!("❌ {task} ({pipeline}) failed: {}", text::escape_discord(error));
    let facts = facts.iter().map(|(name, value)| json!({"name": name, "value": value, "inline": true}));
    let fields: Vec<Value> = facts.chain([json!({"name": "More", "value": format!("`{more}`")})]).collect();
    json!({
        "content": text::fit_discord(content, MAX_CONTENT),
        "embeds": [{"color": RED, "fields": fields}],
    })
}
