//! 15: AWS throttles nearly every call.

use std::collections::BTreeMap;

use serde_json::json;

use super::lifecycle::{self, Act, Reference};
use crate::harness::eventually;

/// Tries of one call, the SDK's own.
const TRIES: usize = 3;

#[tokio::test]
async fn n15_a_storm_of_throttling_is_weathered_without_a_hot_loop() {
    let lab = lifecycle::world().await;
    for (number, act) in Act::ALL.into_iter().enumerate() {
        let began = lab.gate().writes();
        lab.strict.forget_calls().await;
        let before = lab.gate().reads().gets;
        let storm = json!({
            "by": "operator", "write": true, "status": 429, "error": "ThrottlingException", "count": -1,
            "probability": 0.9, "seed": number,
        });
        lab.strict.fault(storm).await;
        act.begin(&lab).await;
        let reconciles = eventually("the operator comes back in vain", async || {
            let reconciles = lab.gate().reads().gets - before;
            if reconciles >= 3 { Ok(reconciles) } else { Err(format!("{reconciles} reconciles")) }
        })
        .await;
        let mut attempts = BTreeMap::<_, usize>::new();
        for call in lab.strict.calls().await.into_iter().filter(|call| call.write) {
            *attempts.entry((call.operation, call.resource)).or_default() += 1;
        }
        // A reconcile may have begun since it was counted, and another ends with the storm.
        let bound = TRIES * (reconciles + 2);
        let hot: Vec<_> = attempts.iter().filter(|(_, count)| **count > bound).collect();
        assert!(hot.is_empty(), "{act:?}: more than {bound} attempts: {hot:?}");
        lab.strict.clear_faults().await;
        act.done(&lab).await;
        Reference::get().await.judge(&lab, act, began).await;
    }
    lab.finish().await;
}
