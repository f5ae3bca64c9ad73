//! The invariants of writes and states, and how a pipeline may come to rest.

use api::{ResourceRow, ResourceState};
use pipeline_core::names::{Ownership, TagKeys};
use pipeline_core::plan::{Recorded, Verdict, plan};
use pipeline_core::resource::{FieldName, Id, Kind, diff};

use super::aws::{Aws, Call, Slot, State, Thing, last, layers, text};
use super::disturbance::FOREIGN_TAG;
use super::operator::Reconcile;
use super::world::World;
use super::{Setting, owner_of, short, uid_of};

/// How a pipeline comes to rest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(in super::super) enum Rest {
    /// AWS matches the spec, and holds nothing else of the pipeline's.
    Matched,
    /// A resource of another owner is in the way, and is reported.
    Conflict,
    /// The pipeline is gone, and so is what it had.
    Gone,
}

impl World {
    /// Checks the invariants of a write: it is recorded beforehand, and touches nothing that is foreign or still in use.
    pub(super) fn check_write(
        &self,
        setting: &Setting,
        reconcile: &Reconcile,
        before: &Aws,
        slot: usize,
        call: &Call,
    ) -> Result<(), String> {
        let owner = &reconcile.planned.owner;
        let id = &setting.slots[slot].id;
        let cr = self.cr.as_ref().filter(|cr| cr.uid == reconcile.planned.seen.uid);
        if !cr.is_some_and(|cr| cr.finalizer && cr.lists(&setting.slots[slot])) {
            return Err(format!("{} was written to without a row in the status and a finalizer", short(id)));
        }
        let unrecorded = call.tag_keys().into_iter().find(|key| !cr.is_some_and(|cr| cr.tag_keys.contains(key)));
        if let Some(key) = unrecorded {
            return Err(format!("the tag {key} of {} was changed, and no status records it", short(id)));
        }
        let ownership = |thing: &Thing| owner.ownership(&thing.tags);
        match (call, before.things[slot].as_deref().map(ownership)) {
            // A layer version's owner cannot be changed, so a take-over replaces it. Functions keep the deleted version
            // until they are given the new one.
            (Call::Delete, Some(Ownership::Predecessor { .. })) if id.kind == Kind::LayerVersion => return Ok(()),
            (Call::Delete, Some(Ownership::Predecessor { .. } | Ownership::NotOurs { .. }))
            | (_, Some(Ownership::NotOurs { .. })) => {
                return Err(format!("{} was written to, and is not ours", short(id)));
            }
            (_, Some(Ownership::Ours | Ownership::Predecessor { .. }) | None) => {}
        }
        if *call != Call::Delete {
            return Ok(());
        }
        for (other, thing) in before.things.iter().enumerate() {
            let Some(thing) = thing.as_deref().filter(|_| other != slot) else { continue };
            let user = &setting.slots[other];
            let inside = id.kind == Kind::ScheduleGroup && user.id.kind == Kind::Schedule && user.id.name == id.name;
            if inside && ownership(thing) != Ownership::Ours {
                return Err(format!("{} was deleted with {}, which is not ours", short(id), short(&user.id)));
            }
            let ours = ownership(thing) == Ownership::Ours && thing.state != State::Going;
            if ours && uses(thing, user, id) {
                return Err(format!("{} was deleted while {} uses it", short(id), short(&user.id)));
            }
        }
        Ok(())
    }

    /// Checks the invariants of a state: what the pipeline has on AWS is in its rows, behind a finalizer, or retained.
    pub(super) fn check_state(&self, setting: &Setting) -> Result<(), String> {
        let uid = owner_of(self.uid).uid;
        for (slot, thing) in self.aws.things.iter().enumerate() {
            let Some(thing) = thing.as_deref().filter(|thing| uid_of(thing) == Some(&uid)) else { continue };
            let id = &setting.slots[slot].id;
            match &self.cr {
                None if self.retained || thing.state == State::Going => {}
                None => return Err(format!("{} is left, and its pipeline is gone", short(id))),
                Some(cr) if !cr.finalizer => return Err(format!("{} is there, and no finalizer", short(id))),
                Some(cr) => {
                    if !cr.lists(&setting.slots[slot]) {
                        return Err(format!("{} is there, and in no row of the status", short(id)));
                    }
                }
            }
        }
        Ok(())
    }

