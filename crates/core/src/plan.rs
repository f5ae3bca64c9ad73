//! What is wanted × what AWS has → the steps to take. Pure.

pub mod drift;
pub mod render;
pub mod report;

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use jiff::{Timestamp, ToSpan as _};

use crate::arn::Arn;
use crate::names::{Owner, Ownership, TagKeys};
use crate::resource::{Difference, Field, FieldName, Function, Id, Kind, LogGroup, Observed, Resource, Side, diff};

/// What was read on AWS. An id that is missing was not read: what is wanted is then created first and asked
/// about later, and what is to be deleted is read when its turn comes.
pub type Have = BTreeMap<Id, Option<Observed>>;

/// What AWS called resources when they were last seen.
pub type Arns = BTreeMap<Id, String>;

/// Whether this pipeline held a resource that its status lists.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Held {
    /// It did, as far as is known.
    Ours,
    /// It was about to be made, and was never seen to be the pipeline's.
    Unseen,
}

/// Steps, each complete, with what must come before it.
#[derive(Debug, Default)]
pub struct Plan {
    /// The steps, one a resource.
    pub steps: Vec<Step>,
}

/// One resource's step.
#[derive(Clone, Debug)]
pub struct Step {
    /// Which resource.
    pub id: Id,
    /// How it should end.
    pub goal: Goal,
    /// What AWS had when the plan was made.
    pub have: Option<Observed>,
    /// What AWS called it when it was last seen, if it was.
    pub last_arn: Option<String>,
    /// What to do first.
    pub verdict: Verdict,
    /// Resources whose steps must be done before.
    pub after: BTreeSet<Id>,
}

/// How a resource should end.
#[derive(Clone, Debug)]
pub enum Goal {
    /// There, and as wanted. Boxed, since most of a plan is these.
    Present(Box<Wanted>),
    /// Not there.
    Gone,
}

/// A wanted resource.
#[derive(Clone, Debug)]
pub struct Wanted {
    /// The resource.
    pub resource: Resource,
    /// Whether an earlier pipeline's resource of this name may be taken over: only by one that never had its own.
    pub may_take_over: bool,
    /// Which tags of it are the pipeline's. The others are not compared.
    pub tag_keys: Arc<TagKeys>,
    /// The time after which a function must have been changed, so that it has its role as that is now.
    pub changed_after: Option<Timestamp>,
}

/// What to do about one resource, given what AWS has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Nothing.
    InSync,
    /// Wait: AWS still works on it.
    Settle(String),
    /// Make it.
    Create,
    /// Change what differs.
    Update(Vec<Difference>),
    /// Make it this pipeline's, and change what differs: it is that of an earlier pipeline of the same name.
    TakeOver {
        /// UID of the earlier pipeline.
        from: String,
        /// What differs, the tags that say whose it is among it.
        differences: Vec<Difference>,
    },
    /// Delete it and make it anew: AWS cannot change all that differs.
    Replace(Vec<Difference>),
    /// Delete it.
    Delete,
    /// Leave it alone: it is not ours.
    Conflict {
        /// Whose it is.
        whose: String,
    },
}

impl Verdict {
    /// What differs from what is wanted, where that is to be changed.
    pub fn differences(&self) -> &[Difference] {
        match self {
            Self::Update(differences) | Self::TakeOver { differences, .. } | Self::Replace(differences) => differences,
            Self::InSync | Self::Settle(_) | Self::Create | Self::Delete | Self::Conflict { .. } => &[],
        }
    }
}

