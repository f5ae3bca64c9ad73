//! Microsoft Teams, by webhooks of Workflows.
//! <https://learn.microsoft.com/en-us/microsoftteams/platform/webhooks-and-connectors/how-to/add-incoming-webhook>

use protocol::{Body, SecretKey};
use reqwest::{Method, RequestBuilder, StatusCode};
use serde_json::{Value, json};
use url::Url;

use super::answer::Meaning;
use super::notice::{Failure, Notice};
use crate::http::{Http, Invalid};
use crate::markdown::{self, Mark, Run};
use crate::secrets::Secrets;
use crate::text;

/// Maximum size of a message in bytes: 28 KB, with 1 KB taken as 1,000 bytes.
const MAX_MESSAGE: usize = 28_000;

/// Bytes of an error at most, so that what comes after it is not cut off.
const MAX_ERROR: usize = 20_000;

/// The text before the HTTP status in the answer of a webhook that answers 2xx to everything and reports failures as text.
const HIDDEN_STATUS: &str = "returned HTTP error ";

pub(super) fn body(notice: &Notice) -> Body {
    Body::Rich(match notice {
        Notice::Text(text) => within(markdown::runs(text), MAX_MESSAGE, |runs| card(&lines(runs))),
        Notice::Failure(failure) => {
            within(vec![Run::new(&failure.error, None)], MAX_ERROR, |error| card(&elements(failure, error)))
        }
    })
}

pub(super) fn request(http: &Http, url: &SecretKey, body: &Body, secrets: &Secrets) -> Result<RequestBuilder, Invalid> {
    let url = Url::parse(secrets.get(url)?.expose())?;
    Ok(http.request(Method::POST, url)?.json(&payload(body)))
}

pub(super) fn payload(body: &Body) -> Value {
    match body {
        Body::Rich(message) => message.clone(),
        Body::Text(text) => card(&lines(&[Run::new(text, None)])),
        Body::Result(result) => json!(result),
    }
}

/// What an answer of 2xx means.
pub(super) fn meaning(status: StatusCode, body: &str) -> Meaning {
    let hidden = body.split_once(HIDDEN_STATUS).and_then(|(_, rest)| rest.get(..3)?.parse().ok());
    Meaning::of(hidden.unwrap_or(status))
}

/// The texts of the card, one line each.
pub(super) fn readable(payload: &Value) -> String {
    let body = &payload["attachments"][0]["content"]["body"];
    let part = |value: &Value, key: &str| value[key].as_str().unwrap_or_default().to_owned();
    let lines = body.as_array().into_iter().flatten().flat_map(|element| {
        let inlines = element["inlines"].as_array().into_iter().flatten();
        let text = part(element, "text") + &inlines.map(|inline| part(inline, "text")).collect::<String>();
        let facts = element["facts"].as_array().into_iter().flatten();
        let facts = facts.map(|fact| format!("{}: {}", part(fact, "title"), part(fact, "value")));
        [text].into_iter().filter(|text| !text.is_empty()).chain(facts).collect::<Vec<_>>()
    });
    lines.collect::<Vec<_>>().join("\n")
}

/// The message for these runs, which are cut until it is within the limit.
fn within(runs: Vec<Run>, limit: usize, message: impl Fn(&[Run]) -> Value) -> Value {
    let mut room = limit;
    let mut runs = text::fit_runs(runs, room, char::len_utf8);
    loop {
        let message = message(&runs);
        if message.to_string().len() <= limit || room == 0 {
            return message;
        }
        // The overhead of JSON and card elements is not known beforehand, so the size is found by trying.
        room = room * 3 / 4;
        runs = text::fit_runs(runs, room, char::len_utf8);
    }
}

fn card(body: &[Value]) -> Value {
    json!({
        "type": "message",
        "attachments": [{
            "contentType": "application/vnd.microsoft.card.adaptive",
            "content": {
                "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
                "type": "AdaptiveCard",
                "version": "1.4",
                "msteams": {"width": "Full"},
                "body": body,
            },
        }],
    })
}

