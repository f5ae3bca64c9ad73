//! Function tasks: what a function gets, and what becomes of what it returns or raises.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use fake::{Answer, Aws};
use serde_json::{Value, json};

#[cfg(target_os = "linux")]
use crate::support::probed_within;
use crate::support::{Stage, run, stage_with, webhook};

/// The log of a Python function that raised, as Lambda hands it over: Base64.
const LOG: &str = "U1RBUlQgUmVxdWVzdElkOiAxCltFUlJPUl0gVmFsdWVFcnJvcjogbm8gZGF5CkVORCBSZXF1ZXN0SWQ6IDEK";

/// A runner whose function answers so, to the n-th call, and the events that it got.
async fn stage_of(answer: impl Fn(usize) -> Answer + Send + Sync + 'static) -> (Stage, Arc<Mutex<Vec<Value>>>) {
    let events = Arc::new(Mutex::new(Vec::new()));
    let calls = AtomicUsize::new(0);
    let seen = Arc::clone(&events);
    let aws = Aws::start_with(move |operation, event| {
        (operation == "Invoke").then(|| {
            seen.lock().unwrap().push(event.clone());
            answer(calls.fetch_add(1, Ordering::Relaxed))
        })
    })
    .await;
    (stage_with("tasks", aws, None, |_| Answer::new(200, "")).await, events)
}

fn call(stage: &Stage, task: &Value) -> Value {
    let mut all = json!({"action": {"function": {"name": "a-fn-report"}}});
    all.as_object_mut().unwrap().extend(task.as_object().unwrap().clone());
    run(all, webhook(stage))
}

#[tokio::test]
async fn a_function_gets_its_task_and_what_it_returns_is_the_result() {
    let (stage, events) = stage_of(|_| Answer::new(200, r#"{"rows": [1, 2]}"#)).await;
    assert!(stage.is_done(call(&stage, &json!({"input": {"days": 7}, "attempts": 3})), 2).await);
    let expected = json!({
        "input": {"days": 7}, "scheduledTime": "2026-01-01T09:00:00Z", "runId": "r", "attempt": 2, "pipeline": "p",
        "task": "t",
    });
    assert_eq!(*events.lock().unwrap(), [expected]);
    let result = &stage.posts()[0];
    assert_eq!((&result["status"], &result["json"]["rows"][1]), (&json!("Succeeded"), &json!(2)));
}

#[tokio::test]
async fn what_a_function_raises_is_the_error_with_its_last_lines() {
    let (stage, _) = stage_of(|_| {
        let answer = Answer::new(200, r#"{"errorType": "ValueError", "errorMessage": "no day"}"#);
        answer.header("x-amz-function-error", "Unhandled").header("x-amz-log-result", LOG)
    })
    .await;
    assert!(stage.is_done(call(&stage, &json!({})), 1).await);
    let result = &stage.posts()[0];
    assert_eq!(result["status"], "Failed");
    assert_eq!(result["error"], "ValueError: no day\n[ERROR] ValueError: no day");
}

#[tokio::test]
async fn what_takes_too_long_has_failed() {
    let (stage, _) = stage_of(|_| Answer::new(200, "1").after(Duration::from_mins(1))).await;
    assert!(stage.is_done(call(&stage, &json!({"timeoutSeconds": 1})), 1).await);
    assert_eq!(stage.posts()[0]["error"], "timed out after 1 s");
}

/// Longer than any other call to AWS may take.
#[tokio::test]
async fn a_function_has_as_long_as_its_task() {
    let (stage, events) = stage_of(|_| Answer::new(200, "1").after(Duration::from_secs(16))).await;
    assert!(stage.is_done(call(&stage, &json!({"timeoutSeconds": 30, "attempts": 2})), 1).await);
    assert_eq!((events.lock().unwrap().len(), &stage.posts()[0]["status"]), (1, &json!("Succeeded")));
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn tcp_probes_the_connection_to_a_function_that_works() {
    let (stage, _) = stage_of(|_| Answer::new(200, "1").after(Duration::from_secs(3))).await;
    let probed = probed_within(stage.aws.address().port());
    tokio::select! {
        done = stage.is_done(call(&stage, &json!({})), 1) => panic!("done ({done}), and no keep-alive was set"),
        probed = probed => assert!(probed <= Duration::from_mins(1), "{probed:?}"),
    }
}

/// A server that forgets connections that are idle, as those of a process that Lambda froze.
#[tokio::test]
async fn a_function_is_never_called_over_a_connection_that_was_idle_for_long() {
    let kept = Duration::from_secs(1);
    let aws = Aws::start_keeping(kept, |operation, _| (operation == "Invoke").then(|| Answer::new(200, "1"))).await;
    let stage = stage_with("tasks", aws, None, |_| Answer::new(200, "")).await;
    for _ in 0..2 {
        assert!(stage.is_done(call(&stage, &json!({"timeoutSeconds": 3})), 1).await);
        tokio::time::sleep(function::KEPT_IDLE + Duration::from_millis(300)).await;
    }
    assert_eq!(stage.posts().iter().map(|post| post["status"].clone()).collect::<Vec<_>>(), ["Succeeded"; 2]);
}

#[tokio::test]
async fn a_permission_that_does_not_count_yet_is_waited_for() {
    let denied =
        || Answer::new(403, json!({"message": "no"}).to_string()).header("x-amzn-errortype", "AccessDeniedException");
    let (stage, events) = stage_of(move |call| if call < 2 { denied() } else { Answer::new(200, "1") }).await;
    assert!(stage.is_done(call(&stage, &json!({})), 1).await);
    assert_eq!((events.lock().unwrap().len(), &stage.posts()[0]["status"]), (3, &json!("Succeeded")));
    let (stage, _) = stage_of(move |_| denied()).await;
    assert!(stage.is_done(call(&stage, &json!({"timeoutSeconds": 60})), 1).await);
    assert_eq!(stage.posts()[0]["error"], "cannot invoke the function: AccessDeniedException: no");
}

#[tokio::test]
async fn what_is_too_long_is_cut() {
    let (stage, _) = stage_of(|_| Answer::new(200, json!("é".repeat(150_000)).to_string())).await;
    assert!(stage.is_done(call(&stage, &json!({})), 1).await);
    let text = stage.posts()[0]["text"].as_str().unwrap().to_owned();
    assert!(text.len() <= 200_000 && text.ends_with("é…"), "{}", text.len());
}

#[tokio::test]
async fn a_busy_lambda_is_asked_again_and_a_failing_one_is_not() {
    let refusal = |status: u16, kind: &str| {
        Answer::new(status, json!({"message": "no"}).to_string()).header("x-amzn-errortype", kind)
    };
    let (stage, events) = stage_of(move |call| match call {
        0 => refusal(429, "TooManyRequestsException"),
        1 => refusal(409, "ResourceConflictException"),
        _ => Answer::new(200, "1"),
    })
    .await;
    assert!(stage.is_done(call(&stage, &json!({})), 1).await);
    assert_eq!((events.lock().unwrap().len(), &stage.posts()[0]["status"]), (3, &json!("Succeeded")));

    let (stage, events) = stage_of(move |_| refusal(500, "ServiceException")).await;
    assert!(stage.is_done(call(&stage, &json!({})), 1).await);
    assert_eq!(events.lock().unwrap().len(), 1, "the function may have run");
    assert_eq!(stage.posts()[0]["error"], "cannot invoke the function: ServiceException: no");
}
