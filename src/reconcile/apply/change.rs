//! Applied changes, including those whose answer was lost.

use aws::resource::TagRefusal;
use pipeline_core::plan::Verdict;
use pipeline_core::resource::Difference;

/// A change that was applied to one resource.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AppliedChange {
    /// The resource did not exist, and was created.
    Created,
    /// These differences were corrected, or the resource was deleted to be replaced because of them.
    Updated(Vec<Difference>),
    /// Taken over from an earlier pipeline of the same name.
    TakenOver {
        /// UID of that pipeline.
        from: String,
    },
    /// The resource was deleted for good.
    Deleted,
}

/// The change that a verdict leads to; `None` if it writes nothing.
pub(super) fn change(verdict: &Verdict) -> Option<AppliedChange> {
    match verdict {
        Verdict::Create => Some(AppliedChange::Created),
        Verdict::TakeOver { from, .. } => Some(AppliedChange::TakenOver { from: from.clone() }),
        Verdict::Update(differences) | Verdict::Replace(differences) => {
            Some(AppliedChange::Updated(differences.clone()))
        }
        Verdict::Delete => Some(AppliedChange::Deleted),
        Verdict::InSync | Verdict::Settle(_) | Verdict::Conflict { .. } => None,
    }
}

/// The part of a change that was carried out although its answer was lost, according to the verdict on a new observation.
pub(super) fn done(tried: AppliedChange, now: &Verdict) -> Option<AppliedChange> {
    let left: &[Difference] = match now {
        Verdict::InSync | Verdict::Settle(_) => &[],
        Verdict::Update(left) | Verdict::Replace(left) => left,
        // Not carried out: the resource is still missing, still to be deleted, or still another owner's.
        Verdict::Create | Verdict::Delete | Verdict::TakeOver { .. } | Verdict::Conflict { .. } => return None,
    };
    match tried {
        AppliedChange::Created | AppliedChange::TakenOver { .. } | AppliedChange::Deleted => Some(tried),
        AppliedChange::Updated(mut differences) => {
            differences.retain(|tried| !left.iter().any(|left| left.place == tried.place));
            (!differences.is_empty()).then_some(AppliedChange::Updated(differences))
        }
    }
}

/// The change without its tags: an update that still waits has not changed the user's tags yet.
pub(super) fn without_tags(change: AppliedChange) -> Option<AppliedChange> {
    match change {
        AppliedChange::Updated(mut differences) => {
            differences.retain(|one| one.tag_key().is_none());
            (!differences.is_empty()).then_some(AppliedChange::Updated(differences))
        }
        AppliedChange::Created | AppliedChange::TakenOver { .. } | AppliedChange::Deleted => Some(change),
    }
}

/// Removes the tags that AWS refused to change from the recorded changes.
pub(super) fn withdraw(changes: &mut Vec<AppliedChange>, refusals: &[TagRefusal]) {
    let is_refused = |one: &Difference| refusals.iter().any(|refusal| one.tag_key() == Some(&refusal.key));
    changes.retain_mut(|change| match change {
        AppliedChange::Updated(differences) => {
            differences.retain(|one| !is_refused(one));
            !differences.is_empty()
        }
        AppliedChange::Created | AppliedChange::TakenOver { .. } | AppliedChange::Deleted => true,
    });
}

#[cfg(test)]
mod tests {
    use aws::resource::TagChange;
    use aws::{AwsError, Operation};
    use pipeline_core::error_class::ErrorClass;
    use pipeline_core::resource::{FieldName, Side};

    use super::*;

    fn differs(field: FieldName) -> Difference {
        Difference::of_field(field, None, Some(Side::value(1)))
    }

    fn tag_differs(key: &str) -> Difference {
        Difference::of_tag(key, None, Some("x"))
    }

    fn still(fields: &[FieldName]) -> Verdict {
        Verdict::Update(fields.iter().copied().map(differs).collect())
    }

    #[test]
    fn what_was_carried_out_without_an_answer_counts_all_the_same() {
        for now in [Verdict::InSync, Verdict::Settle("Pending".to_owned()), still(&[FieldName::Policy])] {
            assert_eq!(done(AppliedChange::Created, &now), Some(AppliedChange::Created), "{now:?}");
        }
        assert_eq!(done(AppliedChange::Deleted, &Verdict::InSync), Some(AppliedChange::Deleted));
        let taken_over = AppliedChange::TakenOver { from: "uid-0".to_owned() };
        assert_eq!(done(taken_over.clone(), &still(&[FieldName::Timeout])), Some(taken_over));
    }

    #[test]
    fn a_tag_that_is_refused_was_not_changed() {
        let error = AwsError {
            operation: Operation::TagQueue,
            class: ErrorClass::Denied,
            code: "AccessDenied".to_owned(),
            message: String::new(),
        };
        let refusals = [TagRefusal { key: "team".to_owned(), change: TagChange::Set, error }];
        let (timeout, team, other) = (differs(FieldName::Timeout), tag_differs("team"), tag_differs("other"));
        let updated = |all: &[&Difference]| AppliedChange::Updated(all.iter().copied().cloned().collect());
        let taken_over = || AppliedChange::TakenOver { from: "uid-0".to_owned() };
        assert_eq!(without_tags(updated(&[&timeout, &team])), Some(updated(&[&timeout])));
        assert_eq!((without_tags(updated(&[&team])), without_tags(taken_over())), (None, Some(taken_over())));
        let mut changes = vec![updated(&[&timeout, &team]), updated(&[&team]), taken_over(), updated(&[&other])];
        withdraw(&mut changes, &refusals);
        assert_eq!(changes, [updated(&[&timeout]), taken_over(), updated(&[&other])]);
    }

    #[test]
    fn what_was_not_carried_out_is_none() {
        let somebody_elses = Verdict::Conflict { whose: "theirs".to_owned() };
        for now in [Verdict::Create, somebody_elses] {
            assert_eq!(done(AppliedChange::Created, &now), None, "{now:?}");
        }
        assert_eq!(done(AppliedChange::Deleted, &Verdict::Delete), None);
        let taken_over = AppliedChange::TakenOver { from: "uid-0".to_owned() };
        let still = Verdict::TakeOver { from: "uid-0".to_owned(), differences: vec![differs(FieldName::Timeout)] };
        assert_eq!(done(taken_over, &still), None);
    }

    #[test]
    fn of_an_update_the_fields_count_that_no_longer_differ() {
        let tried = || AppliedChange::Updated(vec![differs(FieldName::Trust), differs(FieldName::Policy)]);
        assert_eq!(
            done(tried(), &still(&[FieldName::Policy])),
            Some(AppliedChange::Updated(vec![differs(FieldName::Trust)]))
        );
        assert_eq!(done(tried(), &Verdict::InSync), Some(tried()));
        assert_eq!(done(tried(), &still(&[FieldName::Policy, FieldName::Trust])), None);
    }
}
