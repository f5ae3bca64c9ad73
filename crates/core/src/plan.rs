//! Computes the steps from the observed to the desired state. Pure.

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

/// Observations by resource. A value of `None` was read and does not exist; an id that is missing was not read. An
/// unread desired resource is planned as a creation, and an unread unwanted one is read right before its deletion.
pub type Observations = BTreeMap<Id, Option<Observed>>;

/// ARNs of resources at their last observation.
pub type Arns = BTreeMap<Id, String>;

/// Whether a resource that the status lists was ever observed as the pipeline's own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Recorded {
    /// It was, as far as the status says.
    Ours,
    /// It was about to be created, and was never observed as the pipeline's own.
    Unconfirmed,
}

/// The steps of a reconcile, one for each resource, with their order.
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
    /// The state that the step drives the resource to.
    pub goal: Goal,
    /// The observation that the plan was computed from.
    pub observed: Option<Observed>,
    /// The resource's ARN at its last observation, if there was one.
    pub last_arn: Option<String>,
    /// The verdict on that observation.
    pub verdict: Verdict,
    /// Resources whose steps must be done before.
    pub after: BTreeSet<Id>,
}

/// The state that a step drives a resource to.
#[derive(Clone, Debug)]
pub enum Goal {
    /// Exists as desired. Boxed because it is much larger than the other variant.
    Present(Box<DesiredResource>),
    /// Does not exist.
    Gone,
}

/// A desired resource, and what an observation of it is compared by.
#[derive(Clone, Debug)]
pub struct DesiredResource {
    /// The resource.
    pub resource: Resource,
    /// Whether a resource of an earlier pipeline may be taken over: only if this pipeline never had it as its own.
    pub may_take_over: bool,
    /// Which tags of it are the pipeline's. The others are not compared.
    pub tag_keys: Arc<TagKeys>,
    /// A function that was last changed at or before this time still has a deleted predecessor of its role.
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
        /// What differs, including the owner's tags.
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
    /// The differences that the verdict would correct.
    pub fn differences(&self) -> &[Difference] {
        match self {
            Self::Update(differences) | Self::TakeOver { differences, .. } | Self::Replace(differences) => differences,
            Self::InSync | Self::Settle(_) | Self::Create | Self::Delete | Self::Conflict { .. } => &[],
        }
    }
}

impl Goal {
    /// What to do about a resource with this goal.
    pub fn verdict(&self, observed: Option<&Observed>, owner: &Owner) -> Verdict {
        match (self, observed) {
            (Self::Present(desired), None) if desired.is_over() => Verdict::InSync,
            (Self::Present(_), None) => Verdict::Create,
            (Self::Gone, None) => Verdict::InSync,
            (Self::Present(desired), Some(observed)) => match owner.ownership(&observed.tags) {
                Ownership::Ours => desired.compare(observed, |differences| {
                    let replaced = differences.iter().any(|it| desired.resource.id().kind.is_replaced_for(it));
                    if replaced { Verdict::Replace(differences) } else { Verdict::Update(differences) }
                }),
                Ownership::Predecessor { uid } if desired.may_take_over => {
                    desired.compare(observed, |differences| Verdict::TakeOver { from: uid, differences })
                }
                Ownership::Predecessor { uid } => Verdict::Conflict {
                    whose: format!(
                        "it now belongs to a pipeline of the same name with UID {uid}, this one has {}",
                        owner.uid
                    ),
                },
                Ownership::NotOurs { whose } => Verdict::Conflict { whose },
            },
            (Self::Gone, Some(observed)) => match owner.ownership(&observed.tags) {
                Ownership::Ours => Verdict::Delete,
                // Nothing to delete, as far as this pipeline is concerned.
                Ownership::Predecessor { .. } | Ownership::NotOurs { .. } => Verdict::InSync,
            },
        }
    }
}

impl DesiredResource {
    /// Whether it is a schedule that will not fire any more: it need not be there.
    fn is_over(&self) -> bool {
        matches!(&self.resource, Resource::Schedule(schedule) if schedule.is_over())
    }

    fn compare(&self, observed: &Observed, otherwise: impl FnOnce(Vec<Difference>) -> Verdict) -> Verdict {
        if let Some(why) = &observed.settling {
            return Verdict::Settle(why.clone());
        }
        let mut differences = diff(&self.resource, observed, &self.tag_keys);
        if let Resource::Schedule(schedule) = &self.resource {
            differences = schedule.to_change(observed, differences);
        }
        differences.extend(self.role_made_anew(observed));
        if differences.is_empty() { Verdict::InSync } else { otherwise(differences) }
    }
}

