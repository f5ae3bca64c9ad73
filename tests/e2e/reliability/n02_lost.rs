//! 2: a write is carried out and its answer lost, for every write, alone and followed by a kill.

use super::lifecycle::{self, Act, Reference, Trouble};
use super::trials;

/// Loses the answers of each write in turn; `kill` says after which write the operator is killed then.
async fn lost(first: usize, kill: fn(usize) -> Option<usize>) -> usize {
    let reference = Reference::get().await;
    let last = Act::ALL.map(|act| reference.of(act).journal.len()).into_iter().max().unwrap();
    let lives = trials::share(last, first, 3).into_iter().map(|lose| {
        let trouble = Trouble { lose: Some(lose), kill_after: kill(lose) };
        (format!("the answer of write {lose} is lost"), lifecycle::live_with(trouble))
    });
    trials::all(lives).await.into_iter().sum()
}

#[tokio::test]
async fn n02_a_lost_answer_changes_nothing_in_the_end() {
    lost(2, |_| None).await;
}

#[tokio::test]
async fn n02_a_lost_answer_followed_by_a_kill_changes_nothing_in_the_end() {
    let killed = lost(3, |lost| Some(lost + 1)).await;
    trials::tell(&format!("2: killed at {killed} points, each one write after a lost answer"));
}
