//! A pipeline's whole life in four acts, and how each goes when nothing goes wrong.

use std::collections::BTreeSet;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::sync::OnceCell;
use tokio::time::timeout;

use crate::harness::gate::Write;
use crate::harness::oracles::Counts;
use crate::harness::{Lab, Settings, Snapshot, eventually, kstatus, specs};

/// The pipeline that all of it is about.
pub(super) const NAME: &str = "phoenix";

/// What is done to the pipeline.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Act {
    /// It is made.
    Create,
    /// Every kind of resource is changed.
    Update,
    /// What needs secrets goes: the parameter, and what the runner's role may do.
    Shrink,
    /// It is deleted.
    Delete,
}

impl Act {
    pub(super) const ALL: [Self; 4] = [Self::Create, Self::Update, Self::Shrink, Self::Delete];

    fn spec(self) -> Value {
        let first = specs::message(specs::YEARLY);
        let update = json!({
            "schedule": "0 10 29 2 *", "invocation": {"maxAgeSeconds": 600}, "channels": [specs::slack(), specs::discord()],
            "sender": {"memoryMiB": 256, "logRetentionDays": 7, "environment": {"LEVEL": "1"}},
            "runner": {"memoryMiB": 512, "timeoutSeconds": 60, "maxConcurrency": 3, "logRetentionDays": 7},
            "queue": {"maxReceiveCount": 3, "deadLetterRetentionSeconds": 3600}, "tags": {"team": "data"},
        });
        let shrink = json!({"tasks": [{"name": "hello", "message": {}}], "channels": null});
        match self {
            Self::Create => first,
            Self::Update => specs::merged(first, update),
            Self::Shrink | Self::Delete => specs::merged(specs::merged(first, update), shrink),
        }
    }

    /// Has somebody ask for it.
    pub(super) async fn begin(self, lab: &Lab) {
        match self {
            Self::Create | Self::Update | Self::Shrink => drop(lab.apply(NAME, self.spec()).await),
            Self::Delete => lab.delete(NAME).await,
        }
    }

    /// Waits until it is done.
    pub(super) async fn done(self, lab: &Lab) {
        match self {
            Self::Create | Self::Update | Self::Shrink => drop(lab.ready(NAME).await),
            Self::Delete => {
                lab.gone(NAME).await;
                eventually("the gate has seen it go", async || match lab.gate().journal().last() {
                    Some(Write::Pipeline(_)) => Ok(()),
                    other => Err(format!("{other:?}")),
                })
                .await;
            }
        }
    }
}

/// What goes wrong in each act of a life.
#[derive(Clone, Copy, Debug)]
pub(super) struct Trouble {
    /// The write whose answer is lost.
    pub(super) lose: Option<usize>,
    /// The write after which the operator is killed.
    pub(super) kill_after: Option<usize>,
}

/// Lives a life with the same trouble in each act, judging each; returns how often the operator was killed.
pub(super) async fn live_with(trouble: Trouble) -> usize {
    let reference = Reference::get().await;
    let mut lab = world().await;
    let mut killed = 0;
    for act in Act::ALL {
        let began = lab.gate().writes();
        lab.strict.forget_calls().await;
        if let Some(number) = trouble.lose {
            lab.gate().lose_answer(number);
        }
        let kill_after = trouble.kill_after.filter(|number| *number <= reference.of(act).journal.len());
        if let Some(number) = kill_after {
            lab.gate().hold_after(number);
        }
        act.begin(&lab).await;
        if kill_after.is_some() && held_or_done(&lab, act).await {
            lab.kill();
            lab.gate().release();
            lab.start(&Settings::default());
            killed += 1;
        }
        act.done(&lab).await;
        lab.gate().release();
        reference.judge(&lab, act, began).await;
    }
    lab.finish().await;
    killed
}

/// Waits until the world is held, or else the act is done: whether it is held.
async fn held_or_done(lab: &Lab, act: Act) -> bool {
    tokio::select! {
        () = lab.gate().held() => return true,
        () = act.done(lab) => {}
    }
    // The last word, an event, comes after what makes it done.
    timeout(LAST_WORD, lab.gate().held()).await.is_ok()
}

/// Far more than the operator takes from the last status to the event about it.
const LAST_WORD: Duration = Duration::from_secs(20);

/// How an act goes without faults.
#[derive(Debug)]
pub(super) struct Expected {
    /// All that is written: to AWS, to the status, to the finalizers, as events.
    pub(super) journal: Vec<Write>,
    after: Snapshot,
    counts: Counts,
}

