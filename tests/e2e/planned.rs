//! `task-pipelines plan`: what would be done, for people and programs, with nothing done.

use api::ScheduledTaskPipeline;
use serde_json::{Value, json};

use crate::harness::{Lab, Printed, eventually, specs};

/// A value that must be nowhere but on AWS.
const MARKER: &str = "marker-4711";

impl Lab {
    /// Runs the command with no cluster in reach.
    fn plan_alone(&self, arguments: &[&str]) -> Printed {
        self.plan_with("/nowhere", arguments)
    }

    /// Runs the command with the cluster in reach.
    fn plan(&self, arguments: &[&str]) -> Printed {
        self.plan_with(&self.environment.kubeconfig, arguments)
    }

    fn plan_with(&self, kubeconfig: &str, arguments: &[&str]) -> Printed {
        let planned = Printed::by(
            self.program(env!("CARGO_BIN_EXE_task-pipelines"))
                .args(["plan", "--cluster-name", "e2e", "--pacing", "off"])
                .args(arguments)
                .current_dir(env!("CARGO_MANIFEST_DIR"))
                .env("KUBECONFIG", kubeconfig)
                .env("AWS_REGION", &self.environment.region),
        );
        assert!(!planned.stdout.contains(MARKER) && !planned.stderr.contains(MARKER), "{planned:#?}");
        planned
    }
}

fn document(lab: &Lab, name: &str, spec: &Value) -> Value {
    json!({
        "apiVersion": "taskpipelines.dev/v1alpha1", "kind": "ScheduledTaskPipeline",
        "metadata": {"name": name, "namespace": lab.namespace}, "spec": spec,
    })
}

/// What would be done, as `action kind` for each resource that differs.
fn pending(plan: &Value) -> Vec<String> {
    let rows = plan["plan"].as_array().unwrap().iter().filter(|row| row["action"] != "InSync");
    rows.map(|row| format!("{} {}", row["action"].as_str().unwrap(), row["kind"].as_str().unwrap())).collect()
}

#[tokio::test]
async fn functions_are_planned_without_a_cluster_also_those_that_the_file_has_no_more() {
    let lab = Lab::new().await;
    let plain = specs::message(specs::YEARLY);
    let spec = specs::merged(
        plain.clone(),
        json!({
            "tasks": [{"name": "call", "function": "report", "notify": ["team"]}],
            "functions": [{
                "name": "report", "runtime": "python3.13", "handler": "index.handler", "code": {"inline": "x = 1"},
                "secrets": [{"name": "hook", "secretKeyRef": {"name": "chat", "key": "slack"}}],
            }],
        }),
    );
    let file = lab.file("full", &[document(&lab, "full", &spec)]);
    let file = file.to_str().unwrap();
    let new = lab.plan_alone(&["-f", file]);
    assert_eq!(new.status, 1, "{new:#?}");
    new.says(&["Plan: 18 to create.", "runtime: + python3.13", "/fn-report-hook\n              type: + SecureString"]);

    lab.apply("full", spec.clone()).await;
    lab.ready("full").await;
    let same = lab.plan_alone(&["-f", file]);
    assert_eq!((same.status, same.stderr.as_str()), (0, ""), "{same:#?}");
    same.says(&["3 Functions, 3 LogGroups, 2 Parameters, 3 Queues, 4 Roles"]);

    let file = lab.file("plain", &[document(&lab, "full", &plain)]);
    let file = file.to_str().unwrap();
    let gone = ["Delete Function", "Delete LogGroup", "Delete Parameter", "Delete Role"].map(str::to_owned);
    // The index of tags lags behind.
    eventually("what the file has no more is to go", async || {
        let rows = pending(&lab.plan_alone(&["-f", file, "-o", "json"]).json()[0]);
        if gone.iter().all(|row| rows.contains(row)) { Ok(()) } else { Err(format!("{rows:?}")) }
    })
    .await;
}

