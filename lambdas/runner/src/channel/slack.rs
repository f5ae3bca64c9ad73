//! Slack incoming webhooks. <https://docs.slack.dev/messaging/sending-messages-using-incoming-webhooks>

use protocol::template::{Rendered, fill};
use protocol::{Body, SecretKey};
use reqwest::{Method, RequestBuilder};
use serde_json::{Value, json};
use url::Url;

use super::notice::{Failure, Notice};
use crate::http::{Http, Invalid};
use crate::markdown::{self, Mark, Piece};
use crate::secrets::Secrets;
use crate::text;

/// Characters of a message at most.
/// <https://docs.slack.dev/changelog/2018-04-truncating-really-long-messages>
const MAX_TEXT: usize = 40_000;

/// Characters of a section at most. <https://docs.slack.dev/reference/block-kit/blocks/section-block>
const MAX_SECTION: usize = 3_000;

pub(super) fn body(notice: &Notice) -> Body {
    match notice {
        Notice::Text(text) => Body::Text(text::fit_slack(mrkdwn(text), MAX_TEXT)),
        Notice::Failure(failure) => Body::Rich(blocks(failure)),
    }
}

pub(super) fn request(http: &Http, url: &SecretKey, body: &Body, secrets: &Secrets) -> Result<RequestBuilder, Invalid> {
    let url = Url::parse(secrets.get(url)?.expose())?;
    Ok(http.request(Method::POST, url)?.json(&payload(body)))
}

pub(super) fn payload(body: &Body) -> Value {
    match body {
        Body::Text(text) => json!({"text": text}),
        Body::Rich(message) => message.clone(),
        Body::Result(result) => json!(result),
    }
}

/// The text of the message's blocks, or else its own.
pub(super) fn readable(payload: &Value) -> String {
    let text = payload["text"].as_str().unwrap_or_default();
    let blocks = payload["blocks"].as_array().into_iter().flatten();
    let texts = blocks.flat_map(|block| {
        let elements = block["elements"].as_array().into_iter().flatten();
        [&block["text"]].into_iter().chain(elements).filter_map(|part| part["text"].as_str())
    });
    let lines: Vec<&str> = texts.collect();
    text::unescape(&if lines.is_empty() { text.to_owned() } else { lines.join("\n") })
}

/// Markdown as Slack spells it; what is Slack's own stays as it is written.
fn mrkdwn(rendered: &Rendered) -> String {
    let mut values = rendered.inserted.iter();
    let mut text = String::new();
    for piece in markdown::parse(&rendered.text) {
        match piece {
            Piece::Text(own) => text += &fill(own, &mut values, text::escape_slack),
            Piece::Open(mark) | Piece::Close(mark) => text += written(mark),
            Piece::Link { label, url } => {
                let label = fill(label, &mut values, text::escape_slack);
                let url = fill(url, &mut values, text::escape_slack).replace('|', "%7C");
                // In angle brackets, a URL that is not a link could be read as a mention.
                let link =
                    if markdown::is_link(&url) { format!("<{url}|{label}>") } else { format!("{label} ({url})") };
                text += &link;
            }
        }
    }
    text
}

fn written(mark: Mark) -> &'static str {
    match mark {
        Mark::Heading | Mark::Bold | Mark::Star => "*",
        Mark::Underscore => "_",
        Mark::Strike => "~",
        Mark::Code => "`",
        Mark::Block => "```",
    }
}

/// The text, for notifications and simple readers, and the same as blocks.
fn blocks(failure: &Failure) -> Value {
    let Failure { text, task, pipeline, error, facts, more } = failure;
    let section = format!("❌ *{task}* ({pipeline}) failed\n{}", text::escape_slack(error));
    let facts = facts.each_ref().map(|(name, value)| format!("{name} `{value}`")).join("   ");
    let context = |text: &str| json!({"type": "context", "elements": [{"type": "mrkdwn", "text": text}]});
    json!({
        "text": text::fit_slack(mrkdwn(text), MAX_TEXT),
        "blocks": [
            {"type": "section", "text": {"type": "mrkdwn", "text": text::fit_slack(section, MAX_SECTION)}},
            context(&facts),
            context(&format!("More: `{more}`")),
        ],
    })
}

#[cfg(test)]
mod tests {
    use protocol::template::HOLE;

    use super::*;

    fn shown(text: &str, values: &[&str]) -> String {
        mrkdwn(&Rendered { text: text.to_owned(), inserted: values.iter().map(|&value| value.to_owned()).collect() })
    }

    #[test]
    fn markdown_becomes_slacks_own_and_what_is_slacks_own_stays() {
        for (markdown, expected) in [
            ("Stand-up in five minutes", "Stand-up in five minutes"),
            (":white_check_mark: *up* _now_ ~not~ <!here> <https://a.example|b>", ""),
            ("# Report\n**3** ~~old~~ new", "*Report*\n*3* ~old~ new"),
            ("see [the *log*](https://a.example/?b&c)", "see <https://a.example/?b&c|the *log*>"),
            ("```python\nx = 2 ** 3 ** 4\n``` and `**`", ""),
            ("* one\n* two\n1. *a*", ""),
        ] {
            let expected = if expected.is_empty() { markdown } else { expected };
            assert_eq!(shown(markdown, &[]), expected);
        }
    }

    #[test]
    fn what_was_inserted_stays_text() {
        let text = format!("**{HOLE}** [{HOLE}]({HOLE}) [b]({HOLE})");
        let values = ["**<!here>**", "[a](https://a.example)", "https://b.example/?c|d", "!channel"];
        let expected = "***&lt;!here&gt;*** <https://b.example/?c%7Cd|[a](https://a.example)> b (!channel)";
        assert_eq!(shown(&text, &values), expected);
    }
}
