//! Many worlds, some at a time.

use std::env;
use std::fs::{self, OpenOptions};
use std::hash::{BuildHasher as _, RandomState};
use std::io::Write as _;
use std::panic::{AssertUnwindSafe, resume_unwind};

use futures::{FutureExt as _, StreamExt as _, stream};

/// Worlds at the same time: operators mostly wait.
const AT_ONCE: usize = 4;

/// Whether the suite is to try everything, however long it takes.
pub(crate) fn soak() -> bool {
    env::var_os("TASK_PIPELINES_SOAK").is_some()
}

/// Seeds that once failed, one a line after the test's name.
const FAILED: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/e2e/reliability/failed_seeds.txt");

/// Carries out a trial that throws dice: first with the seeds that ever failed, then with the same one each time, in a
/// soak with a new one. A seed that fails is kept.
pub(crate) async fn seeded(test: &str, trial: impl AsyncFn(u64)) {
    let known = fs::read_to_string(FAILED).unwrap();
    let known = known.lines().filter_map(|line| line.split_once(' ')).filter(|(name, _)| *name == test);
    let mut seeds: Vec<u64> = known.map(|(_, seed)| seed.parse().unwrap()).collect();
    seeds.push(if soak() { RandomState::new().hash_one(test) >> 32 } else { 1 });
    for seed in seeds.clone() {
        tell(&format!("{test}: seed {seed}"));
        let ended = AssertUnwindSafe(Box::pin(trial(seed))).catch_unwind().await;
        if let Err(panic) = ended {
            if seeds.iter().filter(|other| **other == seed).count() == 1 && seeds.last() == Some(&seed) {
                let mut file = OpenOptions::new().append(true).open(FAILED).unwrap();
                writeln!(file, "{test} {seed}").unwrap();
            }
            resume_unwind(panic);
        }
    }
}

/// Dice that fall the same way for the same seed: `SplitMix64`. <https://prng.di.unimi.it/splitmix64.c>
pub(crate) struct Dice(u64);

impl Dice {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// A number below another.
    pub(crate) fn below(&mut self, end: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        usize::try_from((mixed ^ (mixed >> 31)) >> 32).unwrap() % end
    }

    /// One of these.
    pub(crate) fn pick<'item, T>(&mut self, items: &'item [T]) -> &'item T {
        &items[self.below(items.len())]
    }
}

/// All of these numbers in a soak, else every `step`-th from `first`: always the same, and enough to notice.
pub(crate) fn share(last: usize, first: usize, step: usize) -> Vec<usize> {
    if soak() { (1..=last).collect() } else { (first..=last).step_by(step).collect() }
}

/// Carries out trials; those that fail are named in the end.
pub(crate) async fn all<T>(trials: impl Iterator<Item = (String, impl Future<Output = T>)>) -> Vec<T> {
    let trials = trials.map(|(what, trial)| async move { (what, AssertUnwindSafe(trial).catch_unwind().await) });
    let ended: Vec<_> = stream::iter(trials).buffer_unordered(AT_ONCE).collect().await;
    let (good, bad): (Vec<_>, Vec<_>) = ended.into_iter().partition(|(_, result)| result.is_ok());
    let failed: Vec<String> = bad.into_iter().map(|(what, _)| what).collect();
    assert!(
        failed.is_empty(),
        "{} of {} failed, each as told above: {failed:?}",
        failed.len(),
        failed.len() + good.len()
    );
    good.into_iter().filter_map(|(_, result)| result.ok()).collect()
}

/// Says what a test has found out, beside that it passed.
#[expect(clippy::print_stderr, reason = "what a test that passes has to say")]
pub(crate) fn tell(what: &str) {
    eprintln!("{what}");
}
