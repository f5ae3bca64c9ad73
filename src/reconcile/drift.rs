//! What others changed on AWS, told apart from what was asked for.

use pipeline_core::plan::drift::Drift;
use pipeline_core::resource::{Id, Kind};

use crate::reconcile::apply::{Applied, AppliedChange};

/// What is known of how AWS was before a reconcile.
#[derive(Clone, Copy, Debug)]
pub struct Before {
    /// Whether it had been made just as it is wanted now; secrets aside, of which nothing is kept.
    pub in_sync: bool,
    /// Whether the secrets are those that this operator put there, as far as it remembers.
    pub same_secrets: bool,
}

/// What was put right of what others did: all that had to be done where nothing else was asked for.
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
    use pipeline_core::resource::Difference;

    use super::*;

    #[test]
    fn what_had_to_be_done_is_drift_only_where_nothing_else_was_asked_for() {
        let difference = Difference { field: "memorySize".to_owned(), from: "1".to_owned(), to: "2".to_owned() };
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
