//! The parts of the status that follow from the plan and its outcome.

mod by_others;
mod rows;
mod schedule;
mod tag_keys;

use std::collections::BTreeSet;

use api::{Action, Change};
use aws::resource::TagRefusal;
use pipeline_core::plan::Plan;
use pipeline_core::resource::Place;

use crate::reconcile::apply::{Applied, Outcome};

pub use by_others::put_by_others;
pub use rows::{Rows, rows_after, rows_before};
pub use schedule::{fires_otherwise, put_schedule, restart_schedule};
pub use tag_keys::{tag_keys_after, tag_keys_before};

/// The changes of a plan that are not done after it was applied.
pub fn still_pending(plan: &Plan, changes: &[Change], applied: &Applied) -> Vec<Change> {
    let steps = plan.steps.iter().zip(changes);
    let pending = steps.filter_map(|(step, change)| pending(change.clone(), applied.outcomes.get(&step.id)?));
    pending.collect()
}

fn pending(change: Change, outcome: &Outcome) -> Option<Change> {
    match outcome {
        Outcome::Done(_) => None,
        Outcome::TagsRefused { seen: _, refusals } => {
            let refused: BTreeSet<String> = refusals.iter().map(|it| Place::Tag(it.key.clone()).to_string()).collect();
            let changes = change.changes.into_iter().filter(|change| refused.contains(&change.field)).collect();
            Some(Change { note: Some(refusal_message(refusals)), changes, ..change })
        }
        Outcome::Failed(_) | Outcome::Blocked { .. } => Some(change),
        Outcome::Waiting(wait) => Some(Change { note: Some(wait.why.clone()), ..change }),
        Outcome::Conflict { whose } => {
            Some(Change { action: Action::Conflict, note: Some(whose.clone()), changes: Vec::new(), ..change })
        }
    }
}

fn refusal_message(refusals: &[TagRefusal]) -> String {
    refusals.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")
}

#[cfg(test)]
mod tests;
