//! What becomes of AWS when a pipeline is deleted.

use std::collections::BTreeSet;

use aws_sdk_iam::types::Tag;
use k8s_openapi::api::core::v1::Namespace;
use kube::api::{Api, DeleteParams};
use serde_json::json;

use crate::harness::{Lab, Settings, and_inbox, eventually, rows, specs};

#[tokio::test]
async fn a_deleted_pipeline_leaves_nothing_behind() {
    let lab = Lab::new().await;
    lab.apply("short", specs::message(specs::AT_ONCE)).await;
    lab.ready("short").await;
    lab.chat.await_received("slack", "team", 1).await;
    lab.delete("short").await;
    lab.gone("short").await;
    assert_eq!(lab.aws.everything().await, BTreeSet::new());
    lab.told("short", "Deleted", 1).await;
}

#[tokio::test]
async fn what_was_fired_before_the_deletion_still_arrives() {
    let lab = Lab::new().await;
    lab.chat.answer("hook", "slow", json!({"delaySeconds": 5})).await;
    let task =
        json!({"name": "slow", "http": {"url": lab.chat.url("hook", "slow")}, "notify": ["team"], "template": "Done"});
    lab.apply("draining", specs::one_task(specs::AT_ONCE, task)).await;
    lab.ready("draining").await;
    eventually("the runner works", async || match lab.aws.messages(&lab.names("draining").tasks).await {
        0 => Err("the queue is empty".to_owned()),
        _ => Ok(()),
    })
    .await;
    lab.delete("draining").await;
    lab.gone("draining").await;
    assert_eq!(lab.chat.received("slack", "team").await.len(), 1);
    assert_eq!(lab.aws.everything().await, BTreeSet::new());
}

#[tokio::test]
async fn retain_leaves_everything_on_aws_and_firing() {
    let lab = Lab::new().await;
    lab.apply("kept", specs::merged(specs::message(specs::YEARLY), json!({"deletionPolicy": "Retain"}))).await;
    lab.ready("kept").await;
    lab.strict.forget_calls().await;
    lab.delete("kept").await;
    lab.gone("kept").await;
    assert_eq!(lab.aws.everything().await, lab.names("kept").all_and_inbox());
    assert_eq!(lab.strict.writes().await, Vec::<String>::new());
    let events = lab.told("kept", "Retained", 1).await.concat();
    let queue = lab.arn("sqs", &lab.names("kept").tasks);
    let function = lab.arn("lambda", &format!("function:{}", lab.names("kept").sender));
    for words in ["Retained: ", &queue, &function] {
        assert!(events.contains(words), "no `{words}` in {events}");
    }
}

#[tokio::test]
async fn dead_letters_survive_the_pipeline_unless_told_otherwise() {
    let lab = Lab::new().await;
    lab.apply("careful", specs::message(specs::YEARLY)).await;
    let careless = specs::merged(specs::message(specs::YEARLY), json!({"queue": {"deleteWithMessages": true}}));
    lab.apply("careless", careless).await;
    for name in ["careful", "careless"] {
        lab.ready(name).await;
        for queue in [lab.names(name).tasks_dlq, lab.names(name).undelivered_dlq] {
            let request = lab.aws.sqs.send_message().queue_url(lab.aws.queue_url(&queue));
            request.message_body("a dead letter").send().await.unwrap();
        }
        lab.delete(name).await;
    }
    lab.gone("careful").await;
    lab.gone("careless").await;
    let names = lab.names("careful");
    let kept = [names.tasks_dlq, names.undelivered_dlq].map(|queue| format!("Queue {queue}"));
    assert_eq!(lab.aws.everything().await, BTreeSet::from(kept));
    assert_eq!(lab.told("careful", "DeadLettersKept", 2).await.len(), 2);
}

#[tokio::test]
async fn a_letter_of_a_moment_ago_is_not_deleted_with_its_queue() {
    let lab = Lab::new().await;
    lab.chat.answer("slack", "team", json!({"status": 404, "body": "no_service", "count": -1})).await;
    // SQS takes its time to count what was sent.
    lab.strict.settings(json!({"queueCountSeconds": 45})).await;
    lab.apply("failing", specs::message(specs::AT_ONCE)).await;
    lab.until("failing", "has given up a result", |pipeline| {
        pipeline.status.as_ref().is_some_and(|status| status.runs.iter().any(|run| !run.undelivered.is_empty()))
    })
    .await;
    lab.delete("failing").await;
    lab.gone("failing").await;
    let left = BTreeSet::from([format!("Queue {}", lab.names("failing").tasks_dlq)]);
    assert_eq!(lab.aws.everything().await, left);
    lab.told("failing", "DeadLettersKept", 1).await;
}

