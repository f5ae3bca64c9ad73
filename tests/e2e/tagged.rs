//! Tags: the pipeline's own come and go with its spec, those of others stay, and one that a policy protects holds up
//! nothing else.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::harness::aws::Texts;
use crate::harness::{INBOX, Lab, Settings, condition, eventually, specs};

/// Tags that organizations and AWS itself put on what others made.
const FOREIGN: [(&str, &str); 2] = [("cost-center", "42"), ("aws:cloudformation:stack-name", "landing-zone")];

/// What takes a tag off.
const REMOVALS: [&str; 3] = ["UntagQueue", "UntagRole", "RemoveTagsFromResource"];

fn tagged(schedule: &str, tags: Value) -> Value {
    specs::merged(specs::message(schedule), json!({"tags": tags}))
}

/// Every resource's tags, without those that say whose it is; they must all be the same.
async fn tags(lab: &Lab, pipeline: &str) -> Texts {
    tags_of(lab, pipeline, |_| true).await
}

/// The same of all that a policy can protect the tags of by their keys. CloudWatch Logs knows no conditions on those.
async fn protected_tags(lab: &Lab, pipeline: &str) -> Texts {
    tags_of(lab, pipeline, |resource| !resource.starts_with("LogGroup ")).await
}

async fn tags_of(lab: &Lab, pipeline: &str, counts: fn(&str) -> bool) -> Texts {
    let all = lab.tags(pipeline).await;
    let of_the_owner = |key: &String| key.starts_with("taskpipelines.dev/");
    let all: BTreeMap<String, Texts> = all
        .into_iter()
        .filter(|(resource, _)| counts(resource))
        .map(|(resource, tags)| (resource, tags.into_iter().filter(|(key, _)| !of_the_owner(key)).collect()))
        .collect();
    let first = all.values().next().unwrap().clone();
    assert!(all.values().all(|tags| *tags == first), "{all:#?}");
    first
}

fn texts(tags: &[(&str, &str)]) -> Texts {
    tags.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
}

/// The tags of others, and these.
fn beside_foreign(tags: &[(&str, &str)]) -> Texts {
    texts(&[&FOREIGN, tags].concat())
}

/// Calls of the operator that took a tag off.
async fn removals(lab: &Lab) -> Vec<String> {
    let calls = lab.strict.calls().await.into_iter().map(|call| call.operation);
    calls.filter(|operation| REMOVALS.contains(&operation.as_str()) || operation == "UntagResource").collect()
}

/// What the status records.
async fn recorded(lab: &Lab, pipeline: &str) -> Vec<String> {
    lab.get(pipeline).await.status.unwrap().tag_keys
}

#[tokio::test]
async fn foreign_tags_stay_and_stop_no_edit() {
    let lab = Lab::with(Settings { sweep_seconds: 1, ..Settings::default() }).await;
    lab.apply("shared", tagged(specs::YEARLY, json!({"team": "data"}))).await;
    lab.ready("shared").await;
    for (key, value) in FOREIGN {
        lab.tag("shared", key, value).await;
        let inbox = lab.aws.sqs.tag_queue().queue_url(lab.aws.queue_url(INBOX));
        inbox.tags(key, value).send().await.unwrap();
    }
    lab.strict.forget_calls().await;

    let edit =
        json!({"runner": {"memoryMiB": 512}, "queue": {"retentionSeconds": 3600}, "sender": {"logRetentionDays": 7}});
    lab.apply("shared", specs::merged(tagged("0 7 29 2 *", json!({"team": "ops", "stage": "live"})), edit)).await;
    let pipeline = lab.ready("shared").await;
    assert_eq!(condition(&pipeline, "Stalled"), None);
    assert_eq!(tags(&lab, "shared").await, beside_foreign(&[("team", "ops"), ("stage", "live")]));
    assert_eq!(lab.aws.function(&lab.names("shared").runner).await.memory_size, Some(512));

    lab.resync("shared").await;
    assert_eq!(removals(&lab).await, Vec::<String>::new());
    lab.strict.forget_calls().await;
    lab.resyncs("shared", 2).await;
    assert_eq!(lab.strict.writes().await, Vec::<String>::new(), "foreign tags are nothing to put right");
    let events = lab.events("shared").await;
    assert!(!events.iter().any(|event| event.starts_with("DriftCorrected")), "{events:#?}");

    // An operator that starts anew takes the inbox for its own, also with tags of others.
    let mut lab = lab;
    lab.start(&Settings::default());
    lab.resync("shared").await;
    assert!(!lab.log().contains("runs are not reported"), "{}", lab.log());

    lab.delete("shared").await;
    lab.gone("shared").await;
    assert!(lab.aws.everything().await.is_empty());
}

#[tokio::test]
async fn tags_that_a_spec_names_no_more_are_removed_whichever_operator_finds_that() {
    let mut lab = Lab::new().await;
    lab.apply("edited", tagged(specs::YEARLY, json!({"team": "data", "stage": "test", "old": "x", "older": "y"})))
        .await;
    lab.ready("edited").await;
    for (key, value) in FOREIGN {
        lab.tag("edited", key, value).await;
    }
    assert_eq!(recorded(&lab, "edited").await, ["old", "older", "stage", "team"]);
    lab.apply("edited", tagged(specs::YEARLY, json!({"team": "data", "stage": "live"}))).await;
    lab.ready("edited").await;
    assert_eq!(tags(&lab, "edited").await, beside_foreign(&[("team", "data"), ("stage", "live")]));

    lab.kill();
    lab.apply("edited", tagged(specs::YEARLY, json!({"team": "data"}))).await;
    lab.start(&Settings::default());
    lab.ready("edited").await;
    assert_eq!(tags(&lab, "edited").await, beside_foreign(&[("team", "data")]));
    lab.resync("edited").await;
    assert_eq!(recorded(&lab, "edited").await, ["team"], "what is gone is somebody else's when it comes again");
    lab.tag("edited", "stage", "theirs").await;
    lab.resync("edited").await;
    assert_eq!(tags(&lab, "edited").await, beside_foreign(&[("team", "data"), ("stage", "theirs")]));
}

