//! Properties of any valid spec, and of any two in a row, reconciled until nothing more happens.

use api::{DeletionPolicy, ScheduledTaskPipelineSpec};
use pipeline_core::names::TagKeys;
use pipeline_core::plan::invariants::check;
use pipeline_core::plan::test_support::{desired_by, made, recorded};
use pipeline_core::plan::{Step, Verdict, plan};
use pipeline_core::test_support::owner;
use proptest::prelude::*;

use super::specs::{edits, specs};
use super::walk::{MAX_SHRINK_TIME, failed};
use super::{Budget, CALM, Event, Rest, Setting, World, come_to_rest};

/// Creates a pipeline with the first spec, applies one event, and returns how the pipeline then comes to rest.
fn rest_after(specs: &[ScheduledTaskPipelineSpec], budget: Budget, event: &Event) -> Result<Rest, TestCaseError> {
    let setting = Setting::new(specs, |_| true, false);
    let mut trace = Vec::new();
    let world = World::new(&setting, budget);
    let made = come_to_rest(&setting, world, &mut trace).map_err(|wrong| failed(&wrong, &trace))?;
    prop_assert_eq!(made.1, Rest::Matched);
    let disturbances = made.0.disturbances(&setting).map_err(|wrong| failed(&wrong, &trace))?;
    let found = disturbances.into_iter().find(|(other, _)| other == event);
    let (event, world) = found.ok_or_else(|| failed("the event is not there", &trace))?;
    trace.push(event);
    let rests = come_to_rest(&setting, world, &mut trace).map_err(|wrong| failed(&wrong, &trace))?;
    Ok(rests.1)
}

proptest! {
    #![proptest_config(ProptestConfig { max_shrink_time: MAX_SHRINK_TIME, ..ProptestConfig::with_cases(48) })]

    #[test]
    fn what_was_applied_plans_to_nothing(spec in specs()) {
        let resources = desired_by(&spec);
        let plan = plan(&owner(), resources.clone(), &recorded(&resources), &TagKeys::default(), made(&resources));
        check(&owner(), &plan);
        let pending: Vec<&Step> = plan.steps.iter().filter(|step| step.verdict != Verdict::InSync).collect();
        prop_assert!(pending.is_empty(), "{pending:?}");
    }

    /// [`Rest::Matched`] implies that the plan is empty and that nothing of the pipeline's is left over.
    #[test]
    fn any_spec_over_any_other_plans_to_nothing_and_leaves_nothing_over(specs in edits(2)) {
        let budget = Budget { all: 1, edits: 1, ..CALM };
        let rest = rest_after(&specs, budget, &Event::Edits(1))?;
        prop_assert_eq!(rest, Rest::Matched);
    }

    #[test]
    fn any_pipeline_that_is_deleted_leaves_nothing(spec in specs()) {
        let spec = ScheduledTaskPipelineSpec { deletion_policy: DeletionPolicy::Delete, ..spec };
        let budget = Budget { all: 1, lives: 1, ..CALM };
        let rest = rest_after(&[spec], budget, &Event::DeletesPipeline)?;
        prop_assert_eq!(rest, Rest::Gone);
    }
}
