//! AWS that is away, slow, or says no.

use std::net::{Shutdown, TcpListener, TcpStream};
use std::{io, thread};

use aws::ATTEMPTS;
use serde_json::json;

use crate::harness::{Lab, Settings, condition, eventually, specs};

/// Lets connections to a port through to another address.
fn forward(listener: TcpListener, to: String) {
    thread::spawn(move || {
        for client in listener.incoming() {
            let (client, server) = (client.unwrap(), TcpStream::connect(&to).unwrap());
            for (mut from, mut to) in [(client.try_clone().unwrap(), server.try_clone().unwrap()), (server, client)] {
                thread::spawn(move || {
                    // The side that ends first ends both.
                    let _ = io::copy(&mut from, &mut to);
                    let _ = to.shutdown(Shutdown::Write);
                });
            }
        }
    });
}

#[tokio::test]
async fn an_aws_that_cannot_be_reached_is_said_and_waited_for() {
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let lab = Lab::with(Settings { aws: Some(format!("http://{port}")), ..Settings::default() }).await;
    lab.apply("offline", specs::message(specs::YEARLY)).await;
    let message = lab.not_ready("offline", "Transient").await;
    for words in ["sts:GetCallerIdentity", "check the network"] {
        assert!(message.contains(words), "no `{words}` in: {message}");
    }
    let pipeline = lab.get("offline").await;
    assert!(condition(&pipeline, "Reconciling").is_some() && condition(&pipeline, "Stalled").is_none());

    forward(TcpListener::bind(port).unwrap(), lab.environment.aws.trim_start_matches("http://").to_owned());
    lab.ready("offline").await;
}

/// Code takes Lambda longer than other calls may take: an upload that is given up converges never.
#[tokio::test]
async fn code_is_uploaded_once_however_long_lambda_takes() {
    let lab = Lab::new().await;
    let runner = lab.names("heavy").runner;
    let slow = json!({
        "service": "lambda", "operation": "CreateFunction", "resource": runner, "delayMs": 12_000, "count": -1,
    });
    lab.strict.fault(slow).await;
    lab.apply("heavy", specs::message(specs::YEARLY)).await;
    lab.ready("heavy").await;
    let calls = lab.strict.calls().await;
    let uploads = calls.iter().filter(|call| call.operation == "CreateFunction" && call.resource == runner);
    let statuses: Vec<u16> = uploads.map(|call| call.status).collect();
    assert_eq!(statuses, [201]);
}

#[tokio::test]
async fn keys_that_aws_does_not_know_are_said_and_healed() {
    let mut lab = Lab::without_operator().await;
    let unknown = json!({
        "service": "sts", "operation": "GetCallerIdentity", "status": 403, "error": "InvalidClientTokenId",
        "message": "The security token included in the request is invalid.", "count": -1,
    });
    lab.strict.fault(unknown).await;
    lab.start(&Settings::default());
    lab.apply("stranger", specs::message(specs::YEARLY)).await;
    let message = lab.not_ready("stranger", "Credentials").await;
    for words in ["InvalidClientTokenId", "give the operator valid AWS credentials"] {
        assert!(message.contains(words), "no `{words}` in: {message}");
    }
    lab.strict.clear_faults().await;
    lab.ready("stranger").await;
}

#[tokio::test]
async fn a_call_that_is_denied_is_named_with_its_action() {
    let mut lab = Lab::without_operator().await;
    let denied = json!({
        "service": "sqs", "operation": "CreateQueue", "status": 403, "error": "AccessDenied", "count": -1,
        "message": "not authorized to perform: sqs:createqueue",
    });
    lab.strict.fault(denied).await;
    lab.start(&Settings::default());
    lab.apply("denied", specs::message(specs::YEARLY)).await;
    let message = lab.not_ready("denied", "Denied").await;
    for words in ["Queue ", "sqs:CreateQueue", "AccessDenied", "IAM policy"] {
        assert!(message.contains(words), "no `{words}` in: {message}");
    }
    assert!(condition(&lab.get("denied").await, "Stalled").is_some(), "only a person can mend it");
    let before = lab.events("denied").await.len();
    lab.strict.clear_faults().await;
    lab.ready("denied").await;
    assert_eq!(lab.aws.everything().await, lab.names("denied").all_and_inbox());
    assert!(before <= 3, "one failure is one event: {:?}", lab.events("denied").await);
}