#[tokio::test]
async fn a_file_is_planned_without_a_cluster_before_and_after_it_is_applied() {
    let lab = Lab::new().await;
    let spec = specs::message(specs::YEARLY);
    let file = lab.file("first", &[json!({"kind": "Secret"}), document(&lab, "first", &spec)]);
    let file = file.to_str().unwrap();
    let new = lab.plan_alone(&["-f", file]);
    assert_eq!((new.status, new.stderr.as_str()), (1, ""), "{new:#?}");
    new.says(&["+ create", "Plan: 14 to create.", "value: + (known after apply)"]);
    lab.plan_alone(&["-f", file, "--color", "always"]).says(&["\x1b[32m+ create   \x1b[0m Queue"]);
    let as_json = lab.plan_alone(&["-f", file, "-o", "json"]);
    let plan = &as_json.json()[0];
    assert_eq!((as_json.status, plan["name"].as_str(), pending(plan).len()), (1, Some("first"), 14));
    assert!(lab.strict.writes().await.is_empty());

    lab.apply("first", spec).await;
    lab.ready("first").await;
    lab.strict.forget_calls().await;
    for planned in [lab.plan_alone(&["-f", file]), lab.plan(&[&format!("{}/first", lab.namespace)])] {
        assert_eq!((planned.status, planned.stderr.as_str()), (0, ""), "{planned:#?}");
        planned.says(&["Nothing to do", "3 Queues", "3 Roles", "1 Schedule,"]);
    }
    lab.plan_alone(&["-f", file]).says(&["Not compared: value of Parameter "]);
    assert_eq!(lab.strict.writes().await, Vec::<String>::new());
}

#[tokio::test]
async fn what_was_changed_on_aws_is_told_with_what_it_was_and_will_be() {
    let lab = Lab::new().await;
    let spec = specs::message(specs::YEARLY);
    lab.apply("moved", spec.clone()).await;
    lab.ready("moved").await;
    let names = lab.names("moved");
    // Without an operator nothing repairs it.
    let mut lab = lab;
    lab.operator = None;
    lab.aws.lambda.update_function_configuration().function_name(&names.runner).memory_size(999).send().await.unwrap();
    let policy = json!({"Version": "2012-10-17", "Statement": [
        {"Effect": "Allow", "Action": "s3:GetObject", "Resource": "arn:aws:s3:::theirs/*"}]});
    let request = lab.aws.iam.put_role_policy().role_name(&names.scheduler).policy_name("task-pipelines");
    request.policy_document(policy.to_string()).send().await.unwrap();
    let request = lab.aws.ssm.put_parameter().name(&names.parameter).overwrite(true);
    request.r#type("SecureString".into()).value(MARKER).send().await.unwrap();
    lab.strict.forget_calls().await;

    let planned = lab.plan(&[&format!("{}/moved", lab.namespace)]);
    assert_eq!(planned.status, 1, "{planned:#?}");
    planned.says(&[
        "Has changed on AWS, and will be put right:",
        &format!("Function {}, which has changed\n              memorySize: 999 → 256\n", names.runner),
        "policy: - Allow s3:GetObject on arn:aws:s3:::theirs/*\n",
        "policy: + Allow lambda:InvokeFunction on ",
        "value: [secret] → another [secret]\n",
        "Plan: 3 to update, 11 in sync.",
    ]);
    let file = lab.file("moved", &[document(&lab, "moved", &spec)]);
    let of_file = lab.plan_alone(&["-f", file.to_str().unwrap(), "-o", "json"]);
    assert_eq!(pending(&of_file.json()[0]), ["Update Role", "Update Function"], "Secrets are not compared");
    assert_eq!(lab.strict.writes().await, Vec::<String>::new());
    let before: ScheduledTaskPipeline = lab.get("moved").await;
    assert!(before.status.unwrap().plan.is_empty(), "the command writes no status");
}

#[tokio::test]
async fn an_edit_in_a_file_is_planned_over_what_runs() {
    let lab = Lab::new().await;
    let spec = specs::message(specs::YEARLY);
    lab.apply("edited", spec.clone()).await;
    lab.ready("edited").await;
    lab.strict.forget_calls().await;
    let edit = json!({"tasks": [{"name": "mute", "message": {}}], "channels": null, "tags": {"team": "a"}});
    let file = lab.file("edit", &[document(&lab, "edited", &specs::merged(spec.clone(), edit))]);
    let planned = lab.plan_alone(&["-f", file.to_str().unwrap()]);
    assert_eq!(planned.status, 1, "{planned:#?}");
    planned.says(&[
        "Will be done:",
        "tags.team: + a",
        "policy: - Allow ssm:GetParameter on ",
        "input.tasks[hello]: - {",
        "- delete    Parameter ",
    ]);
    let other =
        lab.file("kind", &[document(&lab, "edited", &specs::merged(spec, json!({"concurrencyPolicy": "Queue"})))]);
    let refused = lab.plan_alone(&["-f", other.to_str().unwrap()]);
    assert_eq!((refused.status, refused.stdout.as_str()), (2, ""));
    assert!(refused.stderr.contains(":1: spec.concurrencyPolicy: it cannot be changed"), "{refused:#?}");
    assert_eq!(lab.strict.writes().await, Vec::<String>::new());
}

