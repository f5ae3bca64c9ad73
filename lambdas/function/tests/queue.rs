//! Sending, against something that answers like SQS.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use fake::{Answer, Aws};
use function::{Outgoing, Queue};
use protocol::{Action, Message, NotifyOn, PipelineRef, Report, Run, RunEvent, RunRef, Task, Trigger};
use serde_json::{Value, json};
use tokio::time::Instant;

fn run(name: &str) -> Outgoing {
    run_with_input(name, None)
}

fn run_with_input(name: &str, input: Option<Value>) -> Outgoing {
    let task = Task {
        name: name.into(),
        action: Action::Message,
        input,
        template: None,
        notify: Vec::new(),
        notify_on: NotifyOn::Always,
        timeout_seconds: 10,
        attempts: 1,
        backoff_seconds: 30,
    };
    Outgoing::new(&Message::Run(Run {
        position: 0,
        tasks: 1,
        run_id: "run".into(),
        scheduled_time: "2026-01-01T09:00:00Z".into(),
        trigger: Trigger::Schedule,
        pipeline: PipelineRef { namespace: "default".into(), name: "p".into() },
        parameter: None,
        task,
        channels: Vec::new(),
    }))
}

async fn queue(aws: &Aws, name: &str) -> Queue {
    Queue::new(&aws.config(function::defaults()).await, format!("https://sqs/{name}"))
}

fn soon() -> Instant {
    Instant::now() + Duration::from_secs(20)
}

fn counts(aws: &Aws) -> BTreeMap<String, usize> {
    let mut counts = BTreeMap::new();
    for message in aws.messages() {
        *counts.entry(message["task"]["name"].to_string()).or_default() += 1;
    }
    counts
}

fn failed(id: &Value, is_final: bool) -> Value {
    json!({"Id": id, "Code": "Refused", "Message": "not now", "SenderFault": is_final})
}

#[tokio::test]
async fn all_messages_arrive_once_in_batches_of_ten() {
    let aws = Aws::start().await;
    let messages = (0..25).map(|at| run(&format!("t{at}"))).collect();
    queue(&aws, "tasks").await.send(messages, soon()).await.unwrap();
    let counts = counts(&aws);
    assert_eq!(counts.len(), 25);
    assert!(counts.values().all(|count| *count == 1));
}

#[tokio::test]
async fn only_what_was_not_taken_is_sent_again() {
    let calls = AtomicUsize::new(0);
    let aws = Aws::start_with(move |_, input| match calls.fetch_add(1, Ordering::Relaxed) {
        0 => {
            let entries = input["Entries"].as_array().unwrap();
            let taken =
                entries[1..].iter().map(|entry| json!({"Id": entry["Id"], "MessageId": "m", "MD5OfMessageBody": ""}));
            let answer = json!({"Successful": taken.collect::<Vec<_>>(), "Failed": [failed(&entries[0]["Id"], false)]});
            Some(Answer::new(200, answer.to_string()))
        }
        1 => Some(Answer::new(500, json!({"__type": "InternalError"}).to_string())),
        _ => None,
    })
    .await;
    queue(&aws, "tasks").await.send(vec![run("a"), run("b")], soon()).await.unwrap();
    assert_eq!(counts(&aws), BTreeMap::from([("\"a\"".into(), 1)]));
}

#[tokio::test]
async fn what_is_refused_for_good_is_named_and_not_tried_again() {
    let aws = Aws::start_with(|_, input| {
        let failures: Vec<_> =
            input["Entries"].as_array().unwrap().iter().map(|entry| failed(&entry["Id"], true)).collect();
        Some(Answer::new(200, json!({"Successful": [], "Failed": failures}).to_string()))
    })
    .await;
    let error = queue(&aws, "tasks").await.send(vec![run("a"), run("b")], soon()).await.unwrap_err();
    assert_eq!(
        error.to_string(),
        "2 not accepted by the queue: `run/a` (Refused: not now), `run/b` (Refused: not now)"
    );
}

#[tokio::test]
async fn time_ends_the_trying() {
    let aws = Aws::start_with(|_, _| Some(Answer::new(500, "{}").after(Duration::from_mins(1)))).await;
    let until = Instant::now() + Duration::from_millis(300);
    let error = queue(&aws, "tasks").await.send(vec![run("a")], until).await.unwrap_err();
    assert_eq!(error.to_string(), "1 not accepted by the queue: `run/a` (no answer in time)");
}

