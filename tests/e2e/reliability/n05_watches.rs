//! 5: the operator's view of the cluster breaks, in every way that a watch can break.

use std::time::Instant;

use serde_json::json;

use crate::harness::gate::{Behaviour, Lists};
use crate::harness::{Lab, Settings, eventually};

/// Ready pipelines, that go wrong if the operator takes what it does not see for gone.
async fn with_pipelines(names: &[&str]) -> Lab {
    let mut lab = Lab::gated().await;
    lab.start(&Settings::default());
    for name in names {
        lab.apply(name, quiet("0 9 29 2 *")).await;
    }
    for name in names {
        lab.ready(name).await;
        lab.resync(name).await;
    }
    lab
}

fn quiet(schedule: &str) -> serde_json::Value {
    json!({"schedule": schedule, "tasks": [{"name": "hello", "message": {}}]})
}

/// Waits until the operator has asked in vain so often; what it does not see, it leaves alone.
async fn in_vain(lab: &Lab, times: usize, asked: fn(&crate::harness::gate::Reads) -> usize) {
    let (before, written) = (asked(&lab.gate().reads()), lab.gate().writes());
    eventually(&format!("the operator asks {times} times in vain"), async || {
        let now = asked(&lab.gate().reads());
        if now >= before + times { Ok(()) } else { Err(format!("{} times", now - before)) }
    })
    .await;
    let journal = lab.gate().journal().split_off(written);
    assert!(journal.is_empty(), "written without seeing the cluster: {journal:?}");
}

/// Lets the API server behave, and checks that the operator carries out an edit of each pipeline, and is at rest then.
async fn recovers(lab: Lab, names: &[&str]) {
    lab.gate().behave(|behaviour| *behaviour = Behaviour { cuts: behaviour.cuts + 1, ..Behaviour::default() });
    for name in names {
        lab.apply(name, quiet("0 10 29 2 *")).await;
    }
    for name in names {
        lab.ready(name).await;
        let schedule = lab.aws.schedule(&lab.names(name).schedule).await;
        assert_eq!(schedule.schedule_expression(), Some("cron(0 10 29 2 ? *)"), "{name}");
        lab.settled(name).await;
    }
    lab.finish().await;
}

#[tokio::test]
async fn n05_a_watch_that_is_too_old_begins_anew_and_does_not_spin() {
    let lab = with_pipelines(&["seen"]).await;
    lab.gate().behave(|behaviour| {
        behaviour.gone = true;
        behaviour.cuts += 1;
    });
    let began = Instant::now();
    in_vain(&lab, 4, |reads| reads.watches).await;
    assert!(began.elapsed().as_millis() > 1000, "four watches in vain within {:?}", began.elapsed());
    recovers(lab, &["seen"]).await;
}

#[tokio::test]
async fn n05_a_list_that_ends_in_the_middle_deletes_nothing() {
    let mut lab = with_pipelines(&["one", "two"]).await;
    lab.gate().behave(|behaviour| behaviour.lists = Lists::Cut);
    lab.start(&Settings::default());
    in_vain(&lab, 2, |reads| reads.lists).await;
    recovers(lab, &["one", "two"]).await;
}

#[tokio::test]
async fn n05_a_second_page_that_fails_deletes_nothing() {
    let mut lab = with_pipelines(&["one", "two", "three"]).await;
    lab.gate().behave(|behaviour| behaviour.lists = Lists::SecondPageFails);
    lab.start(&Settings::default());
    // The first asks whether there are pipelines at all.
    in_vain(&lab, 5, |reads| reads.lists).await;
    recovers(lab, &["one", "two", "three"]).await;
}

#[tokio::test]
async fn n05_a_pipeline_that_cannot_be_read_holds_up_no_other() {
    let mut lab = with_pipelines(&["good", "spoilt"]).await;
    lab.gate().behave(|behaviour| behaviour.unreadable = Some("spoilt".to_owned()));
    lab.start(&Settings::default());
    lab.apply("good", quiet("0 11 29 2 *")).await;
    lab.ready("good").await;
    eventually("the log says which cannot be read", async || {
        let log = lab.log();
        let said = log.lines().any(|line| line.contains("spoilt") && line.contains("cannot be read"));
        if said { Ok(()) } else { Err(log) }
    })
    .await;
    recovers(lab, &["good", "spoilt"]).await;
}

#[tokio::test]
async fn n05_what_happened_while_the_api_server_was_down_is_caught_up_with() {
    let lab = with_pipelines(&["patient"]).await;
    lab.gate().behave(|behaviour| behaviour.down = true);
    lab.apply("patient", quiet("0 12 29 2 *")).await;
    let log = lab.log().len();
    // A watch that ends is opened again, in vain.
    eventually("the operator finds it down", async || {
        let log = lab.log().split_off(log);
        if log.is_empty() { Err("nothing logged".to_owned()) } else { Ok(()) }
    })
    .await;
    recovers(lab, &["patient"]).await;
}