#[tokio::test]
async fn a_pipeline_at_rest_goes_at_once() {
    let lab = Lab::new().await;
    lab.apply("idle", specs::message(specs::YEARLY)).await;
    lab.ready("idle").await;
    lab.delete("idle").await;
    lab.gone("idle").await;
    assert_eq!(lab.aws.everything().await, BTreeSet::new());
    assert!(!lab.log().contains("counted once more"), "{}", lab.log());
}

#[tokio::test]
async fn a_pipeline_that_never_got_anything_goes_at_once() {
    let lab = Lab::new().await;
    lab.apply("hopeless", specs::message("99 99 * * *")).await;
    lab.not_ready("hopeless", "InvalidSpec").await;
    lab.delete("hopeless").await;
    lab.gone("hopeless").await;
    assert_eq!(lab.strict.writes().await, Vec::<String>::new());
}

#[tokio::test]
async fn what_somebody_deleted_before_does_not_hold_up_the_deletion() {
    let lab = Lab::new().await;
    lab.apply("plundered", specs::message(specs::YEARLY)).await;
    lab.ready("plundered").await;
    let names = lab.names("plundered");
    lab.aws.lambda.delete_function().function_name(&names.sender).send().await.unwrap();
    lab.aws.delete_queue(&names.tasks).await;
    lab.aws.scheduler.delete_schedule().group_name(&names.schedule).name(&names.schedule).send().await.unwrap();
    lab.aws.iam.delete_role_policy().role_name(&names.runner).policy_name("task-pipelines").send().await.unwrap();
    lab.delete("plundered").await;
    lab.gone("plundered").await;
    assert_eq!(lab.aws.everything().await, BTreeSet::new());
}

#[tokio::test]
async fn a_deletion_waits_for_an_operator_that_is_away() {
    let mut lab = Lab::new().await;
    lab.apply("patient", specs::message(specs::YEARLY)).await;
    lab.ready("patient").await;
    lab.operator = None;
    lab.delete("patient").await;
    let pipeline = lab.get("patient").await;
    assert_eq!(rows(&pipeline), lab.names("patient").all());
    lab.start(&Settings::default());
    lab.gone("patient").await;
    assert_eq!(lab.aws.everything().await, BTreeSet::new());
}

#[tokio::test]
async fn a_schedule_group_that_holds_somebody_elses_schedule_stays() {
    let lab = Lab::new().await;
    lab.apply("shared", specs::message(specs::YEARLY)).await;
    lab.ready("shared").await;
    let names = lab.names("shared");
    let ours = lab.aws.schedule(&names.schedule).await;
    let request = lab.aws.scheduler.create_schedule().group_name(&names.schedule).name("guest");
    let request = request.schedule_expression("rate(12 hours)").set_target(ours.target);
    request.set_flexible_time_window(ours.flexible_time_window).send().await.unwrap();
    lab.delete("shared").await;
    let left = and_inbox(["Schedule guest".to_owned(), format!("ScheduleGroup {}", names.schedule)]);
    eventually("all is gone but the guest", async || {
        let everything = lab.aws.everything().await;
        if everything == left { Ok(()) } else { Err(format!("{everything:?}")) }
    })
    .await;
    lab.until("shared", "says what holds it up", |pipeline| {
        let status = serde_json::to_string(&pipeline.status).unwrap();
        status.contains("guest") || status.contains("schedule")
    })
    .await;
    lab.aws.scheduler.delete_schedule().group_name(&names.schedule).name("guest").send().await.unwrap();
    lab.gone("shared").await;
    assert_eq!(lab.aws.everything().await, BTreeSet::new());
}

#[tokio::test]
async fn a_pipeline_deleted_while_it_is_made_leaves_nothing_behind() {
    let lab = Lab::new().await;
    lab.strict.settings(json!({"latencyMs": 40})).await;
    for number in 0..3 {
        let name = format!("brief-{number}");
        lab.apply(&name, specs::message(specs::YEARLY)).await;
        lab.until(&name, "has begun", |pipeline| !rows(pipeline).is_empty()).await;
        lab.delete(&name).await;
        lab.gone(&name).await;
        assert_eq!(lab.aws.everything().await, BTreeSet::new());
    }
}

