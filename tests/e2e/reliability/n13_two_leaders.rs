//! 13: two operators at work on one pipeline.

use super::lifecycle::{self, Act, NAME, Reference};
use crate::harness::Settings;

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