#[tokio::test]
async fn a_running_pipeline_survives_an_outage_of_aws() {
    let lab = Lab::new().await;
    lab.apply("tough", specs::message(specs::YEARLY)).await;
    lab.ready("tough").await;
    let outage =
        json!({"status": 503, "error": "ServiceUnavailable", "by": "operator", "service": "lambda", "count": -1});
    lab.strict.fault(outage).await;
    lab.apply("tough", specs::message("0 10 * * *")).await;
    let message = lab.not_ready("tough", "Transient").await;
    assert!(message.contains("lambda:") && message.contains("ServiceUnavailable"), "{message}");
    lab.strict.clear_faults().await;
    lab.ready("tough").await;
    let schedule = lab.aws.schedule(&lab.names("tough").schedule).await;
    assert_eq!(schedule.schedule_expression(), Some("cron(0 10 * * ? *)"));
    lab.told("tough", "Transient", 1).await;
}

#[tokio::test]
async fn one_pipeline_in_trouble_does_not_hold_up_another() {
    let lab = Lab::new().await;
    // Only a pipeline with secrets has a parameter.
    lab.strict.fault(json!({"service": "ssm", "operation": "PutParameter", "delayMs": 30_000, "count": -1})).await;
    for number in 0..3 {
        lab.apply(&format!("stuck-{number}"), specs::message(specs::YEARLY)).await;
    }
    lab.apply("free", json!({"schedule": specs::YEARLY, "tasks": [{"name": "nothing", "message": {}}]})).await;
    lab.ready("free").await;
    for number in 0..3 {
        let stuck = lab.get(&format!("stuck-{number}")).await;
        assert!(condition(&stuck, "Ready").is_none_or(|ready| ready.status != "True"));
    }
}

#[tokio::test]
async fn throttled_calls_pass_without_anybody_noticing() {
    let mut lab = Lab::without_operator().await;
    for (service, operation, error) in [
        ("iam", "CreateRole", "Throttling"),
        ("lambda", "CreateFunction", "TooManyRequestsException"),
        ("scheduler", "CreateSchedule", "ThrottlingException"),
        ("sqs", "CreateQueue", "RequestThrottled"),
    ] {
        let fault = json!({"service": service, "operation": operation, "status": 429, "error": error, "count": 2});
        lab.strict.fault(fault).await;
    }
    lab.start(&Settings::default());
    lab.apply("throttled", specs::message(specs::YEARLY)).await;
    lab.ready("throttled").await;
    eventually("creation and readiness are told", async || {
        let events = lab.events("throttled").await;
        if events.len() == 2 { Ok(()) } else { Err(format!("{events:?}")) }
    })
    .await;
}

#[tokio::test]
async fn a_full_account_is_said_with_what_to_ask_for() {
    let mut lab = Lab::without_operator().await;
    let full = json!({
        "service": "iam", "operation": "CreateRole", "status": 409, "error": "LimitExceeded", "count": -1,
        "message": "Cannot exceed quota for RolesPerAccount: 1000.",
    });
    lab.strict.fault(full).await;
    lab.start(&Settings::default());
    lab.apply("crowded", specs::message(specs::YEARLY)).await;
    let message = lab.not_ready("crowded", "Quota").await;
    for words in ["iam:CreateRole", "RolesPerAccount: 1000", "ask AWS for a higher quota"] {
        assert!(message.contains(words), "no `{words}` in: {message}");
    }
    lab.strict.clear_faults().await;
    lab.ready("crowded").await;
}

