//! Everything that can happen to a call, at once, for many pipelines.

use std::collections::BTreeSet;

use serde_json::json;

use super::trials;
use crate::harness::{Lab, Settings, specs};

/// Lets shares of all calls fail, each in its way.
async fn misbehave(lab: &Lab, seed: u64) {
    for (probability, how) in [
        (0.20, json!({"status": 429, "error": "ThrottlingException"})),
        (0.05, json!({"status": 500, "error": "InternalFailure"})),
        (0.05, json!({"effect": "drop"})),
        (0.05, json!({"effect": "lose"})),
    ] {
        let dice = json!({"by": "operator", "count": -1, "probability": probability, "seed": seed});
        lab.strict.fault(specs::merged(dice, how)).await;
    }
}

/// How many pipelines there are: AWS is asked for fewer and fewer calls a second, so each takes its time.
fn pipelines() -> usize {
    if trials::soak() { 50 } else { 5 }
}

#[tokio::test]
async fn all_at_once_many_pipelines_still_become_ready_and_are_deleted_clean() {
    trials::seeded("all_at_once", async |seed| {
        let mut lab = Lab::without_operator().await;
        let names: Vec<String> = (0..pipelines()).map(|number| format!("p{number}")).collect();
        let everything: BTreeSet<String> = names.iter().flat_map(|name| lab.names(name).all_and_inbox()).collect();
        misbehave(&lab, seed).await;
        lab.start(&Settings::default());
        for name in &names {
            lab.apply(name, specs::message(specs::YEARLY)).await;
        }
        for name in &names {
            lab.ready(name).await;
        }
        lab.strict.clear_faults().await;
        assert_eq!(lab.aws.everything().await, everything);

        misbehave(&lab, seed + 1).await;
        for name in &names {
            lab.delete(name).await;
        }
        for name in &names {
            lab.gone(name).await;
        }
        lab.strict.clear_faults().await;
        lab.finish().await;
    })
    .await;
}
