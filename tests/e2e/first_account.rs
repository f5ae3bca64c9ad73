//! `task-pipelines check --aws`: an account before the operator works in it.

use std::collections::BTreeSet;
use std::process::{Child, Command, Stdio};

use serde_json::{Value, json};

use crate::harness::{Lab, Printed, Settings, eventually, specs};

/// The command, as the root of the account and without a cluster.
fn check(lab: &Lab, arguments: &[&str]) -> Command {
    let mut command = lab.program(env!("CARGO_BIN_EXE_task-pipelines"));
    command
        .args(["check", "--aws", "--cluster-name", "e2e", "--pacing", "off"])
        .args(arguments)
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .env("KUBECONFIG", "/nowhere")
        .env("AWS_REGION", &lab.environment.region);
    command
}

/// ARN of the user that the operator would be.
fn operator(lab: &Lab) -> String {
    format!("arn:aws:iam::{}:user/operator", lab.account)
}

/// Denies the user some actions that its policy allows.
async fn deny(lab: &Lab, actions: &[&str]) {
    let statement = json!({"Effect": "Deny", "Action": actions, "Resource": "*"});
    let document = json!({"Version": "2012-10-17", "Statement": [statement]});
    let request = lab.aws.iam.put_user_policy().user_name("operator").policy_name("denied");
    request.policy_document(document.to_string()).send().await.unwrap();
}

#[tokio::test]
async fn an_account_that_has_all_is_well() {
    let lab = Lab::without_operator().await;
    let principal = operator(&lab);
    let checked = Printed::by(&mut check(&lab, &["--principal", &principal]));
    assert_eq!(checked.status, 0, "{checked:#?}");
    checked.says(&[
        "ok   cluster name: e2e\n",
        &format!("ok   AWS identity: account {}, {}, partition aws, as arn:", lab.account, lab.environment.region),
        "ok   AWS services: EventBridge Scheduler, SQS, Lambda, IAM, SSM, CloudWatch Logs, Resource Groups Tagging answer",
        "ok   Lambda concurrency: ",
        "ok   IAM roles: ",
        "ok   AWS reads: the reads of its policy are granted\n",
        &format!(" actions of `task-pipelines iam-policy` are allowed to {principal}\n"),
    ]);
    assert!(!checked.stdout.contains("FAIL") && !checked.stdout.contains("?   "), "{checked:#?}");
    assert_eq!(lab.strict.writes().await, Vec::<String>::new());
}

#[tokio::test]
async fn an_action_that_is_missing_is_named_with_the_remedy() {
    let mut lab = Lab::without_operator().await;
    let boundary = format!("arn:aws:iam::{}:policy/none", lab.account);
    deny(&lab, &["sqs:SetQueueAttributes"]).await;
    let principal = operator(&lab);
    let checked = Printed::by(&mut check(&lab, &["--principal", &principal]));
    assert_eq!(checked.status, 1, "{checked:#?}");
    checked.says(&[
        &format!("FAIL AWS policy: a policy denies {principal}: sqs:SetQueueAttributes on arn:aws:sqs:"),
        "; find the statement that denies it",
    ]);
    assert!(!checked.stdout.contains("sqs:CreateQueue"), "{checked:#?}");
    // The policy is another with a boundary: what the user has lets it make no roles below it.
    lab.permit(&Settings { variables: vec![("TASK_PIPELINES_PERMISSIONS_BOUNDARY", boundary)], ..Settings::default() })
        .await;
    let checked = Printed::by(&mut check(&lab, &["--principal", &principal]));
    checked.says(&[&format!("FAIL AWS policy: nothing allows {principal}: iam:CreateRole on arn:aws:iam:")]);
}