#[tokio::test]
async fn a_fifo_queue_gets_groups_and_ids_and_a_standard_one_gets_delays() {
    let aws = Aws::start().await;
    let message = || run("a").after(Duration::from_hours(1));
    queue(&aws, "tasks.fifo").await.send(vec![message()], soon()).await.unwrap();
    queue(&aws, "tasks").await.send(vec![message()], soon()).await.unwrap();
    let [fifo, standard] = aws.sent().try_into().unwrap();
    assert_eq!((&fifo["MessageGroupId"], &fifo["MessageDeduplicationId"]), (&json!("task/a"), &json!("run/a")));
    assert_eq!(fifo["DelaySeconds"], Value::Null);
    assert_eq!((&standard["MessageGroupId"], &standard["DelaySeconds"]), (&Value::Null, &json!(900)));
}

#[tokio::test]
async fn characters_that_sqs_refuses_are_escaped_and_read_back_the_same() {
    let aws = Aws::start().await;
    let input = json!("\u{0}\u{fffe}\u{ffff}\u{10ffff}ä");
    queue(&aws, "tasks").await.send(vec![run_with_input("a", Some(input.clone()))], soon()).await.unwrap();
    let body = aws.sent()[0]["MessageBody"].as_str().unwrap().to_owned();
    assert!(!body.contains(['\u{0}', '\u{fffe}', '\u{ffff}']), "{body}");
    assert_eq!(aws.messages()[0]["task"]["input"], input);
}

#[tokio::test]
async fn warming_survives_a_refusal() {
    let aws = Aws::start_with(|_, _| Some(Answer::new(400, json!({"__type": "EmptyBatchRequest"}).to_string()))).await;
    queue(&aws, "tasks").await.warm().await;
    assert!(aws.sent().is_empty());
}

fn report(task: &str) -> Report {
    let run = RunRef { run_id: "run".into(), tasks: 1, ..RunRef::default() };
    let at = "2026-01-01T09:00:00Z".parse().expect("a time");
    let delivered = RunEvent::Delivered { at, task: task.into(), channel: "team".into() };
    Report { pipeline: PipelineRef { namespace: "default".into(), name: "p".into() }, run, events: vec![delivered] }
}

/// A queue whose server forgets connections that are idle for longer than a second, as while Lambda freezes a process.
async fn forgotten(aws: &Aws) -> Queue {
    queue(aws, "tasks").await.reporting_to("https://sqs/inbox".to_owned())
}

#[tokio::test]
async fn a_report_and_a_hiding_arrive_though_their_connection_had_died() {
    let aws = Aws::start_keeping(Duration::from_secs(1), |_, _| None).await;
    let queue = forgotten(&aws).await;
    queue.report(&report("a")).await;
    tokio::time::sleep(Duration::from_millis(1300)).await;
    queue.report(&report("b")).await;
    assert_eq!(aws.reports().len(), 2);
    tokio::time::sleep(Duration::from_millis(1300)).await;
    queue.hide("h", Duration::from_secs(30)).await.unwrap();
    assert_eq!(aws.hidden(), [("h".to_owned(), 30)]);
}

#[tokio::test]
async fn a_connection_that_was_idle_for_long_is_not_used_again() {
    let aws = Aws::start_keeping(Duration::from_secs(1), |_, _| None).await;
    let queue = forgotten(&aws).await;
    queue.report(&report("a")).await;
    tokio::time::sleep(function::KEPT_IDLE + Duration::from_millis(300)).await;
    let started = Instant::now();
    queue.report(&report("b")).await;
    assert!(started.elapsed() < Duration::from_millis(500), "{:?}", started.elapsed());
    assert_eq!(aws.reports().len(), 2);
}

#[tokio::test]
async fn a_report_that_is_never_taken_costs_two_seconds() {
    let aws = Aws::start_with(|_, _| Some(Answer::new(200, "{}").after(Duration::from_mins(1)))).await;
    let started = Instant::now();
    forgotten(&aws).await.report(&report("a")).await;
    let taken = started.elapsed();
    assert!(taken > Duration::from_millis(1900) && taken < Duration::from_secs(3), "{taken:?}");
}
