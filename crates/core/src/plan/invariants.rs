//! The invariants of every plan. Tests check each plan that they make against them.

use std::collections::BTreeSet;
use std::fmt;

use super::{Goal, Plan, Step, Verdict};
use crate::names::{Owner, Ownership};
use crate::resource::Id;

/// What is wrong with a plan.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Flaw {
    /// Two steps write to one resource.
    TwoWriters(Id),
    /// A step waits for one that is not planned.
    EdgeToNowhere {
        /// The step that waits.
        from: Id,
        /// What it waits for.
        to: Id,
    },
    /// Steps that wait for each other.
    Cycle(BTreeSet<Id>),
    /// A step would delete what does not carry the pipeline's own UID.
    DeletesWhatIsNotOurs(Id),
    /// A step would change what is not the pipeline's, or take over what is not its predecessor's.
    ChangesWhatIsNotOurs(Id),
    /// A step would delete a desired resource, or create or change an unwanted one.
    AgainstItsGoal(Id),
    /// A step would create a resource that was observed, or change one that was not.
    AgainstTheLook(Id),
    /// A step is called in sync, but a desired resource is missing, or an unwanted one still exists.
    NotInSync(Id),
}

impl fmt::Display for Flaw {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TwoWriters(id) => write!(f, "two steps write to {id}"),
            Self::EdgeToNowhere { from, to } => write!(f, "{from} waits for {to}, which is not planned"),
            Self::Cycle(ids) => {
                let ids: Vec<String> = ids.iter().map(ToString::to_string).collect();
                write!(f, "{} wait for each other", ids.join(", "))
            }
            Self::DeletesWhatIsNotOurs(id) => write!(f, "{id} would be deleted, and is not ours"),
            Self::ChangesWhatIsNotOurs(id) => write!(f, "{id} would be changed, and is not ours"),
            Self::AgainstItsGoal(id) => write!(f, "the step of {id} leads away from its goal"),
            Self::AgainstTheLook(id) => write!(f, "the step of {id} does not fit what AWS has"),
            Self::NotInSync(id) => write!(f, "{id} is called in sync, and is not"),
        }
    }
}

/// The flaws of a plan of `owner`; empty for a valid plan.
pub fn flaws(owner: &Owner, plan: &Plan) -> Vec<Flaw> {
    let mut seen = BTreeSet::new();
    let twice = plan.steps.iter().filter(|step| !seen.insert(&step.id)).map(|step| Flaw::TwoWriters(step.id.clone()));
    let mut flaws: Vec<Flaw> = twice.collect();
    for step in &plan.steps {
        let nowhere = step.after.iter().filter(|id| !seen.contains(id));
        flaws.extend(nowhere.map(|to| Flaw::EdgeToNowhere { from: step.id.clone(), to: to.clone() }));
        flaws.extend(flaw_of(owner, step));
    }
    flaws.extend(cycle(plan));
    flaws
}

fn flaw_of(owner: &Owner, step: &Step) -> Option<Flaw> {
    let id = step.id.clone();
    let whose = step.observed.as_ref().map(|observed| owner.ownership(&observed.tags));
    match (&step.goal, &step.verdict, whose) {
        (Goal::Present(_), Verdict::Delete, _)
        | (Goal::Gone, Verdict::Create | Verdict::Update(_) | Verdict::TakeOver { .. } | Verdict::Replace(_), _) => {
            Some(Flaw::AgainstItsGoal(id))
        }
        // A deletion without an observation is allowed: the step observes first.
        (_, Verdict::Create, Some(_))
        | (_, Verdict::Update(_) | Verdict::TakeOver { .. } | Verdict::Replace(_) | Verdict::Settle(_), None) => {
            Some(Flaw::AgainstTheLook(id))
        }
        (_, Verdict::Delete | Verdict::Replace(_), Some(Ownership::Predecessor { .. } | Ownership::NotOurs { .. })) => {
            Some(Flaw::DeletesWhatIsNotOurs(id))
        }
        (_, Verdict::Update(_), Some(Ownership::Predecessor { .. } | Ownership::NotOurs { .. }))
        | (_, Verdict::TakeOver { .. }, Some(Ownership::Ours | Ownership::NotOurs { .. })) => {
            Some(Flaw::ChangesWhatIsNotOurs(id))
        }
        (Goal::Present(_), Verdict::InSync, None) | (Goal::Gone, Verdict::InSync, Some(Ownership::Ours)) => {
            Some(Flaw::NotInSync(id))
        }
        _ => None,
    }
}