#[tokio::test]
async fn a_name_can_be_used_again() {
    let lab = Lab::new().await;
    let mut uids = BTreeSet::new();
    for _ in 0..2 {
        lab.apply("again", specs::message(specs::YEARLY)).await;
        uids.insert(lab.ready("again").await.metadata.uid.unwrap());
        assert_eq!(lab.aws.everything().await, lab.names("again").all_and_inbox());
        lab.delete("again").await;
        lab.gone("again").await;
    }
    assert_eq!(uids.len(), 2);
    assert_eq!(lab.aws.everything().await, BTreeSet::new());
}

#[tokio::test]
async fn a_deletion_that_aws_denies_says_why_and_goes_on_when_it_may() {
    let lab = Lab::new().await;
    lab.apply("held", specs::message(specs::YEARLY)).await;
    lab.ready("held").await;
    let denied = json!({
        "service": "iam", "operation": "DeleteRole", "status": 403, "error": "AccessDenied", "count": -1,
        "message": "not authorized to perform: iam:DeleteRole",
    });
    lab.strict.fault(denied).await;
    lab.delete("held").await;
    let message = lab.not_ready("held", "Denied").await;
    for words in ["Role ", "iam:DeleteRole", "IAM policy"] {
        assert!(message.contains(words), "no `{words}` in: {message}");
    }
    let left = rows(&lab.get("held").await);
    assert!(left.iter().all(|row| row.starts_with("Role ")) && !left.is_empty(), "{left:?}");
    lab.strict.clear_faults().await;
    lab.gone("held").await;
    assert_eq!(lab.aws.everything().await, BTreeSet::new());
}

#[tokio::test]
async fn what_others_put_on_a_role_is_named_and_left_alone() {
    let lab = Lab::new().await;
    lab.apply("used", specs::message(specs::YEARLY)).await;
    lab.ready("used").await;
    let role = lab.names("used").runner;
    let statement = json!({"Effect": "Deny", "Action": "s3:*", "Resource": "*"});
    let document = json!({"Version": "2012-10-17", "Statement": [statement]}).to_string();
    let request = lab.aws.iam.create_policy().policy_name("audit").policy_document(&document);
    let audit = request.send().await.unwrap().policy.unwrap().arn.unwrap();
    lab.aws.iam.attach_role_policy().role_name(&role).policy_arn(&audit).send().await.unwrap();
    let request = lab.aws.iam.put_role_policy().role_name(&role).policy_name("by-hand").policy_document(&document);
    request.send().await.unwrap();
    lab.delete("used").await;
    let message = lab.not_ready("used", "Conflict").await;
    for words in [format!("Role {role}").as_str(), &audit, "inline policy by-hand", "take off what others put on"] {
        assert!(message.contains(words), "no `{words}` in: {message}");
    }
    assert_eq!(lab.aws.everything().await, and_inbox([format!("Role {role}")]));
    let attached = lab.aws.iam.list_attached_role_policies().role_name(&role).send().await.unwrap();
    assert_eq!(attached.attached_policies().len(), 1);
    let events = lab.told("used", "Conflict", 1).await;
    assert!(events.iter().any(|event| event.contains(&audit)), "{events:?}");

    lab.aws.iam.detach_role_policy().role_name(&role).policy_arn(&audit).send().await.unwrap();
    lab.aws.iam.delete_role_policy().role_name(&role).policy_name("by-hand").send().await.unwrap();
    lab.gone("used").await;
    assert_eq!(lab.aws.everything().await, BTreeSet::new());
}

#[tokio::test]
async fn a_log_group_that_somebody_protects_is_named_and_left_alone() {
    let lab = Lab::new().await;
    lab.apply("kept", specs::message(specs::YEARLY)).await;
    lab.ready("kept").await;
    let group = lab.names("kept").runner_logs;
    let protect = async |on: bool| {
        let request = lab.aws.logs.put_log_group_deletion_protection().log_group_identifier(&group);
        request.deletion_protection_enabled(on).send().await.unwrap();
    };
    protect(true).await;
    lab.delete("kept").await;
    let message = lab.not_ready("kept", "Conflict").await;
    for words in [format!("LogGroup {group}").as_str(), "deletion protection is on", "turn its deletion protection off"]
    {
        assert!(message.contains(words), "no `{words}` in: {message}");
    }
    protect(false).await;
    lab.gone("kept").await;
    assert_eq!(lab.aws.everything().await, BTreeSet::new());
}

