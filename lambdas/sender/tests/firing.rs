//! A firing from the event to the queue.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, SystemTime};

use fake::{Answer, Aws};
use function::Queue;
use lambda_runtime::Diagnostic;
use serde_json::{Value, json};

fn event() -> Value {
    let task = |name: &str| json!({"name": name, "action": "message", "timeoutSeconds": 10, "attempts": 1, "backoffSeconds": 30});
    json!({
        "scheduleArn": "arn:aws:scheduler:eu-west-1:111122223333:schedule/a/a", "scheduledTime": "2026-01-01T09:00:00Z",
        "pipeline": {"namespace": "default", "name": "p"}, "tasks": (0..12).map(|at| task(&format!("t{at}"))).collect::<Vec<_>>(),
    })
}

fn deadline() -> SystemTime {
    SystemTime::now() + Duration::from_secs(3)
}

#[tokio::test]
async fn a_firing_handed_over_twice_gives_the_same_ids() {
    let aws = Aws::start().await;
    let queue = Queue::new(&aws.config(function::defaults()).await, "https://sqs/tasks.fifo".into());
    for _ in 0..2 {
        let sent = sender::handle(&queue, event(), deadline()).await.unwrap();
        assert_eq!(serde_json::to_value(sent).unwrap()["sent"], 12);
    }
    let ids: Vec<_> = aws.sent().iter().map(|entry| entry["MessageDeduplicationId"].clone()).collect();
    assert_eq!(ids.len(), 24);
    let of = |half: &[Value]| half.iter().map(Value::to_string).collect::<std::collections::BTreeSet<_>>();
    assert_eq!(of(&ids[..12]), of(&ids[12..]));
    assert_eq!(of(&ids).len(), 12);
}

#[tokio::test]
async fn a_queue_that_does_not_answer_fails_the_invocation_with_all_that_is_lost() {
    let aws = Aws::start_with(|_, _| Some(Answer::new(503, "{}"))).await;
    let queue = Queue::new(&aws.config(function::defaults()).await, "https://sqs/tasks".into());
    let error = sender::handle(&queue, event(), deadline()).await.unwrap_err();
    let diagnostic = Diagnostic::from(error);
    assert_eq!(diagnostic.error_type, "Unsent");
    assert!(diagnostic.error_message.contains("12 not accepted by the queue"), "{}", diagnostic.error_message);
    assert!(diagnostic.error_message.contains("/t11`"), "{}", diagnostic.error_message);
}

#[tokio::test]
async fn a_firing_that_was_sent_in_part_is_completed_and_nothing_of_it_is_repeated() {
    let calls = AtomicUsize::new(0);
    let aws = Aws::start_with(move |_, input| {
        // The second batch, of two, is refused once.
        let refused = input["Entries"].as_array().unwrap().iter().filter(|_| calls.load(Ordering::Relaxed) == 0);
        let refused: Vec<_> =
            refused.map(|entry| json!({"Id": entry["Id"], "Code": "No", "SenderFault": true})).collect();
        (refused.len() == 2).then(|| {
            calls.fetch_add(1, Ordering::Relaxed);
            Answer::new(200, json!({"Successful": [], "Failed": refused}).to_string())
        })
    })
    .await;
    let queue = Queue::new(&aws.config(function::defaults()).await, "https://sqs/tasks".into());
    assert!(sender::handle(&queue, event(), deadline()).await.is_err());
    assert_eq!(aws.sent().len(), 10);
    sender::handle(&queue, event(), deadline()).await.unwrap();
    let tasks: BTreeSet<_> = aws.messages().iter().map(|message| message["task"]["name"].to_string()).collect();
    assert_eq!((aws.sent().len(), tasks.len()), (12, 12));

    sender::handle(&queue, event(), deadline()).await.unwrap();
    assert_eq!(aws.sent().len(), 24, "only what failed is remembered");
}

#[tokio::test]
async fn the_operator_hears_what_was_fired_and_what_did_not_get_to_the_queue() {
    for (status, unsent) in [(200, false), (503, true)] {
        let aws = Aws::start_with(move |operation, _| {
            (operation == "SendMessageBatch" && status != 200).then(|| Answer::new(status, "{}"))
        })
        .await;
        let queue = Queue::new(&aws.config(function::defaults()).await, "https://sqs/tasks".into())
            .reporting_to("https://sqs/inbox".into());
        let result = sender::handle(&queue, event(), deadline()).await;
        assert_eq!(result.is_err(), unsent);
        let reports = aws.reports();
        let [report] = &reports[..] else { panic!("{reports:?}") };
        let fired = &report["news"][0];
        assert_eq!((&report["tasks"], &report["trigger"]), (&json!(12), &json!("Schedule")));
        assert_eq!((&fired["kind"], &fired["tasks"][11]), (&json!("fired"), &json!("t11")));
        assert_eq!(fired["unsent"].is_string(), unsent, "{fired}");
    }
}

#[tokio::test]
async fn an_inbox_that_does_not_answer_is_no_failure() {
    let late = Duration::from_mins(1);
    let aws =
        Aws::start_with(move |operation, _| (operation == "SendMessage").then(|| Answer::new(200, "{}").after(late)))
            .await;
    let queue = Queue::new(&aws.config(function::defaults()).await, "https://sqs/tasks".into())
        .reporting_to("https://sqs/inbox".into());
    let began = SystemTime::now();
    sender::handle(&queue, event(), deadline()).await.unwrap();
    assert!(began.elapsed().unwrap() < Duration::from_secs(3), "two seconds are all that a report may take");
    assert_eq!(aws.sent().len(), 12);
}
