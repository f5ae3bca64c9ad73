//! The calls that `crates/aws/src/resource/<kind>.rs` makes for a verdict, in order, and how a step goes on after them.

use aws::resource::{Changed, TagChanges};
use pipeline_core::names::Tags;
use pipeline_core::plan::{Goal, Verdict};
use pipeline_core::resource::{Difference, FieldName, Id, Kind, Observed, Resource};

use super::aws::Call;
use super::operator::Decided;

/// The calls that carry out one verdict on one resource.
pub(super) struct Script {
    pub(super) calls: Vec<Call>,
    pub(super) ends: Ends,
}

/// How a step goes on when all calls of its script were carried out.
pub(super) enum Ends {
    Done,
    /// The resource is observed again: AWS is still working on it, or more calls are needed.
    Reread,
    /// Done if the resource then has these tags; else it is observed again.
    DoneIfTagged(Tags),
}

const CODE: [FieldName; 4] = [FieldName::CodeSha256, FieldName::S3, FieldName::Image, FieldName::Architecture];

/// What `apply::act` does for a verdict.
pub(super) fn script(id: &Id, goal: &Goal, decided: &Decided) -> Script {
    match (goal, &decided.verdict, &decided.observed) {
        (Goal::Present(desired), Verdict::Create, _) => create(&desired.resource),
        (Goal::Present(desired), Verdict::Update(differences), Some(observed)) => {
            update(&desired.resource, observed, differences)
        }
        (Goal::Present(desired), Verdict::TakeOver { from: _, differences }, Some(observed)) => {
            take_over(id, &desired.resource, observed, differences)
        }
        (Goal::Present(_), Verdict::Replace(_), Some(_)) => replace(id),
        (Goal::Gone, Verdict::Delete, Some(_)) => delete(id),
        _ => Script { calls: Vec::new(), ends: Ends::Reread },
    }
}

fn create(resource: &Resource) -> Script {
    let (fields, tags) = (resource.fields(), resource.tags().clone());
    let later: &[FieldName] = match resource {
        Resource::LogGroup(_) => &[FieldName::RetentionInDays],
        Resource::Role(_) => &[FieldName::Policy],
        Resource::Function(_) => &FieldName::ASYNC,
        _ => &[],
    };
    let at_once = fields.iter().filter(|(key, _)| !later.contains(key)).map(|(key, field)| (*key, field.clone()));
    let make = Call::Make { fields: at_once.collect(), tags: tags.clone() };
    let set = Call::Set { keys: later.to_vec(), fields };
    match resource {
        Resource::LogGroup(_) | Resource::Role(_) => Script { calls: vec![make, set], ends: Ends::Done },
        // A new function is Pending, and its asynchronous settings wait for that to end.
        Resource::Function(_) | Resource::EventSourceMapping(_) => Script { calls: vec![make], ends: Ends::Reread },
        Resource::Queue(_) => Script { calls: vec![make], ends: Ends::DoneIfTagged(tags) },
        Resource::Parameter(_) | Resource::ScheduleGroup(_) | Resource::LayerVersion(_) | Resource::Schedule(_) => {
            Script { calls: vec![make], ends: Ends::Done }
        }
    }
}

fn replace(id: &Id) -> Script {
    Script { ends: Ends::Reread, ..delete(id) }
}

fn take_over(id: &Id, resource: &Resource, observed: &Observed, differences: &[Difference]) -> Script {
    if id.kind == Kind::LayerVersion {
        return replace(id);
    }
    if differences.iter().any(|difference| id.kind.is_replaced_for(difference)) {
        let owner = Changed(differences).tags(resource.tags()).owner;
        return Script { calls: vec![Call::Tag(owner)], ends: Ends::Reread };
    }
    update(resource, observed, differences)
}

/// The owner's tags first, the user's tags last.
fn update(resource: &Resource, observed: &Observed, differences: &[Difference]) -> Script {
    let changed = Changed(differences);
    let Script { calls, ends } = change(resource, observed, changed);
    let TagChanges { owner, remove, set } = match resource {
        // They cannot be tagged; their descriptions name the owner.
        Resource::Schedule(_) | Resource::LayerVersion(_) => TagChanges::default(),
        _ => changed.tags(resource.tags()),
    };
    let owner = (!owner.is_empty()).then_some(Call::Tag(owner));
    let mut calls: Vec<Call> = owner.into_iter().chain(calls).collect();
    if matches!(ends, Ends::Done) {
        calls.extend((!remove.is_empty()).then_some(Call::Untag(remove)));
        calls.extend((!set.is_empty()).then_some(Call::Tag(set)));
    }
    Script { calls, ends }
}

fn change(resource: &Resource, observed: &Observed, changed: Changed<'_>) -> Script {
    let desired = resource.fields();
    let set = |keys: &[FieldName]| Call::Set { keys: keys.to_vec(), fields: desired.clone() };
    let fields: Vec<FieldName> = desired.keys().chain(observed.fields.keys()).copied().collect();
    let done = |calls: Vec<Call>| Script { calls, ends: Ends::Done };
    match resource {
        Resource::LogGroup(_) | Resource::Queue(_) => {
            let set = changed.any(&fields).then(|| set(&fields));
            done(set.into_iter().collect())
        }
        Resource::Parameter(_) => {
            done(changed.any(&[FieldName::Value]).then(|| set(&[FieldName::Value])).into_iter().collect())
        }
        Resource::Role(_) | Resource::ScheduleGroup(_) => {
            let one_by_one = [FieldName::Trust, FieldName::PermissionsBoundary, FieldName::Policy];
            let set = one_by_one.into_iter().filter(|key| changed.any(&[*key])).map(|key| set(&[key]));
            done(set.collect())
        }
        Resource::Function(_) => {
            let configuration: Vec<FieldName> =
                fields.into_iter().filter(|key| !CODE.contains(key) && !FieldName::ASYNC.contains(key)).collect();
            let (keys, ends) = if changed.any(&configuration) {
                (configuration, Ends::Reread)
            } else if changed.any(&CODE) {
                (CODE.to_vec(), Ends::Reread)
            } else if changed.any(&FieldName::ASYNC) {
                (FieldName::ASYNC.to_vec(), Ends::Done)
            } else {
                return done(Vec::new());
            };
            Script { calls: vec![set(&keys)], ends }
        }
        Resource::EventSourceMapping(_) if changed.any(&fields) => {
            Script { calls: vec![set(&fields)], ends: Ends::Reread }
        }
        // The model has no copies of layer versions, which is all that an update changes of them.
        Resource::LayerVersion(_) | Resource::EventSourceMapping(_) => done(Vec::new()),
        Resource::Schedule(_) => done(vec![Call::Replace { fields: desired, tags: resource.tags().clone() }]),
    }
}

fn delete(id: &Id) -> Script {
    match id.kind {
        Kind::Role => {
            let policy = Call::Set { keys: vec![FieldName::Policy], fields: pipeline_core::resource::Fields::new() };
            Script { calls: vec![policy, Call::Delete], ends: Ends::Done }
        }
        Kind::EventSourceMapping | Kind::ScheduleGroup | Kind::LayerVersion => {
            Script { calls: vec![Call::Delete], ends: Ends::Reread }
        }
        Kind::LogGroup | Kind::Queue | Kind::Parameter | Kind::Function | Kind::Schedule => {
            Script { calls: vec![Call::Delete], ends: Ends::Done }
        }
    }
}
