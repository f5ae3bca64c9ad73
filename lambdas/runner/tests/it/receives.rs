//! Receives of a message in which nothing began, as Lambda had no room for the runner or for a function.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use fake::{Answer, Aws};
use serde_json::{Value, json};

use crate::support::{Stage, delivery, http, run, stage_hiding, webhook};

/// The queue's visibility timeout: six times the runner's timeout, as by default.
const VISIBILITY: Duration = Duration::from_secs(6 * 25);

/// The runner's timeout.
const LEFT: Duration = Duration::from_secs(25);

/// How long a message is hidden while its task is under way.
const AT_WORK: u64 = 30;

async fn stage(queue: &str, aws: Aws) -> Stage {
    stage_hiding(queue, Some(VISIBILITY), aws, None, |_| Answer::new(200, "")).await
}

/// Whether the n-th receive, so long after the first one, is the last.
async fn is_done(stage: &Stage, message: Value, receive: u32, since_first: Duration) -> bool {
    stage.receive_after(since_first, LEFT, &[(message, receive)]).await.is_empty()
}

#[tokio::test]
async fn a_task_that_lambda_had_no_room_for_is_run_all_the_same() {
    for queue in ["tasks", "tasks.fifo"] {
        for (receive, attempts) in [(2, 1), (7, 1), (4, 3)] {
            let stage = stage(queue, Aws::start().await).await;
            let mut task = http(&stage, json!({}));
            task["task"]["attempts"] = json!(attempts);
            assert!(is_done(&stage, task, receive, VISIBILITY * (receive - 1)).await);
            let result = &stage.posts_to("/hook")[0];
            assert_eq!((&result["status"], &result["attempt"]), (&json!("Succeeded"), &json!(attempts)));
        }
    }
}

#[tokio::test]
async fn a_task_that_the_runner_died_with_is_not_run_again() {
    let stage = stage("tasks", Aws::start().await).await;
    // Once Lambda had no room, and once the runner died.
    for (receive, since_first) in [(2, 0), (3, VISIBILITY.as_secs())] {
        let since_first = Duration::from_secs(since_first + AT_WORK + 20);
        assert!(is_done(&stage, http(&stage, json!({})), receive, since_first).await);
    }
    assert!(stage.web.requests().iter().all(|request| request.path == "/hook"));
    for result in stage.posts_to("/hook") {
        assert_eq!(result["error"], "the runner stopped, or could not start, at attempt 1");
    }
}

#[tokio::test]
async fn the_message_of_a_task_at_work_is_hidden_no_longer_than_that_can_last() {
    let stage = stage("tasks", Aws::start().await).await;
    assert!(is_done(&stage, http(&stage, json!({})), 1, Duration::ZERO).await);
    assert_eq!(stage.aws.hidden(), [("h0".to_owned(), AT_WORK)]);
    assert!(is_done(&stage, run(json!({}), json!([])), 1, Duration::ZERO).await);
    assert_eq!(stage.aws.hidden().len(), 1, "a message does nothing that could be done twice");
}

#[tokio::test]
async fn messages_behind_others_stay_hidden_as_if_nobody_had_touched_them() {
    let stage = stage("tasks", Aws::start().await).await;
    let task = || http(&stage, json!({}));
    let stays = stage.receive_within(LEFT, &[(task(), 1), (task(), 1), (task(), 1)]).await;
    assert!(stays.is_empty());
    let whole = VISIBILITY.as_secs();
    let hidden = [("h1", whole), ("h2", whole), ("h0", AT_WORK), ("h1", AT_WORK), ("h2", AT_WORK)];
    assert_eq!(stage.aws.hidden(), hidden.map(|(handle, time)| (handle.to_owned(), time)));
}

fn busy() -> Answer {
    let busy = Answer::new(429, json!({"message": "no"}).to_string());
    busy.header("x-amzn-errortype", "TooManyRequestsException")
}

#[tokio::test]
async fn a_function_that_lambda_has_no_room_for_is_not_begun_too_late_and_not_said_to_have_started() {
    let (begun, started) = (Arc::new(AtomicUsize::new(0)), Instant::now());
    let calls = Arc::clone(&begun);
    let aws = Aws::start_with(move |operation, _| {
        (operation == "Invoke").then(|| {
            if started.elapsed() < Duration::from_secs(5) {
                return busy();
            }
            calls.fetch_add(1, Ordering::Relaxed);
            Answer::new(200, "1")
        })
    })
    .await;
    let stage = stage("tasks", aws).await;
    let call = run(json!({"action": {"function": {"name": "f"}}, "timeoutSeconds": 10}), webhook(&stage));
    // Of these, nine are reserved for what comes after the task: half of the rest has to be left when it begins.
    let left = Duration::from_secs(9 + 7);
    assert_eq!(stage.receive_within(left, &[(call, 1)]).await, ["m0"]);
    assert_eq!(begun.load(Ordering::Relaxed), 0);
    assert_eq!(stage.aws.hidden().last(), Some(&("h0".to_owned(), VISIBILITY.as_secs())));
    assert!(stage.aws.reports().is_empty(), "{:?}", stage.aws.reports());
}

#[tokio::test]
async fn a_function_that_lambda_has_no_room_for_uses_up_no_attempt() {
    let aws = Aws::start_with(|operation, _| (operation == "Invoke").then(busy)).await;
    let stage = stage("tasks", aws).await;
    let call = || run(json!({"action": {"function": {"name": "f"}}, "timeoutSeconds": 1}), webhook(&stage));
    assert!(!is_done(&stage, call(), 1, Duration::ZERO).await);
    assert!(!is_done(&stage, call(), 2, VISIBILITY).await);
    let (at_work, whole) = (("h0".to_owned(), AT_WORK), ("h0".to_owned(), VISIBILITY.as_secs()));
    assert_eq!(stage.aws.hidden(), [at_work.clone(), whole.clone(), at_work, whole]);
    assert!(stage.posts_to("/hook").is_empty());
    assert!(is_done(&stage, call(), 25, VISIBILITY * 24).await, "in the end it is told");
    let result = &stage.posts_to("/hook")[0];
    assert_eq!(result["error"], "cannot invoke the function: TooManyRequestsException: no");
}

#[tokio::test]
async fn a_delivery_that_is_given_up_a_second_time_is_a_dead_letter_of_its_own() {
    let stage = stage("tasks.fifo", Aws::start().await).await;
    assert!(is_done(&stage, delivery(), 26, Duration::ZERO).await);
    let dead = &stage.aws.dead()[0];
    assert_eq!((&dead["MessageDeduplicationId"], &dead["MessageGroupId"]), (&json!("m0"), &json!("channel/chat")));
}
