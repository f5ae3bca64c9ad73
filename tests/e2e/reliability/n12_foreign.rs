//! 12: what carries the pipeline's names and is another's, or nobody's, in every kind and at every moment.

use std::collections::BTreeSet;

use aws_sdk_lambda::primitives::Blob;
use aws_sdk_lambda::types::{FunctionCode, Runtime};
use aws_sdk_ssm::types::{ParameterType, ResourceTypeForTagging};
use kube::ResourceExt as _;
use pipeline_core::resource::Kind;
use serde_json::json;
use strum::VariantArray as _;

use super::lifecycle::{self, Act, NAME};
use crate::harness::gate::Write;
use crate::harness::{Lab, Names, Settings, eventually, specs};

const CLUSTER: &str = "taskpipelines.dev/cluster";
const UID: &str = "taskpipelines.dev/uid";

/// The kinds that can become another's: all but layer versions, which never change. `tests/e2e/layers.rs` has those.
fn kinds() -> impl Iterator<Item = Kind> {
    Kind::VARIANTS.iter().copied().filter(|kind| *kind != Kind::LayerVersion)
}

/// Name of the pipeline's resource that stands for its kind here.
fn name(names: &Names, kind: Kind) -> &str {
    match kind {
        Kind::LogGroup => &names.runner_logs,
        Kind::Queue => &names.tasks,
        Kind::Parameter => &names.parameter,
        Kind::Role | Kind::Function => &names.sender,
        Kind::EventSourceMapping => &names.runner,
        Kind::LayerVersion => unreachable!("the pipeline has no layers"),
        Kind::ScheduleGroup | Kind::Schedule => &names.schedule,
    }
}

/// ARN of that, where tags go by ARN.
async fn arn(lab: &Lab, names: &Names, kind: Kind) -> String {
    let name = name(names, kind);
    match kind {
        Kind::LogGroup => lab.arn("logs", &format!("log-group:{name}")),
        Kind::Function => lab.arn("lambda", &format!("function:{name}")),
        Kind::ScheduleGroup => lab.arn("scheduler", &format!("schedule-group/{name}")),
        Kind::EventSourceMapping => {
            let mappings = lab.aws.lambda.list_event_source_mappings().send().await.unwrap();
            mappings.event_source_mappings()[0].event_source_mapping_arn().unwrap().to_owned()
        }
        Kind::Queue | Kind::Parameter | Kind::Role | Kind::LayerVersion | Kind::Schedule => String::new(),
    }
}

/// Puts a tag on it by hand; a schedule, which cannot be tagged, gets a description.
async fn tag(lab: &Lab, names: &Names, kind: Kind, key: &str, value: &str) {
    let (aws, name, arn) = (&lab.aws, name(names, kind), arn(lab, names, kind).await);
    match kind {
        Kind::Queue => drop(aws.sqs.tag_queue().queue_url(aws.queue_url(name)).tags(key, value).send().await.unwrap()),
        Kind::LogGroup => drop(aws.logs.tag_resource().resource_arn(arn).tags(key, value).send().await.unwrap()),
        Kind::Function | Kind::EventSourceMapping => {
            drop(aws.lambda.tag_resource().resource(arn).tags(key, value).send().await.unwrap());
        }
        Kind::Role => {
            let tag = aws_sdk_iam::types::Tag::builder().key(key).value(value).build().unwrap();
            drop(aws.iam.tag_role().role_name(name).tags(tag).send().await.unwrap());
        }
        Kind::Parameter => {
            let tag = aws_sdk_ssm::types::Tag::builder().key(key).value(value).build().unwrap();
            let request = aws.ssm.add_tags_to_resource().resource_type(ResourceTypeForTagging::Parameter);
            drop(request.resource_id(name).tags(tag).send().await.unwrap());
        }
        Kind::ScheduleGroup => {
            let tag = aws_sdk_scheduler::types::Tag::builder().key(key).value(value).build().unwrap();
            drop(aws.scheduler.tag_resource().resource_arn(arn).tags(tag).send().await.unwrap());
        }
        Kind::LayerVersion => unreachable!("a layer has no tags"),
        Kind::Schedule => {
            let said = lab.aws.schedule(name).await.description.unwrap();
            let label = format!("{}=", key.rsplit('/').next().unwrap());
            let words = said
                .split(' ')
                .map(|word| if word.starts_with(&label) { format!("{label}{value}") } else { word.to_owned() });
            describe(lab, name, &words.collect::<Vec<_>>().join(" ")).await;
        }
    }
}

