//! Telegram bots. <https://core.telegram.org/bots/api#sendmessage>

use protocol::{Body, SecretKey};
use reqwest::{Method, RequestBuilder};
use serde_json::{Value, json};
use url::Url;

use super::notice::{Failure, Notice};
use crate::http::{Http, Invalid};
use crate::markdown::{self, Mark, Run};
use crate::secrets::Secrets;
use crate::text;

/// Telegram's public Bot API, used unless another server is configured.
pub(crate) const API: &str = "https://api.telegram.org";

/// UTF-16 units of a message at most, without its markup.
const MAX_TEXT: usize = 4_096;

/// UTF-16 units of an error at most, so that what comes after it is not cut off.
const MAX_ERROR: usize = 3_000;

/// A chat, as a request names it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Place<'a> {
    pub(super) api: &'a str,
    pub(super) token: &'a SecretKey,
    pub(super) chat: &'a str,
    pub(super) thread: Option<i64>,
}

pub(super) fn body(notice: &Notice) -> Body {
    let runs = match notice {
        Notice::Text(text) => markdown::runs(text),
        Notice::Failure(failure) => runs(failure),
    };
    Body::Text(html(&text::fit_runs(runs, MAX_TEXT, char::len_utf16)))
}

pub(super) fn request(
    http: &Http,
    place: Place<'_>,
    body: &Body,
    secrets: &Secrets,
) -> Result<RequestBuilder, Invalid> {
    let mut url = Url::parse(place.api)?;
    let token = secrets.get(place.token)?.expose();
    if let Ok(mut path) = url.path_segments_mut() {
        path.pop_if_empty().extend([&format!("bot{token}"), "sendMessage"]);
    }
    Ok(http.request(Method::POST, url)?.json(&payload(place.chat, place.thread, body)))
}

pub(super) fn payload(chat: &str, thread: Option<i64>, body: &Body) -> Value {
    let mut message = match body {
        Body::Text(html) => json!({"text": html, "parse_mode": "HTML"}),
        Body::Rich(message) => message.clone(),
        Body::Result(result) => json!(result),
    };
    message["chat_id"] = json!(chat);
    if let Some(thread) = thread {
        message["message_thread_id"] = json!(thread);
    }
    message
}

/// The text without its tags.
pub(super) fn readable(payload: &Value) -> String {
    let html = payload["text"].as_str().unwrap_or_default();
    // Text between tags contains no `<`, since it is escaped.
    let texts = html.split('<').enumerate().map(|(number, part)| match part.split_once('>') {
        Some((_, text)) if number > 0 => text,
        Some(_) | None => part,
    });
    text::unescape(&texts.collect::<String>())
}

fn runs(failure: &Failure) -> Vec<Run> {
    let Failure { text: _, task, pipeline, error, facts, more } = failure;
    let error = text::fit_runs(vec![Run::new(error, None)], MAX_ERROR, char::len_utf16);
    let facts = facts.iter().flat_map(|(name, value)| {
        [Run::new(format!("{name} "), None), Run::new(value, Some(Mark::Code)), Run::new("  ", None)]
    });
    [Run::new("❌ ", None), Run::new(task, Some(Mark::Bold)), Run::new(format!(" ({pipeline}) failed: "), None)]
        .into_iter()
        .chain(error)
        .chain([Run::new("\n", None)])
        .chain(facts)
        .chain([Run::new("\nMore: ", None), Run::new(more, Some(Mark::Code))])
        .collect()
}

/// Runs as HTML. <https://core.telegram.org/bots/api#html-style>
fn html(runs: &[Run]) -> String {
    runs.iter().map(element).collect()
}

fn element(run: &Run) -> String {
    let Run { text, marks, link } = run;
    let text = escape(text);
    // Code stands alone: Telegram does not let it be part of anything.
    if let Some(code) = marks.iter().find(|mark| matches!(mark, Mark::Code | Mark::Block)) {
        return wrap(&text, *code);
    }
    let text = match link {
        Some(url) => format!("<a href=\"{}\">{text}</a>", escape(url)),
        None => text,
    };
    marks.iter().rev().fold(text, |text, mark| wrap(&text, *mark))
}

fn wrap(text: &str, mark: Mark) -> String {
    let tag = match mark {
        // A single `*` is bold in Telegram's own markdown.
        Mark::Heading | Mark::Bold | Mark::Star => "b",
        Mark::Underscore => "i",
        Mark::Strike => "s",
        Mark::Code => "code",
        Mark::Block => "pre",
    };
    format!("<{tag}>{text}</{tag}>")
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use protocol::template::{HOLE, Rendered};

    use super::*;

    fn shown(text: &str, values: &[&str]) -> String {
        let inserted = values.iter().map(|&value| value.to_owned()).collect();
        match body(&Notice::Text(Rendered { text: text.to_owned(), inserted })) {
            Body::Text(html) => html,
            other @ (Body::Rich(_) | Body::Result(_)) => panic!("{other:?}"),
        }
    }

    #[test]
    fn markdown_becomes_html_and_all_else_text() {
        for (markdown, html) in [
            ("Stand-up in five minutes", "Stand-up in five minutes"),
            ("**a** *b* _c_ ~~d~~ `e<f`", "<b>a</b> <b>b</b> <i>c</i> <s>d</s> <code>e&lt;f</code>"),
            ("# A\n[b](https://c.example/?d&e)", "<b>A</b>\n<a href=\"https://c.example/?d&amp;e\">b</a>"),
            ("**a _b_ `c`**", "<b>a </b><b><i>b</i></b><b> </b><code>c</code>"),
            ("```sh\nls -l\n```", "<pre>ls -l</pre>"),
            ("<b>a</b> & <script>", "&lt;b&gt;a&lt;/b&gt; &amp; &lt;script&gt;"),
        ] {
            assert_eq!(shown(markdown, &[]), html);
        }
        let forged = shown(&format!("**{HOLE}**"), &["**</b><a href=\"x\">"]);
        assert_eq!(forged, "<b>**&lt;/b&gt;&lt;a href=&quot;x&quot;&gt;</b>");
    }

    #[test]
    fn text_is_cut_before_it_is_marked_up() {
        let html = shown(&format!("**{}** b", "😀".repeat(3_000)), &[]);
        let inner = html.strip_prefix("<b>").unwrap().strip_suffix("…</b>").unwrap();
        assert_eq!(inner.encode_utf16().count(), 4_094);
    }
}
