//! What was changed on AWS, also where the answer that would say so was lost.

use pipeline_core::names::{Owner, Ownership, tag};

use crate::plan::Verdict;
use crate::resource::{Difference, Observed};

/// Something that was changed on AWS.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Deed {
    /// Made.
    Created,
    /// Changed.
    Updated(Vec<Difference>),
    /// Taken over from an earlier pipeline of the same name.
    TakenOver {
        /// UID of that pipeline.
        from: String,
    },
    /// Deleted.
    Deleted,
}

/// What carrying out a verdict changes.
pub(super) fn deed(verdict: &Verdict, have: Option<&Observed>, owner: &Owner) -> Option<Deed> {
    match verdict {
        Verdict::Create => Some(Deed::Created),
        Verdict::Update(differences) => Some(match have.map(|have| owner.ownership(&have.tags)) {
            Some(Ownership::Predecessor { uid }) => Deed::TakenOver { from: uid },
            Some(Ownership::Ours | Ownership::NotOurs { .. }) | None => Deed::Updated(differences.clone()),
        }),
        Verdict::Delete => Some(Deed::Deleted),
        Verdict::InSync | Verdict::Settle(_) | Verdict::Conflict { .. } => None,
    }
}

/// How much of a deed was done whose answer was lost, judged by what AWS has now.
pub(super) fn done(tried: Deed, now: &Verdict) -> Option<Deed> {
    let left: &[Difference] = match now {
        Verdict::InSync | Verdict::Settle(_) => &[],
        Verdict::Update(left) => left,
        // There is nothing, or what there is must still go, or it is somebody else's.
        Verdict::Create | Verdict::Delete | Verdict::Conflict { .. } => return None,
    };
    match tried {
        Deed::Created | Deed::Deleted => Some(tried),
        Deed::TakenOver { .. } => {
            let uid = format!("tags.{}", tag::UID);
            (!left.iter().any(|difference| difference.field == uid)).then_some(tried)
        }
        Deed::Updated(mut differences) => {
            differences.retain(|tried| !left.iter().any(|left| left.field == tried.field));
            (!differences.is_empty()).then_some(Deed::Updated(differences))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn difference(field: &str) -> Difference {
        Difference { field: field.to_owned(), from: "1".to_owned(), to: "2".to_owned() }
    }

    fn still(fields: &[&str]) -> Verdict {
        Verdict::Update(fields.iter().map(|field| difference(field)).collect())
    }

    #[test]
    fn what_was_carried_out_without_an_answer_is_a_deed_all_the_same() {
        for now in [Verdict::InSync, Verdict::Settle("Pending".to_owned()), still(&["policy"])] {
            assert_eq!(done(Deed::Created, &now), Some(Deed::Created), "{now:?}");
        }
        assert_eq!(done(Deed::Deleted, &Verdict::InSync), Some(Deed::Deleted));
        let taken_over = Deed::TakenOver { from: "uid-0".to_owned() };
        assert_eq!(done(taken_over.clone(), &still(&["timeout"])), Some(taken_over));
    }

    #[test]
    fn what_was_not_carried_out_is_none() {
        let somebody_elses = Verdict::Conflict { whose: "theirs".to_owned() };
        for now in [Verdict::Create, somebody_elses] {
            assert_eq!(done(Deed::Created, &now), None, "{now:?}");
        }
        assert_eq!(done(Deed::Deleted, &Verdict::Delete), None);
        let taken_over = Deed::TakenOver { from: "uid-0".to_owned() };
        assert_eq!(done(taken_over, &still(&["tags.taskpipelines.dev/uid"])), None);
    }

    #[test]
    fn of_an_update_the_fields_count_that_no_longer_differ() {
        let tried = || Deed::Updated(vec![difference("trust"), difference("policy")]);
        assert_eq!(done(tried(), &still(&["policy"])), Some(Deed::Updated(vec![difference("trust")])));
        assert_eq!(done(tried(), &Verdict::InSync), Some(tried()));
        assert_eq!(done(tried(), &still(&["policy", "trust"])), None);
    }
}