impl Goal {
    /// What to do about a resource with this goal.
    pub fn judge(&self, have: Option<&Observed>, owner: &Owner) -> Verdict {
        match (self, have) {
            (Self::Present(wanted), None) if wanted.is_over() => Verdict::InSync,
            (Self::Present(_), None) => Verdict::Create,
            (Self::Gone, None) => Verdict::InSync,
            (Self::Present(wanted), Some(have)) => match owner.ownership(&have.tags) {
                Ownership::Ours => wanted.compare(have, |differences| {
                    let replaced = differences.iter().any(|it| wanted.resource.id().kind.is_replaced_for(it));
                    if replaced { Verdict::Replace(differences) } else { Verdict::Update(differences) }
                }),
                Ownership::Predecessor { uid } if wanted.may_take_over => {
                    wanted.compare(have, |differences| Verdict::TakeOver { from: uid, differences })
                }
                Ownership::Predecessor { uid } => Verdict::Conflict {
                    whose: format!(
                        "it now belongs to a pipeline of the same name with UID {uid}, this one has {}",
                        owner.uid
                    ),
                },
                Ownership::NotOurs { whose } => Verdict::Conflict { whose },
            },
            (Self::Gone, Some(have)) => match owner.ownership(&have.tags) {
                Ownership::Ours => Verdict::Delete,
                // Nothing to delete, as far as this pipeline is concerned.
                Ownership::Predecessor { .. } | Ownership::NotOurs { .. } => Verdict::InSync,
            },
        }
    }
}

impl Wanted {
    /// Whether it is a schedule that will not fire any more: it need not be there.
    fn is_over(&self) -> bool {
        matches!(&self.resource, Resource::Schedule(schedule) if schedule.is_over())
    }

    fn compare(&self, have: &Observed, otherwise: impl FnOnce(Vec<Difference>) -> Verdict) -> Verdict {
        if let Some(why) = &have.settling {
            return Verdict::Settle(why.clone());
        }
        let mut differences = diff(&self.resource, have, &self.tag_keys);
        if let Resource::Schedule(schedule) = &self.resource {
            differences = schedule.to_change(have, differences);
        }
        differences.extend(self.role_made_anew(have));
        if differences.is_empty() { Verdict::InSync } else { otherwise(differences) }
    }
}

impl Step {
    /// What AWS calls it, as far as is known.
    pub fn arn(&self) -> Option<&str> {
        self.have.as_ref().map(|have| have.arn.as_str()).or(self.last_arn.as_deref())
    }

    /// The ARN that a layer version has, and keeps.
    fn published(&self) -> Option<(Id, String)> {
        let published = self.id.kind == Kind::LayerVersion && self.verdict == Verdict::InSync;
        self.have.as_ref().filter(|_| published).map(|have| (self.id.clone(), have.arn.clone()))
    }

    /// The step with these ARNs in the place of its layers' names: AWS makes them up when it publishes a version.
    pub fn resolve(&self, arns: &BTreeMap<Id, String>, owner: &Owner) -> Cow<'_, Self> {
        let arn_of = |layer: &str| arns.get(&Id::new(Kind::LayerVersion, layer));
        let Goal::Present(wanted) = &self.goal else { return Cow::Borrowed(self) };
        let Resource::Function(function) = &wanted.resource else { return Cow::Borrowed(self) };
        if !function.layers.iter().any(|layer| arn_of(layer).is_some()) {
            return Cow::Borrowed(self);
        }
        let layers = function.layers.iter().map(|layer| arn_of(layer).unwrap_or(layer).clone()).collect();
        let resource = Resource::Function(Function { layers, ..function.clone() });
        let goal = Goal::Present(Box::new(Wanted { resource, ..(**wanted).clone() }));
        let verdict = goal.judge(self.have.as_ref(), owner);
        Cow::Owned(Self { goal, verdict, ..self.clone() })
    }
}

impl Wanted {
    /// A function holds on to the role that it was given, even when that was deleted and made anew: it has to be given another
    /// one, and then its own.
    fn role_made_anew(&self, have: &Observed) -> Option<Difference> {
        let (Resource::Function(function), Some(after), Some(since)) = (&self.resource, self.changed_after, have.since)
        else {
            return None;
        };
        let role = &function.role_arn;
        let has = Side::DeletedRole(role.clone());
        (since <= after).then(|| Difference::of_field(FieldName::Role, Some(has), Some(Side::value(role.as_str()))))
    }
}

