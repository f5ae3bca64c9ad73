//! 13: two operators at work on one pipeline.

use std::collections::BTreeSet;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use k8s_openapi::api::coordination::v1::{Lease, LeaseSpec};
use kube::api::Api;
use serde_json::json;
use tokio::time::sleep;

use super::lifecycle::{self, Act, NAME, Reference};
use crate::harness::{Lab, Operator, Settings, condition, eventually, specs};

#[tokio::test]
async fn n13_two_operators_at_once_make_change_and_delete_each_thing_once() {
    let mut lab = lifecycle::world().await;
    let _other = lab.start_another(&Settings::default());
    for act in [Act::Create, Act::Update, Act::Shrink] {
        lab.strict.forget_calls().await;
        act.begin(&lab).await;
        act.done(&lab).await;
        assert_eq!(lab.counts(NAME).await, *Reference::get().await.counts(act), "{act:?}");
        lifecycle::rests(&lab, act).await;
    }
    lab.finish().await;
}

#[tokio::test]
async fn n13_an_operator_that_wakes_in_the_middle_of_its_work_finds_it_done_and_leaves_it() {
    let mut lab = lifecycle::world().await;
    let sleeping = lab.start_another(&Settings::default());
    lab.kill();
    lab.gate().hold_after(9);
    Act::Create.begin(&lab).await;
    lab.gate().held().await;
    sleeping.signal("-STOP");
    lab.gate().release();
    lab.start(&Settings::default());
    Act::Create.done(&lab).await;
    lab.settled(NAME).await;
    sleeping.signal("-CONT");
    lifecycle::rests(&lab, Act::Create).await;
    drop(sleeping);
    lab.finish().await;
}

/// An operator that works only while it holds the lease of this world.
fn elected(lab: &Lab) -> Settings {
    Settings { variables: vec![("TASK_PIPELINES_LEASE", lab.namespace.clone())], ..Settings::default() }
}

/// Waits until the lease has changed hands so often, and gives it.
async fn lease(lab: &Lab, transitions: i32) -> LeaseSpec {
    let leases: Api<Lease> = Api::default_namespaced(lab.kube.clone());
    eventually(&format!("the lease has changed hands {transitions} times"), async || {
        let lease = leases.get_opt(&lab.namespace).await.unwrap().and_then(|lease| lease.spec);
        let lease = lease.filter(|lease| lease.holder_identity.is_some());
        let reached = |lease: &LeaseSpec| lease.lease_transitions == Some(transitions);
        lease.clone().filter(reached).ok_or_else(|| format!("{lease:?}"))
    })
    .await
}

/// Operators that stand for one lease: the one that leads, and its standby.
async fn leader_and_standby(lab: &mut Lab) -> (Operator, Operator) {
    let settings = elected(lab);
    let leader = lab.start_another(&settings);
    lease(lab, 0).await;
    (leader, lab.start_another(&settings))
}

const MANY: usize = 20;

async fn apply_many(lab: &Lab) -> Vec<String> {
    let names: Vec<String> = (0..MANY).map(|number| format!("p{number}")).collect();
    for name in &names {
        lab.apply(name, specs::message(specs::YEARLY)).await;
    }
    names
}

/// All are ready, and nothing was made twice.
async fn all_made_once(lab: &Lab, names: &[String]) {
    let mut everything = BTreeSet::new();
    for name in names {
        lab.ready(name).await;
        everything.extend(lab.names(name).all_and_inbox());
    }
    assert_eq!(lab.aws.everything().await, everything);
    let mut made = BTreeSet::new();
    for call in lab.strict.calls().await {
        // CreateQueue answers success for a queue that is there.
        let makes = call.operation.starts_with("Create") && call.operation != "CreateQueue" && call.status < 300;
        let has_name = !call.operation.ends_with("EventSourceMapping");
        assert!(!makes || !has_name || made.insert((call.operation.clone(), call.resource.clone())), "twice: {call:?}");
    }
    let mappings = lab.aws.lambda.list_event_source_mappings().send().await.unwrap().event_source_mappings.unwrap();
    assert_eq!(mappings.len(), names.len());
}

#[tokio::test]
async fn n13_a_standby_finishes_what_a_killed_leader_began() {
    let mut lab = Lab::gated().await;
    let (leader, _standby) = leader_and_standby(&mut lab).await;
    lab.gate().hold_after(100);
    let names = apply_many(&lab).await;
    lab.gate().held().await;
    drop(leader);
    lab.gate().release();
    lease(&lab, 1).await;
    all_made_once(&lab, &names).await;
    lab.finish().await;
}

#[tokio::test]
async fn n13_a_leader_that_stops_hands_over_at_once() {
    let mut lab = Lab::without_operator().await;
    let (mut leader, _standby) = leader_and_standby(&mut lab).await;
    lab.apply(NAME, specs::message(specs::YEARLY)).await;
    lab.ready(NAME).await;
    leader.signal("-TERM");
    eventually("the leader ends", async || leader.ended().map(drop).ok_or_else(String::new)).await;
    let stopped = Timestamp::now();
    let lease = lease(&lab, 1).await;
    let term = SignedDuration::from_secs(lease.lease_duration_seconds.unwrap().into());
    let waited = lease.acquire_time.unwrap().0.duration_since(stopped);
    assert!(waited < term / 2, "the standby did not wait for the lease to run out: {waited}");
    lab.patch(NAME, json!({"spec": {"suspend": true}})).await;
    lab.until(NAME, "is suspended", |pipeline| {
        condition(pipeline, "Ready").is_some_and(|ready| ready.reason == "Suspended")
    })
    .await;
    lab.finish().await;
}

#[tokio::test]
async fn n13_a_leader_that_slept_through_its_lease_calls_nobody_any_more() {
    let mut lab = Lab::gated().await;
    let (mut leader, standby) = leader_and_standby(&mut lab).await;
    lab.gate().hold_after(50);
    let names = apply_many(&lab).await;
    lab.gate().held().await;
    // What it has begun reaches the gate, where it ends: a call on its way could not be taken back.
    sleep(Duration::from_secs(2)).await;
    leader.signal("-STOP");
    lab.gate().release();
    lease(&lab, 1).await;
    all_made_once(&lab, &names).await;
    // The log of calls does not tell one operator from another; what this one had begun may end later.
    drop(standby);
    lab.aws.sqs.list_queues().send().await.unwrap();
    let before = lab.strict.last_request().await;
    leader.signal("-CONT");
    let ended = eventually("the old leader ends", async || leader.ended().ok_or_else(|| leader.log())).await;
    assert!(!ended.success(), "so that it is started anew");
    assert!(leader.log().contains("another operator leads now"), "{}", leader.log());
    let calls: Vec<_> = lab.strict.calls().await.into_iter().filter(|call| call.request > before).collect();
    assert!(calls.is_empty(), "after its lease had run out it called {calls:?}");
    lab.finish().await;
}
