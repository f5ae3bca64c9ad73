//! `status.resources`: the resources that a pipeline has on AWS, or is about to have.

use std::collections::BTreeMap;

use api::{ResourceRow, ResourceState};
use pipeline_core::location::Location;
use pipeline_core::plan::{Arns, Goal, Plan, Recorded, Verdict};
use pipeline_core::resource::{Id, Observed};
use pipeline_core::text::bounded_line;

use super::refusal_message;
use crate::reconcile::apply::{Applied, Outcome};

/// Maximum length of a row's message in characters: keeps the status well below 64 KB with 20 rows.
pub(super) const MAX_ROW_MESSAGE: usize = 512;

/// The rows of a status, by resource.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rows {
    known: BTreeMap<Id, ResourceRow>,
    /// Rows of kinds that only a later version knows. They are kept unchanged.
    unknown: Vec<ResourceRow>,
}

impl From<&[ResourceRow]> for Rows {
    fn from(rows: &[ResourceRow]) -> Self {
        let mut parsed = Self::default();
        for row in rows {
            match Id::try_from(row) {
                Ok(id) => drop(parsed.known.insert(id, row.clone())),
                Err(_) => parsed.unknown.push(row.clone()),
            }
        }
        parsed.unknown.sort_by(|a, b| a.name.cmp(&b.name));
        parsed
    }
}

impl Rows {
    /// All rows, in the order of the status.
    pub fn iter(&self) -> impl Iterator<Item = &ResourceRow> {
        self.unknown.iter().chain(self.known.values())
    }

    /// The rows in the form of the status.
    pub fn into_vec(self) -> Vec<ResourceRow> {
        self.unknown.into_iter().chain(self.known.into_values()).collect()
    }

    /// Whether there is no row.
    pub fn is_empty(&self) -> bool {
        self.known.is_empty() && self.unknown.is_empty()
    }

    /// The ARNs of resources of known kinds, where they are known.
    pub fn arns(&self) -> Arns {
        let named = self.known.iter().filter(|(_, row)| !row.arn.is_empty());
        named.map(|(id, row)| (id.clone(), row.arn.clone())).collect()
    }

    /// The resources of known kinds, and whether each was seen to be the pipeline's own.
    pub fn recorded(&self) -> BTreeMap<Id, Recorded> {
        let recorded = |row: &ResourceRow| if row.unseen { Recorded::Unconfirmed } else { Recorded::Ours };
        self.known.iter().map(|(id, row)| (id.clone(), recorded(row))).collect()
    }
}

/// The rows before a plan is applied: the present ones, and one for each resource that will be created or taken over.
pub fn rows_before(before: &Rows, plan: &Plan, location: &Location) -> Rows {
    let mut rows = before.clone();
    for step in &plan.steps {
        match (&step.goal, &step.verdict) {
            (Goal::Gone, _) | (_, Verdict::Conflict { .. }) => {}
            (Goal::Present(desired), _) => {
                let arn = || desired.resource.arn(location).unwrap_or_default();
                rows.known.entry(step.id.clone()).or_insert_with(|| new(&step.id, arn()));
            }
        }
    }
    rows
}

/// The rows after a plan was applied. Rows of deleted resources are removed; rows of unknown kinds stay.
pub fn rows_after(before: &Rows, applied: &Applied, gone: &[Id]) -> Rows {
    let mut rows = before.clone();
    for (id, outcome) in &applied.outcomes {
        let goes = gone.contains(id);
        let old = rows.known.remove(id);
        if goes && (old.is_none() || matches!(outcome, Outcome::Done(_))) {
            continue;
        }
        let old = old.unwrap_or_else(|| new(id, String::new()));
        rows.known.insert(id.clone(), row_of(id, outcome, &old, goes));
    }
    rows
}

fn row_of(id: &Id, outcome: &Outcome, old: &ResourceRow, goes: bool) -> ResourceRow {
    let busy = match (goes, old.unseen) {
        (true, _) => ResourceState::Deleting,
        (false, true) => ResourceState::Creating,
        (false, false) => ResourceState::Updating,
    };
    let arn = |seen: &Option<Observed>| seen.as_ref().map_or_else(|| old.arn.clone(), |seen| seen.arn.clone());
    let still =
        |state, message: &str| ResourceRow { unseen: old.unseen, ..row(id, old.arn.clone(), state, Some(message)) };
    match outcome {
        Outcome::Done(seen) => row(id, arn(seen), ResourceState::Ready, None),
        Outcome::Waiting(wait) => still(busy, &wait.why),
        Outcome::TagsRefused { seen, refusals } => {
            row(id, arn(seen), ResourceState::Failed, Some(&refusal_message(refusals)))
        }
        // `unseen` stays: neither a failed creation nor somebody else's resource proves that there is one of ours.
        Outcome::Failed(error) => still(ResourceState::Failed, &error.to_string()),
        Outcome::Conflict { whose } => still(ResourceState::Conflict, whose),
        Outcome::Blocked { by } => still(ResourceState::Waiting, &format!("waits for {by}")),
    }
}

/// The row of a resource that is about to be created.
fn new(id: &Id, arn: String) -> ResourceRow {
    ResourceRow { unseen: true, ..row(id, arn, ResourceState::Creating, None) }
}

pub(super) fn row(id: &Id, arn: String, state: ResourceState, message: Option<&str>) -> ResourceRow {
    let message = message.map(|message| bounded_line(message, MAX_ROW_MESSAGE));
    ResourceRow { kind: id.kind.to_string(), name: id.name.clone(), arn, state, message, unseen: false }
}