impl Step {
    /// The resource's ARN, if it is known.
    pub fn arn(&self) -> Option<&str> {
        self.observed.as_ref().map(|observed| observed.arn.as_str()).or(self.last_arn.as_deref())
    }

    /// The ARN of a layer version that is in sync; versions never change.
    fn published(&self) -> Option<(Id, String)> {
        let published = self.id.kind == Kind::LayerVersion && self.verdict == Verdict::InSync;
        self.observed.as_ref().filter(|_| published).map(|observed| (self.id.clone(), observed.arn.clone()))
    }

    /// The step with ARNs in place of its layers' names: AWS assigns them when it publishes a version.
    pub fn resolve(&self, arns: &BTreeMap<Id, String>, owner: &Owner) -> Cow<'_, Self> {
        let arn_of = |layer: &str| arns.get(&Id::new(Kind::LayerVersion, layer));
        let Goal::Present(desired) = &self.goal else { return Cow::Borrowed(self) };
        let Resource::Function(function) = &desired.resource else { return Cow::Borrowed(self) };
        if !function.layers.iter().any(|layer| arn_of(layer).is_some()) {
            return Cow::Borrowed(self);
        }
        let layers = function.layers.iter().map(|layer| arn_of(layer).unwrap_or(layer).clone()).collect();
        let resource = Resource::Function(Function { layers, ..function.clone() });
        let goal = Goal::Present(Box::new(DesiredResource { resource, ..(**desired).clone() }));
        let verdict = goal.verdict(self.observed.as_ref(), owner);
        Cow::Owned(Self { goal, verdict, ..self.clone() })
    }
}

impl DesiredResource {
    /// The difference if the role was re-created after the function's last change: the function still has the deleted role,
    /// and has to be given another one first, then its own.
    fn role_made_anew(&self, observed: &Observed) -> Option<Difference> {
        let (Resource::Function(function), Some(after), Some(since)) =
            (&self.resource, self.changed_after, observed.since)
        else {
            return None;
        };
        let role = &function.role_arn;
        let has = Side::DeletedRole(role.clone());
        (since <= after).then(|| Difference::of_field(FieldName::Role, Some(has), Some(Side::value(role.as_str()))))
    }
}

