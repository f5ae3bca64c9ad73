//! Tells drift (changes that others made on AWS) from changes that an edit asked for.

use pipeline_core::plan::drift::Drift;
use pipeline_core::resource::{Id, Kind};

use crate::reconcile::apply::{Applied, AppliedChange};

/// The state before a reconcile.
#[derive(Clone, Copy, Debug)]
pub struct Before {
    /// Whether AWS already matched what is desired now, values of secrets aside, of which the status keeps no trace.
    pub in_sync: bool,
    /// Whether the secrets are unchanged since this process last wrote them; false if it does not know.
    pub same_secrets: bool,
}

/// The applied changes that corrected drift: all of them, if the pipeline was in sync with the same desired state
/// before.
pub fn drift(applied: &Applied, before: Before) -> Vec<Drift> {
    let by_others = |id: &Id| before.in_sync && (id.kind != Kind::Parameter || before.same_secrets);
    let put_right = applied.changes.iter().filter_map(|(id, change)| match change {
        AppliedChange::Created => Some(Drift { id: id.clone(), differences: Vec::new() }),
        AppliedChange::Updated(differences) => Some(Drift { id: id.clone(), differences: differences.clone() }),
        AppliedChange::TakenOver { .. } | AppliedChange::Deleted => None,
    });
    put_right.filter(|drift| by_others(&drift.id)).collect()
}

#[cfg(test)]
mod tests {
    use pipeline_core::resource::{Difference, FieldName, Side};

    use super::*;

    #[test]
    fn what_had_to_be_done_is_drift_only_where_nothing_else_was_asked_for() {
        let difference = Difference::of_field(FieldName::MemorySize, Some(Side::value(1)), Some(Side::value(2)));
        let id = |name: &str| Id::new(Kind::Function, name);
        let changes = vec![
            (id("deleted"), AppliedChange::Created),
            (id("changed"), AppliedChange::Updated(vec![difference.clone()])),
            (id("taken"), AppliedChange::TakenOver { from: "uid-0".to_owned() }),
            (id("gone"), AppliedChange::Deleted),
            (Id::new(Kind::Parameter, "secret"), AppliedChange::Updated(vec![difference.clone()])),
        ];
        let applied = Applied { changes, ..Applied::default() };
        let found = |in_sync, same_secrets| {
            let drift = drift(&applied, Before { in_sync, same_secrets });
            drift.into_iter().map(|drift| (drift.id.name, drift.differences.len())).collect::<Vec<_>>()
        };
        let names =
            |names: &[(&str, usize)]| names.iter().map(|(name, n)| ((*name).to_owned(), *n)).collect::<Vec<_>>();
        assert_eq!(found(true, true), names(&[("deleted", 0), ("changed", 1), ("secret", 1)]));
        assert_eq!(found(true, false), names(&[("deleted", 0), ("changed", 1)]));
        assert_eq!(found(false, true), []);
    }
}
