//! 19: AWS is behind itself, as far as it ever is.

use serde_json::{Value, json};

use super::lifecycle::{self, Act, NAME, Reference};
use super::trials;
use crate::harness::{INBOX, Settings, eventually};

/// Lives a life with an AWS that is slow in one way; judged as one without.
async fn slow(settings: Value) {
    let lab = lifecycle::world().await;
    for act in Act::ALL {
        lab.strict.settings(settings.clone()).await;
        let began = lab.gate().writes();
        lab.strict.forget_calls().await;
        act.begin(&lab).await;
        act.done(&lab).await;
        if act != Act::Delete {
            lab.settled(NAME).await;
        }
        // What is compared is shown.
        lab.strict.settings(json!({"queueAttributeSeconds": 0})).await;
        Reference::get().await.judge(&lab, act, began).await;
    }
    lab.finish().await;
}

/// As slow as AWS is in a soak, else as slow as to be met once.
fn seconds(real: u32, short: u32) -> u32 {
    if trials::soak() { real } else { short }
}

#[tokio::test]
async fn n19_roles_that_cannot_be_assumed_yet_are_waited_for() {
    slow(json!({"roleDelaySeconds": seconds(10, 2), "pendingSeconds": seconds(5, 1)})).await;
}

#[tokio::test]
async fn n19_lists_and_searches_that_lag_behind_hide_nothing() {
    let lab = lifecycle::world().await;
    for act in [Act::Create, Act::Update, Act::Shrink] {
        lab.strict.settings(json!({"listDelaySeconds": seconds(5, 2), "tagIndexDelaySeconds": seconds(60, 5)})).await;
        lab.strict.forget_calls().await;
        act.begin(&lab).await;
        act.done(&lab).await;
        assert_eq!(lab.counts(NAME).await, *Reference::get().await.counts(act), "{act:?}");
        let updates = lab.strict.writes().await.into_iter().filter(|write| write == "lambda:UpdateEventSourceMapping");
        assert!(updates.count() <= 1, "{act:?}: a mapping is found by a list, and read by itself");
        // What is compared is listed.
        lab.strict.settings(json!({"listDelaySeconds": 0, "tagIndexDelaySeconds": 0})).await;
        lifecycle::rests(&lab, act).await;
    }
    lab.finish().await;
}

#[tokio::test]
async fn n19_attributes_and_mappings_that_take_their_time_are_waited_for() {
    slow(json!({"queueAttributeSeconds": seconds(60, 1), "mappingSeconds": seconds(10, 1), "groupDeletingSeconds": 1}))
        .await;
}

#[tokio::test]
async fn n19_a_deleted_queues_name_is_waited_for() {
    let mut lab = lifecycle::world().await;
    lab.strict.settings(json!({"queueNameSeconds": seconds(60, 3)})).await;
    Act::Create.begin(&lab).await;
    Act::Create.done(&lab).await;
    Act::Delete.begin(&lab).await;
    Act::Delete.done(&lab).await;
    lab.strict.forget_calls().await;
    lab.start(&Settings::default());
    Act::Create.begin(&lab).await;
    Act::Create.done(&lab).await;
    eventually("the inbox, whose name rested too, is there again", async || {
        let everything = lab.aws.everything().await;
        if everything.contains(&format!("Queue {INBOX}")) { Ok(()) } else { Err(format!("{everything:?}")) }
    })
    .await;
    assert_eq!(lab.counts(NAME).await, *Reference::get().await.counts(Act::Create));
    lifecycle::rests(&lab, Act::Create).await;
    assert!(!lab.log().contains("needs attention"), "waiting is not a failure");
    assert_eq!(lab.all().await, [NAME]);
    lab.finish().await;
}