/// Lets the operator change no tag of this key, as a policy of an organization would; or lets it again.
async fn protect(lab: &Lab, key: Option<&str>) {
    let name = "protected-tags";
    let Some(key) = key else {
        lab.aws.iam.delete_user_policy().user_name("operator").policy_name(name).send().await.unwrap();
        return;
    };
    let document = json!({"Version": "2012-10-17", "Statement": [{
        "Effect": "Deny", "Action": "*", "Resource": "*", "Condition": {"ForAnyValue:StringEquals": {"aws:TagKeys": [key]}},
    }]});
    let request = lab.aws.iam.put_user_policy().user_name("operator").policy_name(name);
    request.policy_document(document.to_string()).send().await.unwrap();
}

#[tokio::test]
async fn a_tag_that_a_policy_protects_holds_up_no_other_change_and_is_told() {
    let mut lab = Lab::new().await;
    lab.apply("governed", tagged(specs::YEARLY, json!({"team": "data"}))).await;
    lab.ready("governed").await;
    let names = lab.names("governed");

    protect(&lab, Some("stage")).await;
    let edit = json!({"runner": {"memoryMiB": 512}, "queue": {"retentionSeconds": 3600}});
    let spec =
        specs::merged(tagged("0 7 29 2 *", json!({"team": "ops", "stage": "live", "tier": "gold"})), edit.clone());
    lab.apply("governed", spec).await;
    let message = lab.not_ready("governed", "TagsRefused").await;
    for part in
        ["tag `stage` cannot be set", "AccessDenied", "(and 10 more, see resources)", "everything else is as wanted"]
    {
        assert!(message.contains(part), "no {part:?} in {message}");
    }
    assert_eq!(protected_tags(&lab, "governed").await, texts(&[("team", "ops"), ("tier", "gold")]));
    assert_eq!(lab.aws.function(&names.runner).await.memory_size, Some(512));
    assert_eq!(lab.aws.queue(&names.tasks).await["MessageRetentionPeriod"], "3600");
    let schedule = lab.aws.schedule(&names.schedule).await;
    assert_eq!(schedule.schedule_expression.unwrap(), "cron(0 7 29 2 ? *)", "the last of all steps");
    let pipeline = lab.get("governed").await;
    assert!(condition(&pipeline, "Stalled").is_some(), "only a person can mend it");
    let status = pipeline.status.unwrap();
    let failed: Vec<_> = status.resources.iter().filter(|row| row.message.is_some()).collect();
    // All but the log groups: CloudWatch Logs does not decide by the keys of tags.
    assert_eq!(failed.len(), 11, "{failed:#?}");
    assert!(status.plan.iter().all(|change| change.changes.len() == 1 && change.changes[0].field == "tags.stage"));
    // It fires by hand, too.
    lab.patch("governed", json!({"metadata": {"annotations": {"taskpipelines.dev/run-now": "one"}}})).await;
    eventually("the command fired a run", async || {
        let events = lab.events("governed").await;
        if events.iter().any(|event| event.starts_with("RunNow: ")) { Ok(()) } else { Err(format!("{events:#?}")) }
    })
    .await;

    protect(&lab, None).await;
    lab.ready("governed").await;
    assert_eq!(tags(&lab, "governed").await, texts(&[("team", "ops"), ("stage", "live"), ("tier", "gold")]));

    protect(&lab, Some("stage")).await;
    lab.apply("governed", specs::merged(tagged(specs::YEARLY, json!({"team": "ops"})), edit)).await;
    let message = lab.not_ready("governed", "TagsRefused").await;
    for part in ["tag `stage` cannot be removed", "put tag `stage` back into spec.tags"] {
        assert!(message.contains(part), "no {part:?} in {message}");
    }
    assert_eq!(protected_tags(&lab, "governed").await, texts(&[("team", "ops"), ("stage", "live")]));
    lab.start(&Settings::default());
    lab.not_ready("governed", "TagsRefused").await;
    protect(&lab, None).await;
    lab.ready("governed").await;
    assert_eq!(tags(&lab, "governed").await, texts(&[("team", "ops")]));
    let events = lab.events("governed").await;
    assert!(!events.iter().any(|event| event.starts_with("DriftCorrected")), "{events:#?}");
}

#[tokio::test]
async fn a_pipeline_whose_tags_are_refused_at_its_creation_says_so() {
    let lab = Lab::without_operator().await;
    protect(&lab, Some("stage")).await;
    let mut lab = lab;
    lab.start(&Settings::default());
    lab.apply("governed", tagged(specs::YEARLY, json!({"stage": "live"}))).await;
    // AWS makes nothing that it may not tag.
    let message = lab.not_ready("governed", "Denied").await;
    assert!(message.contains("explicit deny") && message.contains("remove what denies"), "{message}");
    protect(&lab, None).await;
    lab.ready("governed").await;
    assert_eq!(tags(&lab, "governed").await, texts(&[("stage", "live")]));
}