/// The steps that never become ready, because they wait for each other.
fn cycle(plan: &Plan) -> Option<Flaw> {
    let planned: BTreeSet<&Id> = plan.steps.iter().map(|step| &step.id).collect();
    let mut done: BTreeSet<&Id> = BTreeSet::new();
    loop {
        let ready = |step: &&Step| step.after.iter().all(|id| done.contains(id) || !planned.contains(id));
        let next: BTreeSet<&Id> = plan.steps.iter().filter(ready).map(|step| &step.id).collect();
        if next.len() == done.len() {
            break;
        }
        done = next;
    }
    let stuck: BTreeSet<Id> = planned.difference(&done).map(|id| (*id).clone()).collect();
    (!stuck.is_empty()).then_some(Flaw::Cycle(stuck))
}

/// Fails with all that is wrong with a plan.
///
/// # Panics
/// It has a flaw.
#[track_caller]
pub fn check(owner: &Owner, plan: &Plan) {
    let flaws: Vec<String> = flaws(owner, plan).iter().map(ToString::to_string).collect();
    assert!(flaws.is_empty(), "{}", flaws.join("\n"));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::names::Tags;
    use crate::resource::{Kind, Observed};
    use crate::test_support::owner;

    fn id(name: &str) -> Id {
        Id::new(Kind::Queue, name)
    }

    fn seen(tags: Tags) -> Observed {
        Observed { tags, ..Observed::default() }
    }

    fn step(name: &str, verdict: Verdict, observed: Option<Observed>, after: &[&str]) -> Step {
        let after = after.iter().map(|name| id(name)).collect();
        Step { id: id(name), goal: Goal::Gone, observed, last_arn: None, verdict, after }
    }

    #[track_caller]
    fn flawed(steps: Vec<Step>, expected: &[Flaw]) {
        assert_eq!(flaws(&owner(), &Plan { steps }), expected);
    }

    #[test]
    fn every_flaw_of_a_plan_is_found() {
        let gone = |name: &str, after: &[&str]| step(name, Verdict::InSync, None, after);
        flawed(vec![gone("a", &[]), gone("b", &["a"])], &[]);
        flawed(vec![gone("a", &[]), gone("a", &[])], &[Flaw::TwoWriters(id("a"))]);
        flawed(vec![gone("a", &["b"])], &[Flaw::EdgeToNowhere { from: id("a"), to: id("b") }]);
        let circle = vec![gone("a", &["c"]), gone("b", &["a"]), gone("c", &["b"]), gone("d", &[])];
        flawed(circle, &[Flaw::Cycle([id("a"), id("b"), id("c")].into())]);
        flawed(vec![step("a", Verdict::Delete, Some(seen(Tags::new())), &[])], &[Flaw::DeletesWhatIsNotOurs(id("a"))]);
        let predecessor = Owner { uid: "uid-0".to_owned(), ..owner() };
        let theirs = || Some(seen(predecessor.tags()));
        flawed(vec![step("a", Verdict::Delete, theirs(), &[])], &[Flaw::DeletesWhatIsNotOurs(id("a"))]);
        flawed(vec![step("a", Verdict::InSync, theirs(), &[])], &[]);
        flawed(vec![step("a", Verdict::Create, None, &[])], &[Flaw::AgainstItsGoal(id("a"))]);
        flawed(vec![step("a", Verdict::Delete, None, &[])], &[]);
        flawed(vec![step("a", Verdict::Settle(String::new()), None, &[])], &[Flaw::AgainstTheLook(id("a"))]);
        flawed(vec![step("a", Verdict::InSync, Some(seen(owner().tags())), &[])], &[Flaw::NotInSync(id("a"))]);
        flawed(vec![step("a", Verdict::Delete, Some(seen(owner().tags())), &[])], &[]);
    }
}
