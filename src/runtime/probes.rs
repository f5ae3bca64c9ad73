//! What the kubelet asks: whether the operator lives, and whether it is ready for work.
//! <https://kubernetes.io/docs/concepts/workloads/pods/pod-lifecycle/#container-probes>

use std::time::Duration;

use parking_lot::Mutex;
use tokio::time::{Instant, sleep};

/// How often the operator gives a sign of life.
const BEAT: Duration = Duration::from_secs(5);

/// How long it may give none: its threads never work for seconds without a pause.
const SILENCE: Duration = Duration::from_mins(1);

/// What the operator says of itself.
#[derive(Debug)]
pub struct Probes {
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    beat: Instant,
    waits_for: Option<&'static str>,
    /// Since when a list of pipelines has been asked for.
    lists: Option<Instant>,
}

/// How long a list of pipelines may take, the attempts that fail included.
const MAX_LIST: Duration = Duration::from_mins(1);

impl Probes {
    /// Those of an operator that has begun, and waits for this.
    pub fn new(what: &'static str) -> Self {
        Self { state: Mutex::new(State { beat: Instant::now(), waits_for: Some(what), lists: None }) }
    }

    /// Gives signs of life for as long as the operator gets on.
    pub async fn beat(&self) {
        loop {
            self.state.lock().beat = Instant::now();
            sleep(BEAT).await;
        }
    }

    /// From now on it waits for this.
    pub fn wait_for(&self, what: &'static str) {
        self.state.lock().waits_for = Some(what);
    }

    /// From now on it works, or stands by.
    pub fn is_ready(&self) {
        self.state.lock().waits_for = None;
    }

    /// It asks for all pipelines, for the first time or once more: until it has them, it does not know of edits.
    pub fn lists(&self) {
        self.state.lock().lists.get_or_insert_with(Instant::now);
    }

    /// It has read all pipelines.
    pub fn has_listed(&self) {
        let mut state = self.state.lock();
        state.lists = None;
        state.waits_for = None;
    }

    /// Whether it gets on.
    pub fn lives(&self) -> bool {
        self.state.lock().beat.elapsed() < SILENCE
    }

    /// What it waits for, before it works or stands by, or can go on.
    pub fn waits_for(&self) -> Option<&'static str> {
        let state = self.state.lock();
        let list = state.lists.filter(|since| since.elapsed() >= MAX_LIST).map(|_| "a list of all pipelines");
        state.waits_for.or(list)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn it_lives_as_long_as_it_gives_signs_of_life() {
        let probes = Probes::new("the API server");
        let _ = tokio::time::timeout(SILENCE * 3, probes.beat()).await;
        assert!(probes.lives());
        tokio::time::advance(SILENCE * 2).await;
        assert!(!probes.lives());
    }

    #[tokio::test(start_paused = true)]
    async fn it_is_ready_once_it_has_all_pipelines_and_while_it_gets_them() {
        let probes = Probes::new("the API server");
        probes.wait_for("the first list");
        probes.lists();
        assert_eq!(probes.waits_for(), Some("the first list"));
        probes.has_listed();
        assert_eq!(probes.waits_for(), None);
        probes.lists();
        tokio::time::advance(MAX_LIST / 2).await;
        // Another attempt.
        probes.lists();
        assert_eq!(probes.waits_for(), None);
        tokio::time::advance(MAX_LIST / 2).await;
        assert_eq!(probes.waits_for(), Some("a list of all pipelines"));
        probes.has_listed();
        assert_eq!(probes.waits_for(), None);
    }
}