#[tokio::test]
async fn one_resource_that_will_not_go_stops_no_other() {
    let lab = Lab::new().await;
    lab.apply("stubborn", specs::message(specs::YEARLY)).await;
    lab.ready("stubborn").await;
    let names = lab.names("stubborn");
    let denied = json!({
        "service": "lambda", "operation": "DeleteFunction", "resource": names.sender, "status": 403, "count": -1,
        "error": "AccessDeniedException", "message": "not authorized to perform: lambda:DeleteFunction with an explicit deny in a service control policy",
    });
    lab.strict.fault(denied).await;
    let unseen = json!({
        "service": "sqs", "operation": "GetQueueAttributes", "resource": names.tasks_dlq, "status": 403, "count": -1,
        "by": "operator", "error": "AccessDenied", "message": "not authorized to perform: sqs:GetQueueAttributes",
    });
    lab.strict.fault(unseen).await;
    lab.delete("stubborn").await;
    let message = lab.not_ready("stubborn", "Denied").await;
    assert!(message.contains("and 1 more, see resources"), "{message}");
    // A queue that may hold dead letters, and what the function still needs.
    let left = BTreeSet::from([
        format!("Function {}", names.sender),
        format!("LogGroup {}", names.sender_logs),
        format!("Queue {}", names.tasks_dlq),
        format!("Role {}", names.sender),
    ]);
    assert_eq!(lab.aws.everything().await, and_inbox(left.clone()));
    assert_eq!(rows(&lab.get("stubborn").await), left);
    lab.strict.clear_faults().await;
    lab.gone("stubborn").await;
    assert_eq!(lab.aws.everything().await, BTreeSet::new());
}

#[tokio::test]
async fn revoked_credentials_hold_a_deletion_that_says_so() {
    let lab = Lab::new().await;
    lab.apply("revoked", specs::message(specs::YEARLY)).await;
    lab.ready("revoked").await;
    let revoked = json!({
        "status": 403, "error": "InvalidClientTokenId", "by": "operator", "count": -1,
        "message": "The security token included in the request is invalid.",
    });
    lab.strict.fault(revoked).await;
    lab.delete("revoked").await;
    let message = lab.not_ready("revoked", "Credentials").await;
    for words in ["InvalidClientTokenId", "give the operator valid AWS credentials"] {
        assert!(message.contains(words), "no `{words}` in: {message}");
    }
    assert_eq!(rows(&lab.get("revoked").await), lab.names("revoked").all());
    lab.strict.clear_faults().await;
    lab.gone("revoked").await;
    assert_eq!(lab.aws.everything().await, BTreeSet::new());
}

#[tokio::test]
async fn a_pipeline_of_a_deleted_namespace_leaves_nothing_behind() {
    let lab = Lab::new().await;
    lab.apply("evicted", specs::message(specs::YEARLY)).await;
    lab.ready("evicted").await;
    let namespaces: Api<Namespace> = Api::all(lab.kube.clone());
    namespaces.delete(&lab.namespace, &DeleteParams::default()).await.unwrap();
    // What the namespace controller does next, which is not here. Events are no longer taken.
    lab.delete("evicted").await;
    lab.gone("evicted").await;
    assert_eq!(lab.aws.everything().await, BTreeSet::new());
}

#[tokio::test]
async fn what_becomes_somebody_elses_while_a_deletion_waits_is_left_alone() {
    let lab = Lab::new().await;
    lab.apply("handed-over", specs::message(specs::YEARLY)).await;
    lab.ready("handed-over").await;
    let names = lab.names("handed-over");
    let slow = json!({"service": "lambda", "operation": "DeleteFunction", "delayMs": 3000, "count": -1});
    lab.strict.fault(slow).await;
    lab.delete("handed-over").await;
    eventually("the functions are being deleted", async || {
        let calls = lab.strict.calls().await;
        // Written down when it is answered; the last thing before is that the mapping is gone.
        if calls.iter().any(|call| call.operation == "DeleteEventSourceMapping") {
            Ok(())
        } else {
            Err(format!("{} calls", calls.len()))
        }
    })
    .await;
    let request = lab.aws.iam.tag_role().role_name(&names.sender);
    let theirs = Tag::builder().key("taskpipelines.dev/cluster").value("another").build().unwrap();
    request.tags(theirs).send().await.unwrap();
    lab.gone("handed-over").await;
    assert_eq!(lab.aws.everything().await, BTreeSet::from([format!("Role {}", names.sender)]));
}
