//! Dead letters: what lies in a pipeline's two dead-letter queues, why, and as what it gets on its way again.

use jiff::Timestamp;
use protocol::sqs::escape_refused;
use protocol::{Delivery, Firing, Message, Run};
use serde::Serialize;
use serde_json::Value;

/// Which dead-letter queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Origin {
    /// `tasks-dlq`: what the runner received too often.
    Tasks,
    /// `undelivered-dlq`: firings that did not get as far as the tasks' queue.
    Undelivered,
}

impl Origin {
    /// Its name for people.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Tasks => "tasks",
            Self::Undelivered => "undelivered",
        }
    }
}

/// A message as SQS hands it over.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Received {
    /// SQS's id of it.
    pub id: String,
    /// What it is deleted by.
    pub receipt: String,
    /// The text.
    pub body: String,
    /// When it was sent first.
    pub sent: Option<Timestamp>,
    /// Its group, on a FIFO queue.
    pub group: Option<String>,
    /// What EventBridge Scheduler says of its failure.
    pub error: Option<String>,
}

/// A dead letter, as it is shown.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct DeadLetter {
    /// SQS's id of the message.
    pub id: String,
    /// Where it lies.
    pub queue: Origin,
    /// What it is: a task, a delivery, a firing.
    pub what: String,
    /// The run that it belongs to, where it says so.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub run: Option<String>,
    /// When it was sent first.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sent: Option<Timestamp>,
    /// Why it is here.
    pub why: String,
    /// Its text, parsed where it is JSON.
    pub body: Value,
}

impl DeadLetter {
    /// Reads a message of a dead-letter queue.
    pub fn of(queue: Origin, message: &Received) -> Self {
        let Told { what, run, why } = match queue {
            Origin::Tasks => told_by_work(&message.body),
            Origin::Undelivered => told_by_firing(message),
        };
        let body = serde_json::from_str(&message.body).unwrap_or_else(|_| Value::String(message.body.clone()));
        Self { id: message.id.clone(), queue, what, run, sent: message.sent, why, body }
    }
}

/// What a message tells of itself.
struct Told {
    what: String,
    run: Option<String>,
    why: String,
}

fn told_by_work(body: &str) -> Told {
    let (what, run, why) = match serde_json::from_str(body) {
        Ok(Message::Run(Run { run_id, task, .. })) => {
            let why = "received too often without a result: Lambda had no room for the runner, or the runner did not \
                       start, was stopped or lacks a permission; see its log";
            (format!("task {}", task.name), Some(run_id), why.to_owned())
        }
        Ok(Message::Deliver(Delivery { run_id, task, channel, gave_up, .. })) => {
            let why =
                gave_up.unwrap_or_else(|| "not delivered in any of its attempts; see the runner's log".to_owned());
            (format!("delivery {task} to {}", channel.name), Some(run_id), why)
        }
        Err(error) => ("message".to_owned(), None, format!("the runner cannot read it: {error}")),
    };
    Told { what, run, why }
}

fn told_by_firing(message: &Received) -> Told {
    let body: Value = serde_json::from_str(&message.body).unwrap_or_default();
    let firing: Option<Firing> = firing(&message.body).and_then(|firing| serde_json::from_str(&firing).ok());
    let (what, run) = match firing {
        Some(firing) => (format!("firing of {}", firing.scheduled_time), Some(firing.run_id())),
        None => ("firing".to_owned(), None),
    };
    let by_sender = body.pointer("/responsePayload/errorMessage").and_then(Value::as_str);
    let by_lambda = body.pointer("/requestContext/condition").and_then(Value::as_str);
    let why = match (message.error.as_deref(), by_sender.or(by_lambda)) {
        (Some(error), _) => format!("EventBridge Scheduler could not hand it to the sender: {error}"),
        (None, Some(error)) => format!("the sender failed: {error}"),
        (None, None) => "EventBridge Scheduler could not hand it to the sender".to_owned(),
    };
    Told { what, run, why }
}