/// Plans to make everything wanted, then to delete what is known and no longer wanted.
///
/// `known` are the resources in the status, `tag_keys` say which tags are the pipeline's own.
pub fn plan(
    owner: &Owner,
    want: Vec<Resource>,
    known: &BTreeMap<Id, Held>,
    tag_keys: &TagKeys,
    mut have: Have,
) -> Plan {
    let tag_keys = Arc::new(tag_keys.clone());
    let wanted_ids: BTreeSet<Id> = want.iter().map(Resource::id).collect();
    let needs: Vec<BTreeSet<Id>> = want.iter().map(|resource| needs(resource, &wanted_ids)).collect();
    let mut steps: Vec<Step> = want
        .into_iter()
        .zip(needs)
        .map(|(resource, after)| {
            let id = resource.id();
            let may_take_over = known.get(&id) != Some(&Held::Ours);
            let goal = Goal::Present(Box::new(Wanted {
                resource,
                may_take_over,
                tag_keys: Arc::clone(&tag_keys),
                changed_after: None,
            }));
            let have = have.remove(&id).flatten();
            Step { verdict: goal.judge(have.as_ref(), owner), id, goal, have, last_arn: None, after }
        })
        .collect();
    let published: BTreeMap<Id, String> = steps.iter().filter_map(Step::published).collect();
    for step in &mut steps {
        if let Cow::Owned(resolved) = step.resolve(&published, owner) {
            *step = resolved;
        }
    }
    order_visibility(&mut steps);
    follow_roles(&mut steps, owner);
    let unwanted: Vec<Id> = known.keys().filter(|id| !wanted_ids.contains(*id)).cloned().collect();
    steps.extend(plan_deletion(owner, unwanted, have).steps.into_iter().map(|mut step| {
        step.after.extend(wanted_ids.iter().cloned());
        step
    }));
    Plan { steps }
}

/// Plans to delete everything of these that is ours.
pub fn plan_deletion(owner: &Owner, ids: Vec<Id>, mut have: Have) -> Plan {
    let all: BTreeSet<Id> = ids.iter().cloned().collect();
    let steps = ids.into_iter().map(|id| {
        let seen = have.remove(&id);
        // Before a deletion a step reads it in any case.
        let verdict = seen.as_ref().map_or(Verdict::Delete, |have| Goal::Gone.judge(have.as_ref(), owner));
        let after = all.iter().filter(|other| gone_before(&id, other)).cloned().collect();
        Step { id, goal: Goal::Gone, have: seen.flatten(), last_arn: None, verdict, after }
    });
    Plan { steps: steps.collect() }
}

/// Whether a resource is deleted only when another is gone. Only what would do harm waits, so that one that will not go
/// holds up few others.
fn gone_before(id: &Id, other: &Id) -> bool {
    match (id.kind, other.kind) {
        // Nothing fires into half a pipeline.
        (kind, Kind::Schedule) => kind != Kind::Schedule,
        // A mapping outlives its function and then serves nobody, and one without its queue complains; a function whose
        // layer is gone cannot be given it again.
        (Kind::Queue | Kind::Parameter, Kind::EventSourceMapping) | (Kind::LayerVersion, Kind::Function) => true,
        // A function acts and writes as long as it is there.
        (Kind::Function, Kind::EventSourceMapping) | (Kind::Role, Kind::Function) => id.name == other.name,
        (Kind::LogGroup, Kind::Function) => id.name.rsplit('/').next() == Some(&other.name),
        _ => false,
    }
}

/// What must be there before a resource can be made or changed.
fn needs(resource: &Resource, wanted: &BTreeSet<Id>) -> BTreeSet<Id> {
    let needed: Vec<Id> = match resource {
        Resource::LogGroup(_)
        | Resource::Parameter(_)
        | Resource::Role(_)
        | Resource::ScheduleGroup(_)
        | Resource::LayerVersion(_) => Vec::new(),
        Resource::Queue(queue) => {
            queue.redrive.iter().map(|redrive| Id::new(Kind::Queue, &redrive.dead_letter_queue)).collect()
        }
        Resource::Function(function) => {
            let destination = function.async_invoke.iter().map(|invoke| invoke.on_failure_arn.as_str());
            let queues = destination.filter_map(Arn::parse).map(|arn| Id::new(Kind::Queue, arn.name()));
            let role = Arn::parse(&function.role_arn).map(|arn| Id::new(Kind::Role, arn.name()));
            let log_group = Id::new(Kind::LogGroup, LogGroup::of_function(&function.name));
            let layers = function.layers.iter().map(|name| Id::new(Kind::LayerVersion, name));
            queues.chain(role).chain(layers).chain([log_group]).collect()
        }
        Resource::EventSourceMapping(mapping) => {
            vec![Id::new(Kind::Function, &mapping.function), Id::new(Kind::Queue, &mapping.queue)]
        }
        // Last of all, so that nothing fires into half a pipeline.
        Resource::Schedule(_) => wanted.iter().filter(|id| id.kind != Kind::Schedule).cloned().collect(),
    };
    needed.into_iter().filter(|id| wanted.contains(id)).collect()
}