    /// How the pipeline has come to rest in a state without undisturbed transitions.
    ///
    /// # Errors
    /// The pipeline should not come to rest in this state.
    pub(in super::super) fn rest(&self, setting: &Setting) -> Result<Rest, String> {
        let Some(cr) = &self.cr else { return Ok(Rest::Gone) };
        if let Some(reconcile) = &self.reconcile {
            let named = reconcile.meets_a_conflict();
            return if named {
                Ok(Rest::Conflict)
            } else {
                Err(format!("the operator is stuck: {}", reconcile.troubles()))
            };
        }
        let owner = owner_of(cr.uid);
        let desired = setting.desired(cr.spec, cr.uid);
        let conflicts: Vec<_> = cr.rows.iter().filter(|row| row.state == ResourceState::Conflict).collect();
        if let Some(first) = conflicts.first() {
            // While one conflict remains, rows of conflicts that are already resolved are not updated.
            let is_real = |row: &&ResourceRow| {
                let thing = self.aws.observe(setting, &Id::new(row.kind.parse().expect("known"), &row.name));
                thing.is_some_and(|thing| owner.ownership(&thing.tags) != Ownership::Ours)
            };
            let named = conflicts.iter().any(is_real);
            let wrong = || format!("a conflict is reported of {}, which nobody else has", first.name);
            return named.then_some(Rest::Conflict).ok_or_else(wrong);
        }
        for resource in desired.iter() {
            let id = resource.id();
            let thing = self.aws.things[setting.slot_of(resource)].as_deref();
            let Some(seen) = thing.and_then(|_| self.aws.observe(setting, &id)) else {
                return Err(format!("{} is missing", short(&id)));
            };
            if !diff(resource, &seen, &cr.tag_keys).is_empty() || seen.settling.is_some() {
                return Err(format!("{} is not as wanted", short(&id)));
            }
            // Tag keys of an earlier pipeline of the same name are not recorded, so its tags may stay.
            let left = seen.tags.keys().find(|key| !resource.tags().contains_key(*key) && *key != FOREIGN_TAG);
            if let Some(key) = left.filter(|_| self.uid == 1) {
                return Err(format!("{} still has the tag {key}", short(&id)));
            }
        }
        let known = desired.iter().map(|resource| (resource.id(), Recorded::Ours)).collect();
        let observed =
            desired.iter().map(|resource| (resource.id(), self.aws.observe(setting, &resource.id()))).collect();
        let again = plan(&owner, desired.to_vec(), &known, &cr.tag_keys, observed);
        if again.steps.iter().any(|step| step.verdict != Verdict::InSync) {
            return Err("the plan is not empty".to_owned());
        }
        let is_wanted = |slot: usize| desired.iter().any(|resource| setting.slot_of(resource) == slot);
        for (slot, thing) in self.aws.things.iter().enumerate() {
            let id = &setting.slots[slot].id;
            let ours = thing.as_deref().is_some_and(|thing| owner.ownership(&thing.tags) == Ownership::Ours);
            if ours && !is_wanted(slot) {
                return Err(format!("{} is left over", short(id)));
            }
        }
        let ready = cr.rows.iter().filter(|row| row.state == ResourceState::Ready).count();
        if ready != desired.len() || cr.rows.len() != desired.len() {
            return Err(format!(
                "the status lists {} resources, {ready} of them Ready, of {}",
                cr.rows.len(),
                desired.len()
            ));
        }
        let desired = desired.iter().fold(TagKeys::default(), |keys, resource| keys.with(resource.tags()));
        if cr.tag_keys != desired {
            return Err(format!("the status records {:?}, and wanted are {desired:?}", cr.tag_keys));
        }
        Ok(Rest::Matched)
    }
}

/// Whether a resource, in the slot `user`, depends on the resource `id`.
fn uses(thing: &Thing, user: &Slot, id: &Id) -> bool {
    let names = |key: FieldName| text(&thing.fields, key).is_some_and(|arn| last(arn) == id.name);
    match (user.id.kind, id.kind) {
        (Kind::Function | Kind::Schedule, Kind::Role) => names(FieldName::Role),
        (Kind::Function, Kind::LayerVersion) => layers(&thing.fields).any(|layer| layer == id.name),
        (Kind::Function, Kind::LogGroup) => id.name.ends_with(&user.id.name),
        (Kind::EventSourceMapping, Kind::Queue) => user.queue.as_ref() == Some(&id.name),
        (Kind::EventSourceMapping, Kind::Function) | (Kind::Schedule, Kind::ScheduleGroup) => user.id.name == id.name,
        (Kind::Schedule, Kind::Function) => names(FieldName::Target),
        (Kind::Schedule, Kind::Queue) => names(FieldName::DeadLetterQueue),
        _ => false,
    }
}
