//! `task-pipelines check --aws`: an account before the operator works in it.

use std::process::Command;

use serde_json::{Value, json};

use crate::harness::{Lab, Printed, Settings};

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
        "?    AWS policy: whoever runs this may not ask; allow iam:SimulatePrincipalPolicy on arn:aws:iam:",
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