/// How a life goes without faults.
#[derive(Debug)]
pub(super) struct Reference {
    acts: Vec<Expected>,
    /// What differs from one such life to the next: times, ids that AWS makes up.
    masked: BTreeSet<String>,
}

impl Reference {
    /// Two lives without faults, lived once for all tests.
    pub(super) async fn get() -> &'static Self {
        static LIVED: OnceCell<Reference> = OnceCell::const_new();
        LIVED.get_or_init(Self::live).await
    }

    async fn live() -> Self {
        let (acts, others) = (live_without_faults().await, live_without_faults().await);
        let masked = acts.iter().zip(&others).flat_map(|(one, other)| one.after.differing(&other.after)).collect();
        for (one, other) in acts.iter().zip(&others) {
            assert_eq!(one.counts, other.counts, "two lives without faults make the same things");
        }
        Self { acts, masked }
    }

    pub(super) fn of(&self, act: Act) -> &Expected {
        &self.acts[Act::ALL.iter().position(|other| *other == act).unwrap()]
    }

    /// Oracle (b)'s numbers after an act of a life without faults.
    pub(super) fn counts(&self, act: Act) -> &Counts {
        &self.of(act).counts
    }

    /// Paths that differ from one life to the next.
    pub(super) fn masked(&self) -> &BTreeSet<String> {
        &self.masked
    }

    /// Oracles (a) and (e): what is not as it is after this act of a life without faults.
    pub(super) async fn differing(&self, lab: &Lab, act: Act) -> Vec<String> {
        lab.snapshot(NAME).await.compare(&self.of(act).after, &self.masked)
    }

    /// The same, where a write that was under way may have been carried out twice: the value then has a version more.
    async fn differing_after_trouble(&self, lab: &Lab, act: Act) -> Vec<String> {
        let mut differing = self.differing(lab, act).await;
        differing.retain(|line| !line.contains("/channels//version"));
        differing
    }

    /// Judges how an act went that began at this point of the journal: oracles (a) to (e), and whether the pipeline was
    /// said to be Ready too early.
    pub(super) async fn judge(&self, lab: &Lab, act: Act, began: usize) {
        let expected = self.of(act);
        let counts = lab.counts(NAME).await;
        assert_eq!(counts, expected.counts, "(b) what is made and deleted, and how often");
        if let Some(pipeline) = lab.find(NAME).await {
            let generation = pipeline.metadata.generation.unwrap();
            let late = kstatus::after_ready(&lab.gate().journal().split_off(began), generation);
            assert!(late.is_empty(), "AWS did not match yet when the pipeline was said to be Ready: {late:?}");
            lab.settled(NAME).await;
        }
        let differing = self.differing_after_trouble(lab, act).await;
        assert!(differing.is_empty(), "(a), (e): beside a life without faults:\n{}", differing.join("\n"));
        assert_eq!(lab.accidents(), Vec::<String>::new(), "(d)");
    }
}

/// Waits until three reconciles write nothing any more, and checks how it then is: for lives in which something is done twice.
pub(super) async fn rests(lab: &Lab, act: Act) {
    eventually("all is at rest", async || {
        let before = lab.gate().writes();
        lab.resyncs(NAME, 3).await;
        let written: Vec<_> = lab.gate().journal().split_off(before).iter().map(ToString::to_string).collect();
        if written.is_empty() { Ok(()) } else { Err(format!("{written:?}")) }
    })
    .await;
    let differing = Reference::get().await.differing_after_trouble(lab, act).await;
    assert!(differing.is_empty(), "{}", differing.join("\n"));
}

/// A world for one life, with what is another's in it.
pub(super) async fn world() -> Lab {
    let mut lab = Lab::gated().await;
    lab.plant(NAME).await;
    lab.start(&Settings::default());
    lab
}

async fn live_without_faults() -> Vec<Expected> {
    let lab = world().await;
    let mut acts = Vec::new();
    for act in Act::ALL {
        let began = lab.gate().writes();
        lab.strict.forget_calls().await;
        act.begin(&lab).await;
        act.done(&lab).await;
        let counts = lab.counts(NAME).await;
        if act != Act::Delete {
            lab.settled(NAME).await;
        }
        let journal = lab.gate().journal().split_off(began);
        acts.push(Expected { journal, after: lab.snapshot(NAME).await, counts });
    }
    lab.finish().await;
    acts
}
