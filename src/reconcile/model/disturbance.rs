//! The disturbances: what can go wrong in a state, within its budget.

use pipeline_core::names::Tags;
use pipeline_core::resource::{Field, FieldName, Fields, Id, Kind};

use super::aws::{Answer, Call, State, Thing};
use super::event::{Budget, Event, Fault};
use super::operator::{Ended, Progress, Stage};
use super::world::{Cr, Next, World, checked};
use super::{Setting, uid_of};

/// Key of a tag that no spec has.
pub(super) const FOREIGN_TAG: &str = "team";

impl World {
    /// All disturbances that the budget still allows, with the states that they lead to.
    ///
    /// # Errors
    /// An invariant is broken.
    pub(in super::super) fn disturbances(&self, setting: &Setting) -> Result<Next, String> {
        let mut next = Next::new();
        if let Some(budget) = self.spend(|budget| &mut budget.crashes)
            && self.reconcile.is_some()
        {
            next.push((Event::Crashes, Self { reconcile: None, budget, ..self.clone() }));
        }
        if let Some(budget) = self.spend(|budget| &mut budget.faults) {
            next.extend(self.faults(setting, budget)?);
        }
        if let Some(budget) = self.spend(|budget| &mut budget.edits)
            && let Some(cr) = &self.cr
        {
            let others = (0..setting.specs.len()).filter(|spec| *spec != cr.spec);
            next.extend(others.map(|spec| {
                let cr = Some(Cr { spec, ..cr.clone() });
                (Event::Edits(spec), Self { cr, budget, ..self.clone() })
            }));
        }
        if let Some(budget) = self.spend(|budget| &mut budget.lives) {
            next.extend(self.lives(setting, budget));
        }
        if let Some(budget) = self.spend(|budget| &mut budget.drifts) {
            next.extend(self.drifts(setting, budget));
        }
        if let Some(budget) = self.spend(|budget| &mut budget.foreigners) {
            next.extend(self.foreigners(setting, budget));
        }
        checked(setting, next)
    }

    fn spend(&self, of: impl Fn(&mut Budget) -> &mut u8) -> Option<Budget> {
        let mut budget = self.budget;
        budget.all = budget.all.checked_sub(1)?;
        let one = of(&mut budget);
        *one = one.checked_sub(1)?;
        Some(budget)
    }

    fn faults(&self, setting: &Setting, budget: Budget) -> Result<Next, String> {
        let Some(reconcile) = self.reconcile.as_ref().filter(|reconcile| reconcile.stage == Stage::Apply) else {
            return Ok(Next::new());
        };
        let mut next = Next::new();
        let spent = Self { budget, ..self.clone() };
        for index in 0..reconcile.steps.len() {
            for fault in [Fault::Lost, Fault::AnswerLost, Fault::Unknown, Fault::Repeated, Fault::TagsRefused] {
                let step = spent.step(setting, reconcile, index, Some(fault))?;
                next.extend(step.filter(|(event, _)| matches!(event, Event::Calls(..))));
            }
            if let Progress::Rereads { .. } = reconcile.steps[index] {
                let mut after = reconcile.clone();
                after.steps[index] = Progress::Ended(Ended::Waiting);
                // The next reconcile goes on, so this one does not count as without effect.
                after.without_effect = false;
                let event = Event::GivesUp(reconcile.planned.plan.steps[index].id.clone());
                next.push(spent.clone().after_step(setting, after, event));
            }
        }
        Ok(next)
    }

    fn lives(&self, setting: &Setting, budget: Budget) -> Next {
        let mut next = Next::new();
        let spent = Self { budget, ..self.clone() };
        let made = |spec: usize| {
            let uid = self.uid + 1;
            // A rebuilt cluster has a new operator process, without a reconcile in progress.
            Self { cr: Some(Cr::new(setting, uid, spec)), uid, reconcile: None, retained: false, ..spent.clone() }
        };
        match &self.cr {
            Some(cr) => {
                if !cr.deleting {
                    // Without a finalizer it is gone at once.
                    let cr = cr.finalizer.then(|| Cr { deleting: true, ..cr.clone() });
                    next.push((Event::DeletesPipeline, Self { cr, ..spent.clone() }));
                }
                next.extend((0..setting.specs.len()).map(|spec| (Event::RebuildsCluster(spec), made(spec))));
            }
            None => next.extend((0..setting.specs.len()).map(|spec| (Event::CreatesPipeline(spec), made(spec)))),
        }
        next
    }

