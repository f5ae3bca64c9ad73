//! 18: the operator is asked to stop in the middle of its work.

use super::lifecycle::{self, Act, NAME, Reference};
use crate::harness::{Settings, condition, eventually};

#[tokio::test]
async fn n18_an_operator_that_is_asked_to_stop_finishes_what_it_has_begun() {
    let mut lab = lifecycle::world().await;
    let began = lab.gate().writes();
    lab.strict.forget_calls().await;
    lab.gate().pause_before("lambda:POST /2015-03-31/functions");
    Act::Create.begin(&lab).await;
    lab.gate().paused().await;
    let mut operator = lab.operator.take().unwrap();
    operator.signal("-TERM");
    lab.gate().go_on();
    let status = eventually("the operator ends", async || operator.ended().ok_or_else(|| "it runs".to_owned())).await;
    assert!(status.success(), "{status}");
    // It has gone on to the end of its reconcile, not only of the call.
    assert!(condition(&lab.get(NAME).await, "Ready").is_some_and(|ready| ready.status == "True"));
    lab.start(&Settings::default());
    Act::Create.done(&lab).await;
    Reference::get().await.judge(&lab, Act::Create, began).await;
    lab.finish().await;
}
