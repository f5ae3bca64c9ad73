//! 3: the operator sees the cluster as it once was.

use super::lifecycle::{self, Act, NAME};
use crate::harness::gate::{Behaviour, Lists};
use crate::harness::{Settings, eventually};

#[tokio::test]
async fn n03_an_operator_that_still_sees_the_predecessor_being_deleted_leaves_its_successor_alone() {
    let mut lab = lifecycle::world().await;
    Act::Create.begin(&lab).await;
    Act::Create.done(&lab).await;
    // An operator that starts now sees the pipeline with its mark of deletion, and this is what it will see again.
    lab.kill();
    Act::Delete.begin(&lab).await;
    let lists = lab.gate().reads().lists;
    lab.start(&Settings::default());
    Act::Delete.done(&lab).await;
    assert!(lab.gate().reads().lists > lists);
    let once = lab.gate().reads().last_list.unwrap();
    assert!(once["items"][0]["metadata"]["deletionTimestamp"].is_string(), "{once}");
    Act::Create.begin(&lab).await;
    Act::Create.done(&lab).await;
    lab.settled(NAME).await;
    let before = lab.snapshot(NAME).await;

    let written = lab.gate().writes();
    lab.gate().behave(|behaviour| {
        behaviour.lists = Lists::Frozen(once);
        behaviour.withheld = true;
        behaviour.cuts += 1;
    });
    let (gets, watches) = (lab.gate().reads().gets, lab.gate().reads().watches);
    lab.start(&Settings::default());
    eventually("the operator has reconciled what it sees", async || {
        let reads = lab.gate().reads();
        if reads.gets > gets && reads.watches > watches { Ok(()) } else { Err(format!("{reads:?}")) }
    })
    .await;
    let journal = lab.gate().journal().split_off(written);
    assert!(journal.is_empty(), "written by an operator in the past: {journal:?}");
    // Back in the present, which it has to notice by itself.
    lab.gate().behave(|behaviour| *behaviour = Behaviour { cuts: behaviour.cuts + 1, ..Behaviour::default() });
    lab.settled(NAME).await;
    assert_eq!(before.difference(&lab.snapshot(NAME).await), Vec::<String>::new());
    lab.finish().await;
}