    /// Whether the operator is about to change or delete what it saw of a resource. AWS has no conditional writes, so
    /// a replacement of the resource at this moment goes unnoticed.
    fn is_about_to_write(&self, id: &Id) -> bool {
        let Some(reconcile) = self.reconcile.as_ref() else { return false };
        reconcile.planned.plan.steps.iter().zip(&reconcile.steps).any(|(step, progress)| {
            step.id == *id
                && match progress {
                    Progress::Waits => step.observed.is_some(),
                    Progress::Acts { decided, calls, .. } => decided.observed.is_some() || *calls > 0,
                    Progress::Rereads { .. } | Progress::Ended(_) => false,
                }
        })
    }

    fn drifts(&self, setting: &Setting, budget: Budget) -> Next {
        let mut next = Next::new();
        let spent = Self { budget, ..self.clone() };
        for (slot, thing) in self.aws.things.iter().enumerate() {
            let Some(thing) = thing.as_deref().filter(|thing| thing.state == State::Settled) else { continue };
            let id = &setting.slots[slot].id;
            let changed = |thing: Thing| {
                let mut world = spent.clone();
                world.aws.things[slot] = Some(setting.things.share(slot, thing));
                world
            };
            if uid_of(thing).is_none() {
                continue;
            }
            let mut world = spent.clone();
            world.aws.vanish(setting, slot);
            next.push((Event::SomebodyDeletes(id.clone()), world));
            if let Some(fields) = other_fields(id.kind, thing) {
                next.push((Event::SomebodyChanges(id.clone()), changed(Thing { fields, ..thing.clone() })));
            }
            if !matches!(id.kind, Kind::Schedule | Kind::LayerVersion) {
                let mut tags = thing.tags.clone();
                if tags.insert(FOREIGN_TAG.to_owned(), "other".to_owned()).is_none() {
                    next.push((Event::SomebodyTags(id.clone()), changed(Thing { tags, ..thing.clone() })));
                }
            }
            if !self.is_about_to_write(id) {
                let tags = Tags::new();
                next.push((Event::SomebodyTakesTags(id.clone()), changed(Thing { tags, ..thing.clone() })));
            }
        }
        next
    }

    fn foreigners(&self, setting: &Setting, budget: Budget) -> Next {
        let mut next = Next::new();
        let spent = Self { budget, ..self.clone() };
        let desired = self.cr.as_ref().map(|cr| setting.desired(cr.spec, cr.uid)).unwrap_or_default();
        for resource in desired.iter() {
            let slot = setting.slot_of(resource);
            let id = resource.id();
            let mut world = spent.clone();
            match self.aws.things[slot].as_deref() {
                None if !self.is_about_to_write(&id) => {
                    // Identical except for the owner's tags: the hardest case to tell from ours.
                    let make = Call::Make { fields: setting.fields(slot, resource), tags: Tags::new() };
                    if world.aws.carry_out(setting, slot, &make) == Answer::Done {
                        next.push((Event::SomebodyTakes(id), world));
                    }
                }
                Some(thing) if uid_of(thing).is_none() && thing.state == State::Settled => {
                    world.aws.vanish(setting, slot);
                    next.push((Event::SomebodyGivesBack(id), world));
                }
                Some(_) | None => {}
            }
        }
        next
    }
}

/// A resource's fields after somebody else changed one of them; `None` if the kind has none to change.
fn other_fields(kind: Kind, thing: &Thing) -> Option<Fields> {
    let (key, value) = match kind {
        Kind::LogGroup => (FieldName::RetentionInDays, 1.into()),
        Kind::Queue => (FieldName::VisibilityTimeout, 1.into()),
        Kind::Parameter => (FieldName::Type, "String".into()),
        Kind::Role => (FieldName::Policy, serde_json::json!({ "Statement": [] })),
        Kind::Function => (FieldName::Timeout, 1.into()),
        Kind::EventSourceMapping => (FieldName::Enabled, false.into()),
        Kind::Schedule => (FieldName::State, "DISABLED".into()),
        Kind::ScheduleGroup | Kind::LayerVersion => return None,
    };
    let mut fields = thing.fields.clone();
    let value = Field::Plain(value);
    (fields.insert(key, value.clone()) != Some(value)).then_some(fields)
}