#[tokio::test]
async fn every_refusal_of_every_document_is_printed_with_its_place() {
    let lab = Lab::without_operator().await;
    let good = specs::message(specs::YEARLY);
    let bad = specs::merged(good.clone(), json!({"schedule": "61 9 * * *", "queue": {"visibilityTimeoutSeconds": 5}}));
    let worse = specs::merged(
        good.clone(),
        json!({"tasks": [{"name": "twice"}], "shedule": "@daily", "timeZone": "Moon/Base"}),
    );
    let file =
        lab.file("bad", &[document(&lab, "good", &good), document(&lab, "bad", &bad), document(&lab, "worse", &worse)]);
    let file = file.to_str().unwrap();
    let planned = lab.plan_alone(&["-f", file]);
    assert_eq!(planned.status, 2, "{planned:#?}");
    planned.says(&["Plan: 14 to create."]);
    for line in [
        format!("{file}:2: spec.schedule: `61` is not valid in the minute field"),
        format!("{file}:2: spec.queue.visibilityTimeoutSeconds: "),
        format!("{file}:3: spec.shedule: unknown field"),
        format!("{file}:3: spec.timeZone: `Moon/Base` is not a valid time zone"),
        format!("{file}:3: spec.tasks[twice]: a task has exactly one of message, http"),
    ] {
        assert!(planned.stderr.lines().any(|found| found.starts_with(&line)), "no {line:?} in {planned:#?}");
    }
    let nothing = lab.plan_alone(&["-f", "-"]);
    assert_eq!((nothing.status, nothing.stderr.as_str()), (2, "error: no ScheduledTaskPipeline in -\n"));
    assert_eq!(lab.plan(&["no-such"]).stderr, "error: there is no pipeline default/no-such\n");
    assert!(lab.strict.writes().await.is_empty());
}

#[tokio::test]
async fn somebody_elses_resource_is_a_conflict_in_the_plan() {
    let lab = Lab::without_operator().await;
    let names = lab.names("taken");
    lab.aws.sqs.create_queue().queue_name(&names.tasks).send().await.unwrap();
    lab.strict.forget_calls().await;
    let file = lab.file("taken", &[document(&lab, "taken", &specs::message(specs::YEARLY))]);
    let planned = lab.plan_alone(&["-f", file.to_str().unwrap()]);
    assert_eq!(planned.status, 2, "{planned:#?}");
    planned.says(&[&format!("! conflict  Queue {}: it carries no tags of this operator", names.tasks)]);
    assert!(lab.strict.writes().await.is_empty());
}

#[tokio::test]
async fn a_foreign_tag_is_in_no_plan_and_what_only_the_cluster_knows_of_tags_is_said() {
    let mut lab = Lab::new().await;
    let tagged = |tags: Value| specs::merged(specs::message(specs::YEARLY), json!({"tags": tags}));
    lab.apply("tagged", tagged(json!({"team": "data", "old": "x"}))).await;
    lab.ready("tagged").await;
    lab.tag("tagged", "cost-center", "42").await;
    lab.tag("tagged", "aws:cloudformation:stack-name", "landing-zone").await;
    lab.kill();
    lab.strict.forget_calls().await;
    let spec = tagged(json!({"team": "data"}));
    let file = lab.file("tagged", &[document(&lab, "tagged", &spec)]);
    let alone = lab.plan_alone(&["-f", file.to_str().unwrap()]);
    assert_eq!((alone.status, alone.stderr.as_str()), (0, ""), "{alone:#?}");
    alone.says(&["Nothing to do", "Not compared: whether the tags cost-center, old are to be removed, since only"]);

    lab.apply("tagged", spec).await;
    let planned = lab.plan(&[&format!("{}/tagged", lab.namespace)]);
    planned.says(&["tags.old: - x", "Plan: 13 to update, 1 in sync."]);
    assert!(!planned.stdout.contains("cost-center") && !planned.stdout.contains("stack-name"), "{planned:#?}");
    assert_eq!(lab.strict.writes().await, Vec::<String>::new());
}