#[tokio::test]
async fn what_may_not_be_asked_is_not_known_and_no_failure() {
    let lab = Lab::without_operator().await;
    let key = lab.environment.operator.clone().unwrap();
    let as_operator = |arguments: &[&str]| {
        let mut command = check(&lab, arguments);
        Printed::by(command.env("AWS_ACCESS_KEY_ID", &key.id).env("AWS_SECRET_ACCESS_KEY", &key.secret))
    };
    let checked = as_operator(&[]);
    assert_eq!(checked.status, 0, "{checked:#?}");
    checked.says(&[
        "ok   AWS services: ",
        "?    IAM roles: ",
        "?    AWS policy: these credentials may not simulate policies; allow iam:SimulatePrincipalPolicy on arn:aws:iam:",
    ]);
    let root = Printed::by(&mut check(&lab, &[]));
    root.says(&[&format!("?    AWS policy: arn:aws:iam::{}:root has no policies to ask about; ", lab.account)]);
    // A session, whose role has a path that its ARN lacks.
    lab.strict.settings(json!({"roleDelaySeconds": 0})).await;
    let trust: Value = json!({"Version": "2012-10-17", "Statement": [
        {"Effect": "Allow", "Principal": {"AWS": format!("arn:aws:iam::{}:root", lab.account)}, "Action": "sts:AssumeRole"}]});
    let role =
        lab.aws.iam.create_role().role_name("people").path("/team/").assume_role_policy_document(trust.to_string());
    role.send().await.unwrap();
    let policy = json!({"Version": "2012-10-17", "Statement": [
        {"Effect": "Allow", "Action": ["iam:*", "sqs:*"], "Resource": "*"}]});
    let request =
        lab.aws.iam.put_role_policy().role_name("people").policy_name("p").policy_document(policy.to_string());
    request.send().await.unwrap();
    let session = lab.aws.session("team/people", &[]).await;
    let checked = Printed::by(check(&lab, &[]).envs(session));
    assert_eq!(checked.status, 1, "{checked:#?}");
    let role = format!("arn:aws:iam::{}:role/team/people", lab.account);
    checked.says(&[&format!("FAIL AWS policy: nothing allows {role}: lambda:CreateEventSourceMapping on *")]);
    assert!(!checked.stdout.contains("sqs:CreateQueue"), "{checked:#?}");
}

/// The command that writes, as the operator's user.
fn check_writing(lab: &Lab) -> Command {
    let key = lab.environment.operator.clone().unwrap();
    let mut command = check(lab, &["--write"]);
    command
        .env("TASK_PIPELINES_CHECK_WEBHOOK", lab.chat.url("hook", "canary"))
        .env("AWS_ACCESS_KEY_ID", key.id)
        .env("AWS_SECRET_ACCESS_KEY", key.secret);
    command
}

/// Begins a check, and waits until it has asked AWS for something.
async fn begun(lab: &Lab, operation: &str) -> Child {
    let mut command = check_writing(lab);
    let child = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    eventually(&format!("{operation} is asked for"), async || {
        let calls = lab.strict.calls().await;
        if calls.iter().any(|call| call.operation == operation) { Ok(()) } else { Err(format!("{:?}", calls.last())) }
    })
    .await;
    child
}

fn signal(child: &Child, signal: &str) {
    let sent = Command::new("kill").args([signal, &child.id().to_string()]).status().unwrap();
    assert!(sent.success(), "kill {signal}");
}

fn ended(child: Child) -> Printed {
    let output = child.wait_with_output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    Printed { stdout: text(output.stdout), stderr: text(output.stderr), status: output.status.code().unwrap_or(-1) }
}

#[tokio::test]
async fn a_check_that_writes_reports_what_it_saw_and_leaves_nothing() {
    let lab = Lab::without_operator().await;
    let early = "The role defined for the function cannot be assumed by Lambda.";
    let refusal = json!({"operation": "CreateFunction", "effect": "answer", "status": 400, "message": early,
                         "error": "InvalidParameterValueException"});
    lab.strict.fault(refusal).await;
    // Under the operator's own policy: it needs no more than that.
    let checked = Printed::by(&mut check_writing(&lab));
    assert_eq!(checked.status, 0, "{checked:#?}");
    checked.says(&[
        "ok   pipeline: ",
        "ok   delivery: the webhook took the result, reported ",
        "ok   first task: as assumed: ",
        "ok   queue made again: as assumed: ",
        "ok   URL of a queue: as assumed: ",
        "ok   tags of roles: as assumed: ",
        "ok   ARNs of log groups: as assumed: ",
        "ok   index of tags: as assumed: ",
        "ok   trust of Scheduler: as assumed: ",
        "ok   schedule changed twice: as assumed: ",
        "ok   role made anew: as assumed: ",
        "ok   parameter made anew: as assumed: ",
        "?    throttling: not tested: ",
        "ok   refusal: waited for: lambda:CreateFunction: InvalidParameterValueException: The role ",
        "ok   deletion: nothing of the check is left on AWS\n",
    ]);
    assert!(!checked.stdout.contains("FAIL"), "{checked:#?}");
    let everything = format!("{}{}", checked.stdout, checked.stderr);
    assert!(!everything.contains("canary"), "{everything}");
    let received = lab.chat.received("hook", "canary").await;
    assert_eq!(received.len(), 1, "{received:?}");
    assert_eq!(received[0].body["pipeline"]["namespace"], "task-pipelines-check");
    assert_eq!(lab.aws.everything().await, BTreeSet::new());
}

