//! Deliveries: at once, later, and never.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use fake::{Answer, Aws};
use serde_json::{Value, json};

use crate::support::{PARAMETER, Stage, delivery, delivery_to, run, slack, stage, stage_with};

fn put_chat(stage: &Stage, path: &str) {
    stage.aws.put_parameter(PARAMETER, json!({"chat": stage.web.url(path)}).to_string());
}

#[tokio::test]
async fn each_service_gets_its_own_form() {
    let stage = stage(|_| Answer::new(200, "ok")).await;
    put_chat(&stage, "/chat");
    let channels = json!([
        {"name": "slack", "target": {"slack": {"url": "chat"}}},
        {"name": "discord", "target": {"discord": {"url": "chat"}}},
        {"name": "hook", "target": {"webhook": {
            "url": {"secret": "chat"}, "headers": [{"name": "X-A", "value": {"plain": "a"}}]
        }}},
    ]);
    let task = json!({"template": "*{{ input.who }}*", "input": {"who": "<@U1> & *all*"}});
    assert!(stage.is_done(run(task, channels), 1).await);

    let posted = |key: &str| {
        let posts = stage.posts();
        let at = posts.iter().position(|post| post.get(key).is_some()).unwrap();
        (posts[at].clone(), stage.web.requests()[at].clone())
    };
    let slack = stage.posts().into_iter().find(|post| post.as_object().unwrap().len() == 1).unwrap();
    assert_eq!(slack, json!({"text": "*&lt;@U1&gt; &amp; *all**"}));
    let (discord, request) = posted("content");
    assert_eq!(discord, json!({"content": r"*\<@U1> & \*all\**", "allowed_mentions": {"parse": []}}));
    assert_eq!(request.path, "/chat?wait=true");
    let (hook, request) = posted("runId");
    assert_eq!((&hook["status"], request.header("x-a")), (&json!("Succeeded"), Some("a")));
    assert_eq!(stage.aws.parameter_reads(), 1, "read once for all");
    assert!(stage.aws.sent().is_empty());
}

/// A channel on Telegram, with a chat and a topic.
fn telegram() -> Value {
    json!({"name": "phone", "target": {"telegram": {"token": "bot", "chat": "@alerts", "thread": 7}}})
}

