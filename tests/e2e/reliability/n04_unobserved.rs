//! 4: changes that cancel each other out before the operator observes either.

use serde_json::json;

use super::lifecycle::{self, Act, NAME, Reference};
use crate::harness::gate::Behaviour;
use crate::harness::specs;

#[tokio::test]
async fn n04_edits_that_cancel_each_other_unseen_leave_no_trace() {
    let lab = lifecycle::world().await;
    Act::Create.begin(&lab).await;
    Act::Create.done(&lab).await;
    lab.settled(NAME).await;
    lab.gate().behave(|behaviour| behaviour.withheld = true);
    let written = lab.gate().writes();
    let spec = specs::message(specs::YEARLY);
    let task = json!({"name": "more", "message": {}});
    for edit in [
        json!({"schedule": "0 10 * * *"}),
        json!({"tasks": [task]}),
        json!({"tags": {"team": "data"}, "channels": null, "tasks": [task]}),
        json!({}),
    ] {
        lab.apply(NAME, specs::merged(spec.clone(), edit)).await;
    }
    lab.gate().behave(|behaviour| *behaviour = Behaviour { cuts: behaviour.cuts, ..Behaviour::default() });
    Act::Create.done(&lab).await;
    lab.settled(NAME).await;
    let on_aws: Vec<_> = lab.gate().journal().split_off(written).into_iter().map(|write| write.to_string()).collect();
    assert!(on_aws.iter().all(|write| write == "status"), "levels count, not what led to them: {on_aws:?}");
    let differing = Reference::get().await.differing(&lab, Act::Create).await;
    let generations = ["Pipeline/status/observedGeneration", "/observedGeneration"];
    let differing: Vec<_> =
        differing.into_iter().filter(|line| !generations.iter().any(|path| line.contains(path))).collect();
    assert!(differing.is_empty(), "{}", differing.join("\n"));
    lab.finish().await;
}
