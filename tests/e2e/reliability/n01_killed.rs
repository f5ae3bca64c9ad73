//! 1: the operator is killed after the k-th write of any kind, for every k of every act, and started again.

use super::lifecycle::{self, Act, Reference, Trouble};
use super::trials;

#[tokio::test]
async fn n01_killed_after_any_write_the_operator_ends_where_it_would_have() {
    let reference = Reference::get().await;
    let last = Act::ALL.map(|act| reference.of(act).journal.len());
    let lives = trials::share(last.into_iter().max().unwrap(), 1, 3).into_iter().map(|count| {
        let trouble = Trouble { lose: None, kill_after: Some(count) };
        (format!("killed after write {count}"), lifecycle::live_with(trouble))
    });
    let killed: usize = trials::all(lives).await.into_iter().sum();
    trials::tell(&format!("1: killed at {killed} points, of {last:?} in the four acts"));
    assert!(killed >= last.into_iter().sum::<usize>() / 4, "only {killed} kill points were reached");
}