fn elements(failure: &Failure, error: &[Run]) -> Vec<Value> {
    let Failure { text: _, task, pipeline, error: _, facts, more } = failure;
    let title = json!({
        "type": "TextBlock", "text": format!("❌ {task} ({pipeline}) failed"), "wrap": true, "weight": "Bolder",
        "color": "Attention",
    });
    let facts = facts.each_ref().map(|(title, value)| json!({"title": title, "value": value}));
    let mut elements = vec![title];
    elements.extend(lines(error));
    elements.push(json!({"type": "FactSet", "facts": facts}));
    elements.extend(lines(&[Run::new("More: ", None), Run::new(more, Some(Mark::Code))]));
    elements
}

/// A block for each line, since not every Teams shows line breaks within one. Blocks of runs, unlike those of text, are
/// not read as markdown, so nothing needs to be escaped.
fn lines(runs: &[Run]) -> Vec<Value> {
    let mut lines: Vec<Vec<Value>> = vec![Vec::new()];
    for run in runs {
        for (number, text) in run.text.split('\n').enumerate() {
            if number > 0 {
                lines.push(Vec::new());
            }
            if let Some(line) = lines.last_mut().filter(|_| !text.is_empty()) {
                line.push(inline(text, run));
            }
        }
    }
    let mut blocks = Vec::new();
    let mut spacing = "Default";
    for inlines in lines {
        if inlines.is_empty() {
            spacing = "Default";
            continue;
        }
        blocks.push(json!({"type": "RichTextBlock", "spacing": spacing, "inlines": inlines}));
        spacing = "None";
    }
    blocks
}

fn inline(text: &str, run: &Run) -> Value {
    let mut inline = json!({"type": "TextRun", "text": text});
    for mark in &run.marks {
        match mark {
            Mark::Heading | Mark::Bold => inline["weight"] = json!("Bolder"),
            // A single `*` is italic in the markdown of Teams.
            Mark::Star | Mark::Underscore => inline["italic"] = json!(true),
            Mark::Strike => inline["strikethrough"] = json!(true),
            Mark::Code | Mark::Block => inline["fontType"] = json!("Monospace"),
        }
    }
    if let Some(url) = &run.link {
        inline["selectAction"] = json!({"type": "Action.OpenUrl", "url": url});
    }
    inline
}

#[cfg(test)]
mod tests {
    use protocol::template::Rendered;

    use super::*;

    fn message(text: &str) -> Value {
        match body(&Notice::Text(Rendered { text: text.to_owned(), inserted: Vec::new() })) {
            Body::Rich(message) => message,
            other @ (Body::Text(_) | Body::Result(_)) => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_text_becomes_a_card_of_runs() {
        let shown = message("**a** [b](https://c.example)\n*d*\n\n`e`");
        let run = |text: &str, key: &str, value: Value| json!({"type": "TextRun", "text": text, key: value});
        let action = json!({"type": "Action.OpenUrl", "url": "https://c.example"});
        let block =
            |spacing: &str, inlines: Value| json!({"type": "RichTextBlock", "spacing": spacing, "inlines": inlines});
        let expected = json!([
            block(
                "Default",
                json!([
                    run("a", "weight", json!("Bolder")), {"type": "TextRun", "text": " "}, run("b", "selectAction", action)
                ])
            ),
            block("None", json!([run("d", "italic", json!(true))])),
            block("Default", json!([run("e", "fontType", json!("Monospace"))])),
        ]);
        assert_eq!(shown["attachments"][0]["content"]["body"], expected);
    }

    #[test]
    fn a_message_keeps_within_its_size_however_it_is_written() {
        for text in ["é".repeat(30_000), "\"".repeat(30_000), "\n a".repeat(9_000), "**a** ".repeat(5_000)] {
            let size = message(&text).to_string().len();
            assert!((MAX_MESSAGE / 2..=MAX_MESSAGE).contains(&size), "{size} for {}", &text[..4]);
        }
    }

    #[test]
    fn a_failure_that_is_told_in_words_is_one() {
        let ok = StatusCode::OK;
        let words =
            |code| format!("Webhook message delivery failed with error: Microsoft Teams endpoint {code} with …");
        assert_eq!(meaning(ok, "1"), Meaning::Delivered);
        assert_eq!(meaning(StatusCode::ACCEPTED, ""), Meaning::Delivered);
        assert_eq!(meaning(ok, &words("returned HTTP error 429")), Meaning::Later);
        assert_eq!(meaning(ok, &words("returned HTTP error 413")), Meaning::Never);
        assert_eq!(meaning(ok, &words("returned HTTP error é")), Meaning::Delivered);
    }
}