#[tokio::test]
async fn an_interrupted_check_leaves_nothing() {
    for (at, signal_of) in [("CreateRole", "-INT"), ("CreateEventSourceMapping", "-TERM")] {
        let lab = Lab::without_operator().await;
        let child = begun(&lab, at).await;
        signal(&child, signal_of);
        let checked = ended(child);
        assert_eq!(checked.status, 2, "{at}: {checked:#?}");
        assert!(checked.stderr.contains("interrupted: deleting the pipeline; again to leave it\n"), "{checked:#?}");
        checked.says(&["ok   deletion: nothing of the check is left on AWS\n"]);
        assert_eq!(lab.aws.everything().await, BTreeSet::new(), "{at}");
    }
}

#[tokio::test]
async fn what_a_killed_check_left_is_deleted_by_the_next() {
    let lab = Lab::without_operator().await;
    let mut child = begun(&lab, "CreateSchedule").await;
    child.kill().unwrap();
    ended(child);
    assert!(!lab.aws.everything().await.is_empty());
    let checked = Printed::by(&mut check_writing(&lab));
    assert_eq!(checked.status, 0, "{checked:#?}");
    checked.says(&["ok   earlier check: what an earlier check left, check-", ", is deleted\n"]);
    assert_eq!(lab.aws.everything().await, BTreeSet::new());
}

#[tokio::test]
async fn an_interruption_of_the_deletion_says_what_is_left() {
    let lab = Lab::without_operator().await;
    let child = begun(&lab, "CreateFunction").await;
    lab.strict.fault(json!({"operation": "DeleteQueue", "effect": "answer", "delayMs": 60_000, "count": -1})).await;
    signal(&child, "-INT");
    eventually("the deletion has begun", async || {
        let calls = lab.strict.calls().await;
        if calls.iter().any(|call| call.operation.starts_with("Delete")) {
            Ok(())
        } else {
            Err(format!("{:?}", calls.last()))
        }
    })
    .await;
    signal(&child, "-INT");
    let checked = ended(child);
    assert_eq!(checked.status, 2, "{checked:#?}");
    checked
        .says(&["FAIL deletion: task-pipelines-check/check-", "check again with --write, which begins by deleting it"]);
}

#[tokio::test]
async fn a_webhook_that_takes_nothing_is_told() {
    let lab = Lab::without_operator().await;
    lab.chat.answer("hook", "canary", json!({"status": 404, "body": "no such hook", "count": -1})).await;
    let checked = Printed::by(&mut check_writing(&lab));
    assert_eq!(checked.status, 1, "{checked:#?}");
    checked.says(&["FAIL delivery: the webhook did not take the result: HTTP 404", "; correct --webhook\n"]);
    checked.says(&["?    log: /aws/lambda/task-pipelines-check-check-", "?    first task: not tested: "]);
    checked.says(&["ok   role made anew: as assumed: ", "ok   deletion: nothing of the check is left on AWS\n"]);
    assert_eq!(lab.aws.everything().await, BTreeSet::new());
}

#[tokio::test]
async fn nothing_is_made_where_it_could_do_harm_or_would_fail() {
    let lab = Lab::new().await;
    let url = lab.chat.url("hook", "canary");
    let refused = Printed::by(check_writing(&lab).env("TASK_PIPELINES_CHECK_WEBHOOK", "canary"));
    assert_eq!(refused.status, 2, "{refused:#?}");
    assert!(refused.stderr.contains("error: --webhook: ") && !refused.stderr.contains("canary"), "{refused:#?}");
    lab.apply("alive", specs::message(specs::YEARLY)).await;
    lab.ready("alive").await;
    lab.strict.forget_calls().await;
    let alive = lab.aws.everything().await;
    let refused = Printed::by(&mut check_writing(&lab));
    assert_eq!(refused.status, 2, "{refused:#?}");
    let whose = format!("pipelines of cluster e2e live in this account and region, such as {}/alive", lab.namespace);
    assert!(refused.stderr.contains(&whose), "{refused:#?}");
    deny(&lab, &["sqs:CreateQueue"]).await;
    let failing = Printed::by(&mut check(&lab, &["--write", "--webhook", &url, "--principal", &operator(&lab)]));
    assert_eq!(failing.status, 1, "{failing:#?}");
    assert!(failing.stderr.contains("nothing was made on AWS: put right what fails first"), "{failing:#?}");
    assert_eq!(lab.aws.everything().await, alive);
    lab.finish().await;
}