#[tokio::test]
async fn telegram_is_asked_by_its_bot_for_a_topic_of_a_chat() {
    let stage = stage(|_| Answer::new(200, r#"{"ok": true}"#)).await;
    stage.aws.put_parameter(PARAMETER, r#"{"bot": "12:a-b_C\n"}"#);
    assert!(stage.is_done(run(json!({"template": "**up** & well"}), json!([telegram()])), 1).await);
    assert_eq!(stage.web.requests()[0].path, "/telegram/bot12:a-b_C/sendMessage");
    let expected = json!({
        "text": "<b>up</b> &amp; well", "parse_mode": "HTML", "chat_id": "@alerts", "message_thread_id": 7,
    });
    assert_eq!(stage.posts(), [expected]);
}

#[tokio::test]
async fn each_services_own_answers_are_understood() {
    let teams = || json!({"name": "office", "target": {"teams": {"url": "chat"}}});
    let words = |code| {
        format!("Webhook message delivery failed with error: Microsoft Teams endpoint returned HTTP error {code}.")
    };
    let flood = r#"{"ok": false, "error_code": 429, "parameters": {"retry_after": 35}}"#.to_owned();
    let kicked = r#"{"ok": false, "error_code": 403, "description": "Forbidden: bot was kicked"}"#.to_owned();
    for (channel, status, answer, waits, gave_up) in [
        (telegram(), 429, flood, Some(35..=35), None),
        (telegram(), 403, kicked, None, Some("bot was kicked")),
        (teams(), 202, String::new(), None, None),
        (teams(), 200, "1".to_owned(), None, None),
        (teams(), 200, words(429), Some(0..=10), None),
        (teams(), 200, words(404), None, Some("HTTP error 404")),
    ] {
        let said = answer.clone();
        let stage = stage(move |_| Answer::new(status, &*answer)).await;
        stage.aws.put_parameter(PARAMETER, json!({"bot": "12:abc", "chat": stage.web.url("/chat")}).to_string());
        assert_eq!(stage.is_done(delivery_to(channel), 1).await, waits.is_none(), "{said}");
        assert_eq!(stage.aws.hidden().len(), usize::from(waits.is_some()), "{said}");
        assert!(stage.aws.hidden().iter().all(|(_, wait)| waits.as_ref().unwrap().contains(wait)), "{said}");
        let reasons: Vec<_> = stage.aws.dead_letters().iter().map(|message| message["gaveUp"].to_string()).collect();
        assert_eq!(reasons.len(), usize::from(gave_up.is_some()), "{said}");
        assert!(reasons.iter().all(|reason| reason.contains(gave_up.unwrap())), "{reasons:?}");
    }
}

#[tokio::test]
async fn a_bots_token_is_never_told() {
    let secret = "AAEhBOweik6ad9r_QXMENQjcrGbqCr4K";
    let stage = stage(|request| {
        let elsewhere = format!("/elsewhere{}", request.path);
        Answer::new(302, format!("moved to {elsewhere}")).header("location", elsewhere)
    })
    .await;
    stage.aws.put_parameter(PARAMETER, json!({"bot": format!("123456789:{secret}")}).to_string());
    assert!(stage.is_done(delivery_to(telegram()), 1).await);
    assert_eq!(stage.web.requests().len(), 1, "the redirect is not followed");
    let told = stage.aws.dead_letters()[0].to_string();
    assert!(told.contains("HTTP 302 Found: moved to /elsewhere/telegram/bot[redacted]/sendMessage"), "{told}");
    assert!(!told.contains(secret), "{told}");
}

#[tokio::test]
async fn a_busy_service_gets_its_message_later_and_the_task_is_not_run_again() {
    let stage = stage(|_| Answer::new(429, "").header("retry-after", "120")).await;
    put_chat(&stage, "/chat");
    assert!(stage.is_done(run(json!({"template": "hello"}), slack()), 1).await);
    let [message] = stage.aws.messages().try_into().unwrap();
    assert_eq!((&message["kind"], &message["body"]["text"]), (&json!("deliver"), &json!("hello")));
    assert_eq!((&message["gaveUp"], &message["channel"]), (&Value::Null, &slack()[0]));
    assert_eq!(stage.aws.sent()[0]["DelaySeconds"], 120);

    assert!(!stage.is_done(message, 1).await);
    assert_eq!(stage.aws.hidden(), [("h0".to_owned(), 120)]);
    assert_eq!(stage.aws.sent().len(), 1);
}

#[tokio::test]
async fn what_a_service_asks_for_is_kept_to_where_the_queue_knows_no_such_delay() {
    for (queue, asked) in [("tasks.fifo", 60), ("tasks", 3600)] {
        let busy = move |_: &_| Answer::new(429, "").header("retry-after", asked.to_string());
        let stage = stage_with(queue, Aws::start().await, None, busy).await;
        put_chat(&stage, "/chat");
        assert!(stage.is_done(run(json!({}), slack()), 1).await);
        let [message] = stage.aws.messages().try_into().unwrap();
        assert!(!stage.is_done(message, 1).await);
        assert_eq!(stage.web.requests().len(), 1, "not asked again before its time");
        let hidden = stage.aws.hidden()[0].1;
        assert!((asked - 5..=asked).contains(&hidden), "{hidden}");
    }
}

#[tokio::test]
async fn without_time_left_a_result_goes_to_the_queue_unposted() {
    let stage = stage(|_| Answer::new(200, "")).await;
    put_chat(&stage, "/chat");
    let message = run(json!({"template": "hello"}), slack());
    assert!(stage.receive_within(Duration::from_secs(9), &[(message, 1)]).await.is_empty());
    assert_eq!(stage.aws.messages()[0]["body"]["text"], "hello");
    assert!(stage.web.requests().is_empty());
}

#[tokio::test]
async fn a_final_answer_is_given_up_at_once_with_its_reason() {
    let stage = stage(|_| Answer::new(404, "no_service")).await;
    put_chat(&stage, "/chat");
    for message in [run(json!({}), slack()), delivery()] {
        assert!(stage.is_done(message, 1).await);
    }
    assert_eq!((stage.web.requests().len(), stage.aws.parameter_reads()), (2, 3), "read afresh once each");
    let letters = stage.aws.dead_letters();
    assert_eq!(letters.len(), 2);
    for letter in letters {
        assert_eq!((&letter["kind"], &letter["gaveUp"]), (&json!("deliver"), &json!("HTTP 404 Not Found: no_service")));
    }
    assert_eq!((stage.aws.sent().len(), stage.aws.hidden().len()), (0, 0), "no receive is wasted on it");
}

#[tokio::test]
async fn a_dead_letter_that_comes_back_is_tried_again() {
    let stage = stage(|_| Answer::new(200, "")).await;
    put_chat(&stage, "/chat");
    let mut letter = delivery();
    letter["gaveUp"] = json!("HTTP 404 Not Found: no_service");
    assert!(stage.is_done(letter, 1).await);
    assert_eq!((stage.posts().len(), stage.aws.dead_letters().len()), (1, 0));
}

#[tokio::test]
async fn a_url_that_changed_is_read_afresh() {
    let stage = stage(|request| Answer::new(if request.path == "/new" { 200 } else { 410 }, "")).await;
    put_chat(&stage, "/old");
    assert!(stage.is_done(delivery(), 1).await);
    assert_eq!(stage.aws.dead_letters()[0]["gaveUp"], "HTTP 410 Gone");

    put_chat(&stage, "/new");
    assert!(stage.is_done(delivery(), 1).await);
    assert_eq!(stage.aws.dead_letters().len(), 1, "nothing more is given up");
    assert_eq!(stage.web.requests().last().unwrap().path, "/new");
}

#[tokio::test]
async fn nothing_tells_the_url() {
    let stage = stage(|request| Answer::new(400, format!("bad {}", request.path))).await;
    stage.aws.put_parameter(PARAMETER, json!({"chat": stage.web.url("/T0/B0/X0"), "path": "/T0/B0/X0"}).to_string());
    assert!(stage.is_done(delivery(), 1).await);
    assert_eq!(stage.aws.dead_letters()[0]["gaveUp"], "HTTP 400 Bad Request: bad [redacted]");

    let fresh = stage_with("tasks", Aws::start().await, None, |_| Answer::new(200, "")).await;
    fresh.aws.put_parameter(PARAMETER, r#"{"chat": "not a url T0"}"#);
    assert!(fresh.is_done(delivery(), 1).await);
    let reason = fresh.aws.dead_letters()[0]["gaveUp"].as_str().unwrap().to_owned();
    assert!(reason.starts_with("the URL is not valid") && !reason.contains("T0"), "{reason}");
}

#[tokio::test]
async fn without_its_secrets_a_delivery_waits() {
    let stage = stage(|_| Answer::new(200, "")).await;
    assert!(!stage.is_done(delivery(), 2).await);
    assert!(stage.aws.hidden()[0].1 <= 20);

    stage.aws.put_parameter(PARAMETER, "{}");
    assert!(stage.is_done(delivery(), 2).await);
    assert_eq!(stage.aws.dead_letters()[0]["gaveUp"], "the pipeline's parameter holds no `chat`");
}

#[tokio::test]
async fn one_bad_channel_repeats_no_message_in_a_good_one() {
    let stage = stage(|request| Answer::new(if request.path == "/bad" { 500 } else { 200 }, "")).await;
    stage.aws.put_parameter(PARAMETER, json!({"a": stage.web.url("/good"), "b": stage.web.url("/bad")}).to_string());
    let channels = json!([
        {"name": "good", "target": {"slack": {"url": "a"}}}, {"name": "bad", "target": {"slack": {"url": "b"}}},
    ]);
    assert!(stage.is_done(run(json!({}), channels), 1).await);
    let [left] = stage.aws.messages().try_into().unwrap();
    assert_eq!(left["channel"]["name"], "bad");
}

#[tokio::test]
async fn a_result_that_reaches_neither_channel_nor_queue_is_not_lost() {
    let sends = AtomicUsize::new(0);
    let refuse = |input: &Value| {
        let failed = json!({"Id": input["Entries"][0]["Id"], "Code": "No", "SenderFault": true});
        Answer::new(200, json!({"Successful": [], "Failed": [failed]}).to_string())
    };
    let aws = Aws::start_with(move |operation, input| match operation {
        "SendMessageBatch" if sends.fetch_add(1, Ordering::Relaxed) == 0 => Some(refuse(input)),
        _ => None,
    })
    .await;
    let stage = stage_with("tasks.fifo", aws, None, |_| Answer::new(500, "")).await;
    put_chat(&stage, "/chat");
    let message = run(json!({"attempts": 2, "template": "{{ attempt }}"}), slack());
    assert!(!stage.is_done(message.clone(), 1).await);
    assert_eq!(stage.aws.hidden(), [("h0".to_owned(), 10)]);

    assert!(stage.is_done(message, 2).await);
    assert_eq!(stage.web.requests().len(), 1, "neither run nor posted again");
    assert_eq!(stage.aws.messages()[0]["body"]["text"], "1", "the result of the attempt that was made");
    let entry = &stage.aws.sent()[0];
    assert_eq!(
        (&entry["MessageGroupId"], &entry["MessageDeduplicationId"]),
        (&json!("channel/chat"), &json!("r/t/chat"))
    );
}

#[tokio::test]
async fn throttled_secrets_are_waited_for() {
    let reads = AtomicUsize::new(0);
    let aws = Aws::start_with(move |operation, _| {
        let throttle = operation == "GetParameter" && reads.fetch_add(1, Ordering::Relaxed) < 3;
        throttle.then(|| Answer::new(400, json!({"__type": "ThrottlingException"}).to_string()))
    })
    .await;
    let stage = stage_with("tasks", aws, None, |_| Answer::new(200, "")).await;
    put_chat(&stage, "/chat");
    assert!(stage.is_done(delivery(), 1).await);
    assert_eq!(stage.web.requests().len(), 1);
}

#[tokio::test]
async fn a_service_that_does_not_answer_is_tried_later() {
    let stage = stage(|_| Answer::new(200, "").after(Duration::from_mins(1))).await;
    put_chat(&stage, "/chat");
    assert!(!stage.is_done(delivery(), 1).await);
    assert!(stage.aws.hidden()[0].1 <= 10);
}