/// Plans to create or update everything desired, then to delete known resources that are no longer desired.
///
/// `known` are the resources in the status, `tag_keys` say which tags are the pipeline's own.
pub fn plan(
    owner: &Owner,
    desired: Vec<Resource>,
    known: &BTreeMap<Id, Recorded>,
    tag_keys: &TagKeys,
    mut observed: Observations,
) -> Plan {
    let tag_keys = Arc::new(tag_keys.clone());
    let desired_ids: BTreeSet<Id> = desired.iter().map(Resource::id).collect();
    let needs: Vec<BTreeSet<Id>> = desired.iter().map(|resource| needs(resource, &desired_ids)).collect();
    let mut steps: Vec<Step> = desired
        .into_iter()
        .zip(needs)
        .map(|(resource, after)| {
            let id = resource.id();
            let may_take_over = known.get(&id) != Some(&Recorded::Ours);
            let goal = Goal::Present(Box::new(DesiredResource {
                resource,
                may_take_over,
                tag_keys: Arc::clone(&tag_keys),
                changed_after: None,
            }));
            let observed = observed.remove(&id).flatten();
            Step { verdict: goal.verdict(observed.as_ref(), owner), id, goal, observed, last_arn: None, after }
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
    let unwanted: Vec<Id> = known.keys().filter(|id| !desired_ids.contains(*id)).cloned().collect();
    steps.extend(plan_deletion(owner, unwanted, observed).steps.into_iter().map(|mut step| {
        step.after.extend(desired_ids.iter().cloned());
        step
    }));
    Plan { steps }
}

/// Plans to delete those of the resources that are the pipeline's own.
pub fn plan_deletion(owner: &Owner, ids: Vec<Id>, mut observed: Observations) -> Plan {
    let all: BTreeSet<Id> = ids.iter().cloned().collect();
    let steps = ids.into_iter().map(|id| {
        let seen = observed.remove(&id);
        // Before a deletion a step reads it in any case.
        let verdict = seen.as_ref().map_or(Verdict::Delete, |observed| Goal::Gone.verdict(observed.as_ref(), owner));
        let after = all.iter().filter(|other| gone_before(&id, other)).cloned().collect();
        Step { id, goal: Goal::Gone, observed: seen.flatten(), last_arn: None, verdict, after }
    });
    Plan { steps: steps.collect() }
}

/// Whether a resource is deleted only after another is gone. Only where the other order would do harm, so that a
/// deletion that fails blocks few others.
fn gone_before(id: &Id, other: &Id) -> bool {
    match (id.kind, other.kind) {
        // Deleted first, so that nothing fires into an incomplete pipeline.
        (kind, Kind::Schedule) => kind != Kind::Schedule,
        // A mapping can outlive its function, and reports errors once its queue is gone. A function cannot be given a
        // deleted layer version again.
        (Kind::Queue | Kind::Parameter, Kind::EventSourceMapping) | (Kind::LayerVersion, Kind::Function) => true,
        // As long as a function exists, it can run and write logs.
        (Kind::Function, Kind::EventSourceMapping) | (Kind::Role, Kind::Function) => id.name == other.name,
        (Kind::LogGroup, Kind::Function) => id.name.rsplit('/').next() == Some(&other.name),
        _ => false,
    }
}

/// What must be there before a resource can be made or changed.
fn needs(resource: &Resource, desired: &BTreeSet<Id>) -> BTreeSet<Id> {
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
        // Created last, so that nothing fires into an incomplete pipeline.
        Resource::Schedule(_) => desired.iter().filter(|id| id.kind != Kind::Schedule).cloned().collect(),
    };
    needed.into_iter().filter(|id| desired.contains(id)).collect()
}

/// Lambda refuses a mapping whose queue has a visibility timeout below the function's timeout: raise the queue's before
/// the function's, and lower it after.
fn order_visibility(steps: &mut [Step]) {
    let Some((queue, function)) = steps.iter().find_map(|step| match &step.goal {
        Goal::Present(desired) => match &desired.resource {
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

/// Detects functions whose role was re-created since their last change: they still have the deleted role.
fn follow_roles(steps: &mut [Step], owner: &Owner) {
    let roles: BTreeMap<String, (bool, Option<Timestamp>)> = steps
        .iter()
        .filter(|step| step.id.kind == Kind::Role)
        .map(|step| {
            let since = step.observed.as_ref().and_then(|observed| observed.since);
            (step.id.name.clone(), (step.verdict == Verdict::Create, since))
        })
        .collect();
    for step in steps {
        let (Goal::Present(desired), Some(observed)) = (&mut step.goal, &step.observed) else { continue };
        let Resource::Function(function) = &desired.resource else { continue };
        let role = Arn::parse(&function.role_arn).and_then(|arn| roles.get(arn.name()));
        desired.changed_after = match role {
            // The role will be created by this plan, so after the function's last change.
            Some((true, _)) => observed.since,
            // A role's creation time has a resolution of one second: a change within that second counts as later.
            Some((false, Some(since))) => since.checked_sub(1.millisecond()).ok(),
            Some((false, None)) | None => None,
        };
        let other = Arn::parse(&function.other_role_arn).map(|arn| Id::new(Kind::Role, arn.name()));
        let verdict = step.goal.verdict(step.observed.as_ref(), owner);
        if verdict.differences().iter().any(|it| matches!(it.from, Some(Side::DeletedRole(_)))) {
            // The function is given the other role in between, so that role has to be there first.
            step.after.extend(other.filter(|other| roles.contains_key(&other.name)));
        }
        step.verdict = verdict;
    }
}

/// Whether a step lowers a queue's visibility timeout.
fn lowers_visibility(step: &Step) -> bool {
    let (Goal::Present(desired), Some(observed)) = (&step.goal, &step.observed) else { return false };
    let Resource::Queue(queue) = &desired.resource else { return false };
    let Some(Field::Plain(seconds)) = observed.fields.get(&FieldName::VisibilityTimeout) else { return false };
    seconds.as_u64().is_some_and(|seconds| u64::from(queue.visibility_timeout()) < seconds)
}

impl Plan {
    /// The plan with the ARNs of the last observations.
    #[must_use]
    pub fn with_arns(mut self, arns: &Arns) -> Self {
        for step in &mut self.steps {
            step.last_arn = arns.get(&step.id).cloned();
        }
        self
    }

    /// The plan, or only its conflicts if it has any: while another owner holds one of the pipeline's names, nothing is
    /// written.
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