/// The event that the sender did not get, or failed with: as Scheduler leaves it, or in Lambda's record of a failure.
/// <https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-retain-records.html>
pub fn firing(body: &str) -> Option<String> {
    let body: Value = serde_json::from_str(body).ok()?;
    let is_record = body.get("requestContext").is_some();
    let event = if is_record { body.get("requestPayload")? } else { &body };
    event.is_object().then(|| event.to_string())
}

/// A message of the tasks' queue as it was before it was given up.
pub fn revived(body: &str) -> String {
    match serde_json::from_str(body) {
        Ok(Message::Deliver(delivery)) => {
            let delivery = Message::Deliver(Delivery { gave_up: None, not_before: None, ..delivery });
            let json = serde_json::to_string(&delivery).unwrap_or_else(|_| body.to_owned());
            escape_refused(json)
        }
        Ok(Message::Run(_)) | Err(_) => body.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn delivery(gave_up: Option<&str>) -> Value {
        json!({
            "kind": "deliver", "runId": "r", "scheduledTime": "2026-01-01T09:00:00Z", "trigger": "Schedule", "tasks": 1,
            "task": "t", "pipeline": {"namespace": "default", "name": "p"},
            "channel": {"name": "team", "target": {"slack": {"url": "k"}}}, "body": {"text": "hello"},
            "notBefore": "2026-01-01T09:00:00Z", "gaveUp": gave_up,
        })
    }

    fn told(queue: Origin, body: &Value, error: Option<&str>) -> (String, Option<String>, String) {
        let error = error.map(str::to_owned);
        let letter = DeadLetter::of(queue, &Received { body: body.to_string(), error, ..Received::default() });
        (letter.what, letter.run, letter.why)
    }

    #[test]
    fn a_dead_letter_tells_what_it_is_and_why_it_is_one() {
        let (what, run, why) = told(Origin::Tasks, &delivery(Some("HTTP 404 Not Found")), None);
        assert_eq!((&*what, run.as_deref(), &*why), ("delivery t to team", Some("r"), "HTTP 404 Not Found"));
        let (what, run, why) = told(Origin::Tasks, &json!({"kind": "odd"}), None);
        assert_eq!((&*what, run), ("message", None));
        assert!(why.starts_with("the runner cannot read it: unknown variant `odd`"), "{why}");

        let firing = json!({
            "scheduleArn": "arn", "scheduledTime": "2026-01-01T09:00:00Z", "tasks": [],
            "pipeline": {"namespace": "default", "name": "p"},
        });
        let (what, run, why) = told(Origin::Undelivered, &firing, Some("LambdaServiceException: no"));
        assert_eq!((&*what, run.unwrap().len()), ("firing of 2026-01-01T09:00:00Z", 16));
        assert_eq!(why, "EventBridge Scheduler could not hand it to the sender: LambdaServiceException: no");
        let record = json!({
            "requestContext": {"condition": "RetriesExhausted"}, "requestPayload": firing,
            "responsePayload": {"errorMessage": "the queue is gone"},
        });
        let (what, _, why) = told(Origin::Undelivered, &record, None);
        assert_eq!((&*what, &*why), ("firing of 2026-01-01T09:00:00Z", "the sender failed: the queue is gone"));
    }

    #[test]
    fn what_was_given_up_is_revived_and_all_else_stays_as_it_is() {
        let revived_body: Value = serde_json::from_str(&revived(&delivery(Some("no")).to_string())).unwrap();
        let mut expected = delivery(None);
        for key in ["gaveUp", "notBefore"] {
            expected.as_object_mut().unwrap().remove(key);
        }
        assert_eq!(revived_body, expected);
        assert_eq!(revived("no JSON"), "no JSON");
    }

    #[test]
    fn the_event_is_found_in_both_forms() {
        assert_eq!(firing(r#"{"a": 1}"#).as_deref(), Some(r#"{"a":1}"#));
        assert_eq!(firing(r#"{"requestContext": {}, "requestPayload": {"a": 1}}"#).as_deref(), Some(r#"{"a":1}"#));
        for nothing in ["no JSON", "[]", r#"{"requestContext": {}}"#] {
            assert_eq!(firing(nothing), None, "{nothing}");
        }
    }
}
