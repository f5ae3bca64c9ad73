//! Long random walks of whole pipelines, with any valid specs and a large budget of disturbances. A walk that fails is
//! shrunk, and its seed is kept in `proptest-regressions/`.

use api::ScheduledTaskPipelineSpec;
use proptest::prelude::*;
use proptest::sample::Index;

use super::specs::edits;
use super::{Budget, Event, Setting, World, come_to_rest, is_deep};

const ROUGH: Budget = Budget { all: 60, crashes: 20, faults: 20, edits: 10, lives: 6, drifts: 20, foreigners: 6 };

/// Time limit for shrinking a failure, in milliseconds.
pub(super) const MAX_SHRINK_TIME: u32 = 60_000;

/// One step of a walk: selects one of the possible transitions.
#[derive(Clone, Debug)]
struct Pick {
    /// Whether to take an undisturbed transition, if there is one, rather than a disturbance.
    calm: bool,
    which: Index,
}

fn picks() -> impl Strategy<Value = Vec<Pick>> {
    let pick = (prop::bool::weighted(0.8), any::<Index>()).prop_map(|(calm, which)| Pick { calm, which });
    prop::collection::vec(pick, 0..250)
}

/// A test failure: what is wrong, and the events that led to it.
pub(super) fn failed(wrong: &str, trace: &[Event]) -> TestCaseError {
    let events: Vec<String> = trace.iter().map(|event| format!("  {event}")).collect();
    TestCaseError::fail(format!("{wrong}\nafter\n{}", events.join("\n")))
}

/// Takes these steps, then runs undisturbed until nothing more happens.
fn walk(specs: &[ScheduledTaskPipelineSpec], picks: &[Pick]) -> Result<(), TestCaseError> {
    let setting = Setting::new(specs, |_| true, true);
    let mut world = World::new(&setting, ROUGH);
    let mut trace: Vec<Event> = Vec::new();
    for Pick { calm, which } in picks {
        let mut next = world.calm(&setting).map_err(|wrong| failed(&wrong, &trace))?;
        if !calm || next.is_empty() {
            next = world.disturbances(&setting).map_err(|wrong| failed(&wrong, &trace))?;
        }
        if next.is_empty() {
            continue;
        }
        let (event, after) = next.swap_remove(which.index(next.len()));
        trace.push(event);
        world = after;
    }
    come_to_rest(&setting, world, &mut trace).map(drop).map_err(|wrong| failed(&wrong, &trace))
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: if is_deep() { 1000 } else { 16 },
        max_shrink_time: MAX_SHRINK_TIME,
        ..ProptestConfig::default()
    })]

    #[test]
    fn any_pipeline_however_roughly_handled_comes_to_rest(picks in picks(), specs in edits(3)) {
        walk(&specs, &picks)?;
    }
}