/// Takes a tag off by hand.
async fn untag(lab: &Lab, names: &Names, kind: Kind, key: &str) {
    let (aws, name, arn) = (&lab.aws, name(names, kind), arn(lab, names, kind).await);
    match kind {
        Kind::Queue => drop(aws.sqs.untag_queue().queue_url(aws.queue_url(name)).tag_keys(key).send().await.unwrap()),
        Kind::LogGroup => drop(aws.logs.untag_resource().resource_arn(arn).tag_keys(key).send().await.unwrap()),
        Kind::Function | Kind::EventSourceMapping => {
            drop(aws.lambda.untag_resource().resource(arn).tag_keys(key).send().await.unwrap());
        }
        Kind::Role => drop(aws.iam.untag_role().role_name(name).tag_keys(key).send().await.unwrap()),
        Kind::Parameter => {
            let request = aws.ssm.remove_tags_from_resource().resource_type(ResourceTypeForTagging::Parameter);
            drop(request.resource_id(name).tag_keys(key).send().await.unwrap());
        }
        Kind::ScheduleGroup => {
            drop(aws.scheduler.untag_resource().resource_arn(arn).tag_keys(key).send().await.unwrap());
        }
        Kind::LayerVersion => unreachable!("a layer has no tags"),
        Kind::Schedule => describe(lab, name, "theirs").await,
    }
}

async fn describe(lab: &Lab, name: &str, description: &str) {
    let was = lab.aws.schedule(name).await;
    let request = lab.aws.scheduler.update_schedule().group_name(name).name(name).description(description);
    let request = request.set_schedule_expression(was.schedule_expression).set_target(was.target);
    let request = request.set_flexible_time_window(was.flexible_time_window).set_state(was.state);
    let request = request.set_schedule_expression_timezone(was.schedule_expression_timezone);
    request.set_action_after_completion(was.action_after_completion).send().await.unwrap();
}

/// Makes the operator reconcile, waits for the conflict, and checks that nothing was written to AWS.
async fn conflict(lab: &Lab, kind: Kind, words: &[&str]) {
    let written = lab.gate().writes();
    lab.resync(NAME).await;
    let message = lab.not_ready(NAME, "Conflict").await;
    for word in words {
        assert!(message.contains(word), "{kind}: no `{word}` in: {message}");
    }
    let journal = lab.gate().journal().split_off(written);
    let on_aws: Vec<_> = journal.iter().filter(|write| matches!(write, Write::Aws(_))).collect();
    assert!(on_aws.is_empty(), "{kind}: written in spite of the conflict: {on_aws:?}");
}

#[tokio::test]
async fn n12_what_became_anothers_is_refused_in_every_kind_and_named() {
    let lab = lifecycle::world().await;
    Act::Create.begin(&lab).await;
    Act::Create.done(&lab).await;
    let (names, uid) = (lab.names(NAME), lab.get(NAME).await.uid().unwrap());
    for kind in kinds() {
        let name = name(&names, kind);
        tag(&lab, &names, kind, CLUSTER, "another-cluster").await;
        conflict(&lab, kind, &[name, "another-cluster"]).await;
        tag(&lab, &names, kind, CLUSTER, "e2e").await;
        tag(&lab, &names, kind, UID, "another-uid").await;
        conflict(&lab, kind, &[name, "another-uid", &uid]).await;
        tag(&lab, &names, kind, UID, &uid).await;
        let description = lab.aws.schedule(&names.schedule).await.description.unwrap();
        untag(&lab, &names, kind, CLUSTER).await;
        conflict(&lab, kind, &[name, "carries no tags of this operator"]).await;
        if kind == Kind::Schedule {
            describe(&lab, &names.schedule, &description).await;
        } else {
            tag(&lab, &names, kind, CLUSTER, "e2e").await;
        }
        lab.resync(NAME).await;
        lab.ready(NAME).await;
    }
    lab.settled(NAME).await;
    lab.finish().await;
}