/// Lambda refuses a mapping whose queue hides messages for less than the function's timeout: raise the queue's time
/// before the function's, and lower it after.
fn order_visibility(steps: &mut [Step]) {
    let Some((queue, function)) = steps.iter().find_map(|step| match &step.goal {
        Goal::Present(wanted) => match &wanted.resource {
            Resource::EventSourceMapping(mapping) => {
                Some((Id::new(Kind::Queue, &mapping.queue), Id::new(Kind::Function, &mapping.function)))
            }
            _ => None,
        },
        Goal::Gone => None,
    }) else {
        return;
    };
    let lowers = steps.iter().any(|step| step.id == queue && lowers_visibility(step));
    let (first, second) = if lowers { (function, queue) } else { (queue, function) };
    if let Some(step) = steps.iter_mut().find(|step| step.id == second) {
        step.after.insert(first);
    }
}

/// Has functions changed after their roles: one that exists keeps a role that was deleted, whatever its name says.
fn follow_roles(steps: &mut [Step], owner: &Owner) {
    let roles: BTreeMap<String, (bool, Option<Timestamp>)> = steps
        .iter()
        .filter(|step| step.id.kind == Kind::Role)
        .map(|step| {
            let since = step.have.as_ref().and_then(|have| have.since);
            (step.id.name.clone(), (step.verdict == Verdict::Create, since))
        })
        .collect();
    for step in steps {
        let (Goal::Present(wanted), Some(have)) = (&mut step.goal, &step.have) else { continue };
        let Resource::Function(function) = &wanted.resource else { continue };
        let role = Arn::parse(&function.role_arn).and_then(|arn| roles.get(arn.name()));
        wanted.changed_after = match role {
            // It comes after the function's last change.
            Some((true, _)) => have.since,
            // AWS tells the time of a role to the second.
            Some((false, Some(since))) => since.checked_sub(1.millisecond()).ok(),
            Some((false, None)) | None => None,
        };
        let other = Arn::parse(&function.other_role_arn).map(|arn| Id::new(Kind::Role, arn.name()));
        let verdict = step.goal.judge(step.have.as_ref(), owner);
        if verdict.differences().iter().any(|it| matches!(it.from, Some(Side::DeletedRole(_)))) {
            // It has the other one in between.
            step.after.extend(other.filter(|other| roles.contains_key(&other.name)));
        }
        step.verdict = verdict;
    }
}

/// Whether a queue is to hide messages for less time than it does.
fn lowers_visibility(step: &Step) -> bool {
    let (Goal::Present(wanted), Some(have)) = (&step.goal, &step.have) else { return false };
    let Resource::Queue(queue) = &wanted.resource else { return false };
    let Some(Field::Plain(seconds)) = have.fields.get(&FieldName::VisibilityTimeout) else { return false };
    seconds.as_u64().is_some_and(|seconds| u64::from(queue.visibility_timeout()) < seconds)
}

impl Plan {
    /// The plan with what AWS called its resources when they were last seen.
    #[must_use]
    pub fn with_arns(mut self, arns: &Arns) -> Self {
        for step in &mut self.steps {
            step.last_arn = arns.get(&step.id).cloned();
        }
        self
    }

    /// The plan, or only its conflicts if it has any: where somebody else has a hand in a pipeline, nothing more is
    /// written before a person has looked.
    #[must_use]
    pub fn stopped_by_conflict(mut self) -> Self {
        let conflict = |step: &Step| matches!(step.verdict, Verdict::Conflict { .. });
        if self.steps.iter().any(conflict) {
            self.steps.retain(conflict);
        }
        self
    }
}

#[cfg(any(test, feature = "test-support"))]
pub mod invariants;
#[cfg(any(test, feature = "test-support"))]
pub mod test_support;
#[cfg(test)]
mod tests;
