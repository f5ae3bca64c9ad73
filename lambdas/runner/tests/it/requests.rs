//! HTTP tasks: what is asked, what comes back, and what is refused.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use fake::{Answer, Aws, Server};
use serde_json::{Value, json};

use crate::support::{PARAMETER, Stage, http, run, stage, stage_with, webhook};

/// The result that the webhook got.
fn result(stage: &Stage) -> Value {
    let hook = stage.web.requests().into_iter().rfind(|request| request.path == "/hook").unwrap();
    serde_json::from_str(&hook.body).unwrap()
}

fn key() -> Value {
    json!([{"name": "X-Key", "value": {"secret": "key"}}])
}

#[tokio::test]
async fn an_answer_becomes_the_result() {
    let stage = stage(|_| Answer::new(200, r#"{"a": [1]}"#)).await;
    let headers = json!([{"name": "X-Plain", "value": {"plain": "p"}}, {"name": "X-Key", "value": {"secret": "key"}}]);
    stage.aws.put_parameter(PARAMETER, r#"{"key": "s3cret\n"}"#);
    let message = http(&stage, json!({"method": "POST", "body": "{ }", "headers": headers}));
    assert!(stage.is_done(message, 1).await);

    let asked = &stage.web.requests()[0];
    assert_eq!((asked.method.as_str(), asked.body.as_str()), ("POST", "{ }"));
    assert_eq!((asked.header("x-plain"), asked.header("x-key")), (Some("p"), Some("s3cret")));
    let result = result(&stage);
    assert_eq!((&result["status"], &result["json"]["a"][0]), (&json!("Succeeded"), &json!(1)));
    assert_eq!((&result["task"], &result["runId"], &result["attempt"]), (&json!("t"), &json!("r"), &json!(1)));
}

#[tokio::test]
async fn a_request_without_a_body_says_so_where_a_server_may_ask_for_it() {
    let stage = stage(|request| match request.path.as_str() {
        "/task" => Answer::new(307, "").header("location", "/next"),
        _ => Answer::new(200, ""),
    })
    .await;
    for (method, body, length) in [
        ("POST", Value::Null, Some("0")),
        ("POST", json!(""), Some("0")),
        ("PUT", Value::Null, Some("0")),
        ("PATCH", Value::Null, Some("0")),
        ("POST", json!("{}"), Some("2")),
        ("GET", Value::Null, None),
        ("DELETE", Value::Null, None),
    ] {
        let before = stage.web.requests().len();
        assert!(stage.is_done(http(&stage, json!({"method": method, "body": body})), 1).await);
        let asked = &stage.web.requests()[before..];
        let lengths: Vec<_> = asked[..2].iter().map(|request| request.header("content-length")).collect();
        assert_eq!(lengths, [length, length], "{method} with {body}, and where it is redirected to");
        let headers = asked[0].headers.iter().filter(|(name, _)| name == "content-length").count();
        assert_eq!(headers, length.iter().count(), "{method} with {body}");
    }
}

#[tokio::test]
async fn an_unexpected_answer_is_told_with_its_beginning_and_without_secrets() {
    let stage = stage(|request| match request.path.as_str() {
        "/task" => Answer::new(503, format!("no s3cret {}", "x".repeat(300))),
        _ => Answer::new(200, ""),
    })
    .await;
    stage.aws.put_parameter(PARAMETER, r#"{"key": "s3cret"}"#);
    assert!(stage.is_done(http(&stage, json!({"expectStatus": ["2xx", "404"], "headers": key()})), 1).await);
    let result = result(&stage);
    let error = result["error"].as_str().unwrap();
    assert!(error.starts_with("HTTP 503 Service Unavailable, expected 2xx, 404: no [redacted] xxx"), "{error}");
    assert!(error.ends_with("x…"), "{error}");
    assert!(!result.to_string().contains("s3cret"));
}

#[tokio::test]
async fn a_long_answer_is_cut() {
    let stage = stage(|_| Answer::new(200, "é".repeat(300_000))).await;
    assert!(stage.is_done(http(&stage, json!({})), 1).await);
    let result = result(&stage);
    let text = result["text"].as_str().unwrap();
    assert!(text.len() <= 200_000 && text.ends_with("é…"), "{}", text.len());
    assert_eq!(result["json"], Value::Null);
}

#[tokio::test]
async fn what_does_not_answer_in_time_has_failed() {
    let stage = stage(|request| match request.path.as_str() {
        "/task" => Answer::new(200, "").after(Duration::from_mins(1)),
        _ => Answer::new(200, ""),
    })
    .await;
    let mut message = http(&stage, json!({}));
    message["task"]["timeoutSeconds"] = json!(1);
    assert!(stage.is_done(message, 1).await);
    assert_eq!(result(&stage)["error"], "timed out after 1 s");
}

#[tokio::test]
async fn redirects_are_followed_but_secrets_stay_behind() {
    let other = Server::start(|_| Answer::new(200, "there")).await;
    let there = other.url("/there");
    let stage = stage(move |request| match request.path.as_str() {
        "/task" => Answer::new(302, "").header("location", "/next"),
        "/next" => Answer::new(307, "").header("location", there.clone()),
        _ => Answer::new(200, ""),
    })
    .await;
    stage.aws.put_parameter(PARAMETER, r#"{"key": "s3cret"}"#);
    let headers = json!([{"name": "X-Key", "value": {"secret": "key"}}, {"name": "X-Plain", "value": {"plain": "p"}}]);
    let message = http(&stage, json!({"method": "POST", "body": "b", "headers": headers}));
    assert!(stage.is_done(message, 1).await);

    let here = stage.web.requests();
    assert_eq!((here[1].method.as_str(), here[1].body.as_str(), here[1].header("x-key")), ("GET", "", Some("s3cret")));
    let [there] = other.requests().try_into().unwrap();
    assert_eq!((there.header("x-key"), there.header("x-plain")), (None, Some("p")));
    assert_eq!(result(&stage)["text"], "there");
}

#[tokio::test]
async fn a_redirect_that_is_expected_is_the_answer_and_endless_ones_fail() {
    let stage = stage(|request| match request.path.as_str() {
        "/hook" => Answer::new(200, ""),
        _ => Answer::new(302, "").header("location", "/task"),
    })
    .await;
    assert!(stage.is_done(http(&stage, json!({"expectStatus": ["302"]})), 1).await);
    assert_eq!(result(&stage)["status"], "Succeeded");
    assert!(stage.is_done(http(&stage, json!({})), 1).await);
    assert_eq!(result(&stage)["error"], "more than 5 redirects");
}

#[tokio::test]
async fn the_functions_own_surroundings_are_refused_also_after_a_redirect() {
    let runtime = Server::start(|_| Answer::new(200, "events")).await;
    let port = runtime.address().port();
    let targets = [
        format!("http://127.0.0.1:{port}/"),
        format!("http://localhost:{port}/"),
        format!("http://[::ffff:127.0.0.1]:{port}/"),
        "http://169.254.169.254/latest/meta-data".to_owned(),
    ];
    let redirects = targets.clone();
    let stage = stage_with("tasks", Aws::start().await, Some(port), move |request| {
        match request.path.strip_prefix("/to/").and_then(|at| at.parse::<usize>().ok()) {
            Some(at) => Answer::new(302, "").header("location", redirects[at].clone()),
            None => Answer::new(200, ""),
        }
    })
    .await;
    for (at, target) in targets.iter().enumerate() {
        for url in [target.clone(), stage.web.url(&format!("/to/{at}"))] {
            assert!(stage.is_done(http(&stage, json!({"url": url})), 1).await);
            let error = result(&stage)["error"].as_str().unwrap().to_owned();
            assert!(error.contains("is not allowed"), "{url}: {error}");
        }
    }
    let hook = json!([{"name": "hook", "target": {"webhook": {"url": {"plain": targets[1]}}}}]);
    assert!(stage.is_done(run(json!({}), hook), 1).await);
    assert!(stage.aws.dead_letters()[0]["gaveUp"].as_str().unwrap().contains("is not allowed"));
    assert!(runtime.requests().is_empty());
}

#[tokio::test]
async fn failed_attempts_wait_and_the_last_one_is_told() {
    let stage = stage(|request| Answer::new(if request.path == "/task" { 500 } else { 200 }, "")).await;
    let mut message = http(&stage, json!({}));
    message["task"]["attempts"] = json!(2);
    assert!(!stage.is_done(message.clone(), 1).await);
    assert_eq!(stage.aws.hidden(), [("h0".to_owned(), 30)]);
    assert_eq!(stage.web.requests().len(), 1);

    assert!(stage.is_done(message.clone(), 2).await);
    assert_eq!((&result(&stage)["attempt"], &result(&stage)["status"]), (&json!(2), &json!("Failed")));

    let asked = stage.web.requests().len();
    assert!(stage.is_done(message, 3).await);
    assert_eq!(stage.web.requests().len(), asked + 1, "only the webhook");
    assert_eq!(result(&stage)["error"], "the runner stopped, or could not start, at attempt 2");
}

#[tokio::test]
async fn results_that_nobody_asked_for_are_not_told() {
    let stage = stage(|_| Answer::new(200, "")).await;
    assert!(stage.is_done(run(json!({"notifyOn": "Failure"}), webhook(&stage)), 1).await);
    assert!(stage.web.requests().is_empty() && stage.aws.sent().is_empty());
}

#[tokio::test]
async fn a_header_that_changed_is_read_afresh() {
    let stage = stage(|request| match (request.path.as_str(), request.header("x-key")) {
        ("/task", Some("old")) => Answer::new(401, ""),
        _ => Answer::new(200, ""),
    })
    .await;
    stage.aws.put_parameter(PARAMETER, r#"{"key": "old"}"#);
    assert!(stage.is_done(http(&stage, json!({"headers": key()})), 1).await);
    assert_eq!(result(&stage)["status"], "Failed");
    assert_eq!(stage.web.requests().len(), 2, "the same question is not asked twice");

    stage.aws.put_parameter(PARAMETER, r#"{"key": "new"}"#);
    assert!(stage.is_done(http(&stage, json!({"headers": key()})), 1).await);
    assert_eq!(result(&stage)["status"], "Succeeded");
}

#[tokio::test]
async fn a_secret_across_the_cut_is_not_told_in_part() {
    let secret = "s3cret".repeat(100);
    let body = "x".repeat(203_800) + &secret;
    let echoes = secret.repeat(20) + &body[secret.len() * 20..];
    let stage =
        stage(move |request| Answer::new(200, if request.path == "/task" { echoes.as_str() } else { "" })).await;
    stage.aws.put_parameter(PARAMETER, json!({"key": secret}).to_string());
    assert!(stage.is_done(http(&stage, json!({"headers": key()})), 1).await);
    let result = result(&stage);
    let text = result["text"].as_str().unwrap();
    assert!(!text.contains("s3cret") && text.ends_with("x…"), "{}", &text[text.len() - 100..]);
}

#[tokio::test]
async fn deeply_nested_json_gets_through_the_queue() {
    for depth in [100, 127] {
        let json = "[".repeat(depth) + &"]".repeat(depth);
        let busy = AtomicBool::new(true);
        let stage = stage(move |request| match request.path.as_str() {
            "/task" => Answer::new(200, json.clone()),
            _ if busy.swap(false, Ordering::Relaxed) => Answer::new(503, ""),
            _ => Answer::new(200, ""),
        })
        .await;
        assert!(stage.is_done(http(&stage, json!({})), 1).await);
        let [mut delivery] = stage.aws.messages().try_into().unwrap();
        delivery.as_object_mut().unwrap().remove("notBefore");
        assert!(stage.is_done(delivery, 1).await);
        assert_eq!(result(&stage)["text"].as_str().unwrap().len(), 2 * depth);
    }
}

#[tokio::test]
async fn a_secret_that_the_role_may_not_read_yet_is_waited_for() {
    let is_first = AtomicBool::new(true);
    let aws = Aws::start_with(move |operation, _| {
        let denied = operation == "GetParameter" && is_first.swap(false, Ordering::Relaxed);
        denied.then(|| Answer::new(400, json!({"__type": "AccessDeniedException", "message": "no"}).to_string()))
    })
    .await;
    let stage = stage_with("tasks", aws, None, |_| Answer::new(200, "")).await;
    stage.aws.put_parameter(PARAMETER, json!({"key": "value-of-the-key"}).to_string());
    assert!(stage.is_done(http(&stage, json!({"headers": key()})), 1).await);
    assert_eq!(result(&stage)["status"], "Succeeded");
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn tcp_probes_the_connection_of_a_task_that_waits() {
    let stage = stage(|_| Answer::new(200, "").after(Duration::from_secs(3))).await;
    let probed = crate::support::probed_within(stage.web.address().port());
    tokio::select! {
        done = stage.is_done(http(&stage, json!({})), 1) => panic!("done ({done}), and no keep-alive was set"),
        probed = probed => assert!(probed <= Duration::from_mins(1), "{probed:?}"),
    }
}