#[tokio::test]
async fn a_storm_of_throttling_is_met_with_few_attempts_and_delays_nobody_else() {
    let mut lab = Lab::without_operator().await;
    // Only a pipeline with secrets has a parameter.
    let storm = json!({
        "service": "ssm", "operation": "PutParameter", "status": 400, "error": "ThrottlingException", "count": -1,
        "message": "Rate exceeded",
    });
    lab.strict.fault(storm).await;
    lab.start(&Settings::default());
    for number in 0..3 {
        lab.apply(&format!("noisy-{number}"), specs::message(specs::YEARLY)).await;
    }
    lab.apply("quiet", json!({"schedule": specs::YEARLY, "tasks": [{"name": "nothing", "message": {}}]})).await;
    lab.ready("quiet").await;
    for number in 0..3 {
        let message = lab.not_ready(&format!("noisy-{number}"), "Throttled").await;
        assert!(message.contains("ssm:PutParameter: ThrottlingException: Rate exceeded"), "{message}");
    }
    let calls = lab.strict.calls().await;
    for number in 0..3 {
        let names = lab.names(&format!("noisy-{number}"));
        let count = |operation: &str, resource: &str| {
            calls.iter().filter(|call| call.operation == operation && call.resource == resource).count()
        };
        // The first reconcile of a pipeline reads nothing, each later one reads its parameter once.
        let reconciles = 1 + count("GetParameter", &names.parameter);
        let attempts = count("PutParameter", &names.parameter);
        assert!(
            attempts <= reconciles * usize::try_from(ATTEMPTS).unwrap(),
            "{attempts} attempts in {reconciles} reconciles"
        );
    }
    lab.strict.clear_faults().await;
    for number in 0..3 {
        lab.ready(&format!("noisy-{number}")).await;
    }
}

#[tokio::test]
async fn what_was_made_without_an_answer_is_made_once_and_told() {
    let mut lab = Lab::without_operator().await;
    let lost = json!({"by": "operator", "write": true, "effect": "lose", "probability": 0.5, "seed": 7, "count": 20});
    lab.strict.fault(lost).await;
    lab.start(&Settings::default());
    lab.apply("unheard", specs::message(specs::YEARLY)).await;
    lab.ready("unheard").await;
    assert_eq!(lab.aws.everything().await, lab.names("unheard").all_and_inbox());
    let created = eventually("the creation is told", async || {
        let events = lab.events("unheard").await;
        events.iter().find(|event| event.starts_with("Created: ")).cloned().ok_or_else(|| format!("{events:?}"))
    })
    .await;
    assert!(created.starts_with("Created: 14 on AWS"), "{created}");
    let mappings = lab.strict.calls().await.into_iter().filter(|call| call.operation == "CreateEventSourceMapping");
    let made = mappings.filter(|call| call.status < 300).count();
    assert_eq!(made, 1);
}

#[tokio::test]
async fn slow_roles_queues_and_functions_are_waited_for_without_a_failure() {
    let mut lab = Lab::without_operator().await;
    lab.strict.settings(json!({"roleDelaySeconds": 3, "pendingSeconds": 2, "newQueueSeconds": 1})).await;
    lab.start(&Settings::default());
    lab.apply("slow", specs::message(specs::YEARLY)).await;
    lab.until("slow", "is being made", |pipeline| {
        condition(pipeline, "Ready").is_some_and(|ready| ready.status == "Unknown")
            && condition(pipeline, "Reconciling").is_some_and(|reconciling| reconciling.status == "True")
    })
    .await;
    lab.kubectl(&["wait", "--for=condition=Ready", "--timeout=60s", "pipelines/slow"]);
    let pipeline = lab.ready("slow").await;
    assert!(condition(&pipeline, "Reconciling").is_none() && condition(&pipeline, "Stalled").is_none());
    for failure in ["needs attention", "runs are not reported"] {
        assert!(!lab.log().contains(failure), "waiting is not a failure: {}", lab.log());
    }
    let calls = lab.strict.calls().await;
    let uploads = calls.iter().filter(|call| call.operation == "CreateFunction").count();
    assert!(uploads <= 8, "the code of two functions was sent {uploads} times");
    eventually("what was made is told, and that it is as wanted, and nothing else", async || {
        let events = lab.events("slow").await;
        if events.len() == 2 { Ok(()) } else { Err(format!("{events:?}")) }
    })
    .await;
}