#[tokio::test]
async fn n12_what_became_anothers_is_not_deleted_in_any_kind() {
    let lab = lifecycle::world().await;
    Act::Create.begin(&lab).await;
    Act::Create.done(&lab).await;
    lab.settled(NAME).await;
    let names = lab.names(NAME);
    for kind in kinds() {
        tag(&lab, &names, kind, CLUSTER, "another-cluster").await;
    }
    let theirs: BTreeSet<String> = kinds().map(|kind| format!("{kind} {}", name(&names, kind))).collect();
    Act::Delete.begin(&lab).await;
    Act::Delete.done(&lab).await;
    lab.finish_leaving(&Vec::from_iter(theirs)).await;
}

/// Makes by hand what the operator is about to make.
async fn make(lab: &Lab, names: &Names, kind: Kind) {
    let (aws, name) = (&lab.aws, name(names, kind));
    match kind {
        Kind::Queue => drop(aws.sqs.create_queue().queue_name(name).send().await.unwrap()),
        Kind::LogGroup => drop(aws.logs.create_log_group().log_group_name(name).send().await.unwrap()),
        Kind::Parameter => {
            let request = aws.ssm.put_parameter().name(name).value("theirs").r#type(ParameterType::String);
            drop(request.send().await.unwrap());
        }
        Kind::Role => {
            let request = aws.iam.create_role().role_name(name);
            let trust = json!({"Version": "2012-10-17", "Statement": [{
                "Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole",
            }]});
            drop(request.assume_role_policy_document(trust.to_string()).send().await.unwrap());
        }
        Kind::ScheduleGroup => drop(aws.scheduler.create_schedule_group().name(name).send().await.unwrap()),
        Kind::Function => {
            let role = lab.aws.iam.get_role().role_name(&names.sender).send().await.unwrap().role.unwrap().arn;
            let code = FunctionCode::builder().zip_file(Blob::new(specs::EMPTY_ZIP)).build();
            let request = aws.lambda.create_function().function_name(name).runtime(Runtime::Providedal2023);
            let request = request.role(role).handler("theirs").code(code);
            // A role that was just made cannot be assumed yet.
            eventually("somebody makes the function", async || match request.clone().send().await {
                Ok(made) => Ok(made),
                Err(error) => Err(format!("{error:?}")),
            })
            .await;
        }
        // Both live in what belongs to the pipeline already.
        Kind::EventSourceMapping | Kind::LayerVersion | Kind::Schedule => panic!("no {kind} comes before its pipeline"),
    }
}

#[tokio::test]
async fn n12_what_somebody_makes_between_the_observation_and_the_creation_stays_theirs() {
    for (kind, creation) in [
        (Kind::Queue, "sqs:CreateQueue"),
        (Kind::LogGroup, "logs:CreateLogGroup"),
        (Kind::Parameter, "ssm:PutParameter"),
        (Kind::Role, "iam:CreateRole"),
        (Kind::ScheduleGroup, "scheduler:POST /schedule-groups/"),
        (Kind::Function, "lambda:POST /2015-03-31/functions"),
    ] {
        let mut lab = Lab::gated().await;
        let names = lab.names(NAME);
        lab.start(&Settings::default());
        lab.gate().pause_before(creation);
        lab.apply(NAME, specs::message(specs::YEARLY)).await;
        // The first of its kind; none of that kind is there yet.
        lab.gate().paused().await;
        make(&lab, &names, kind).await;
        let theirs = format!("{kind} {}", name(&names, kind));
        let line = format!("{}/", theirs.replace(&names.schedule, "FRONT"));
        let before = lab.snapshot(NAME).await.below(&line);
        lab.gate().go_on();
        let message = lab.not_ready(NAME, "Conflict").await;
        assert!(message.contains(name(&names, kind)), "{message}");
        lab.delete(NAME).await;
        lab.gone(NAME).await;
        let mut differing = before.differing(&lab.snapshot(NAME).await.below(&line));
        // Lambda itself brings a new function from Pending to Active.
        differing.retain(|path| !path.contains("//state") && !path.contains("//last_update_status"));
        assert_eq!(differing, BTreeSet::new(), "{theirs}");
        lab.finish_leaving(&[theirs]).await;
    }
}
