//! A state model of reconciles: the real plan and verdicts, against an AWS that is a value in memory.
//!
//! A [`World`] is one state: AWS, the custom resource with its status rows, and the operator's memory. Its transitions
//! are single writes of the operator, AWS finishing asynchronous work, and disturbances, which a [`Budget`] limits:
//! crashes, lost calls and answers, edits, deletions, rebuilt clusters, and changes that others make on AWS.
//! Reads are strongly consistent: the end-to-end tests cover eventual consistency.

mod aws;
mod disturbance;
mod event;
mod explore;
mod invariant;
mod operator;
mod properties;
mod shared;
mod specs;
mod verbs;
mod walk;
mod world;

use std::cell::RefCell;
use std::collections::HashMap;
use std::env;
use std::rc::Rc;
use std::time::Duration;

use api::{DeletionPolicy, ScheduledTaskPipelineSpec};
use aws::{Slot, Thing};
use pipeline_core::location::Location;
use pipeline_core::names::{Owner, tag};
use pipeline_core::plan::test_support::{desired_by, location, owned_by};
use pipeline_core::resource::{Fields, Id, Resource};
use pipeline_core::test_support::owner;

use event::{Budget, CALM, Event};
use invariant::Rest;
use operator::{Decided, Planned, Rows};
use shared::{Pool, Shared};
use verbs::{Script, script};
use world::{Cr, World, come_to_rest};

/// The pause before a step reads again. The model has no clock, so any value would do.
const SOON: Duration = Duration::from_secs(1);

/// Whether to explore in depth: breadth-first with one more disturbance and every order of concurrent steps, and at
/// random with many more walks.
fn is_deep() -> bool {
    env::var_os("TASK_PIPELINES_DEEP_MODEL").is_some()
}

/// Results that are computed once for each key.
type Memo<K, V> = RefCell<HashMap<K, V>>;

/// What all states have in common: specs, slots, options and caches.
struct Setting {
    specs: Vec<Spec>,
    slots: Vec<Slot>,
    location: Location,
    /// Whether concurrent steps are tried in every order, or only in one.
    every_order: bool,
    /// By slot.
    things: Pool<usize, Thing>,
    /// By resource.
    decided: Pool<Id, Decided>,
    scripts: Memo<(Shared<Planned>, usize, Shared<Decided>), Rc<Script>>,
    /// By the custom resource that they were computed for.
    plans: Pool<Cr, Planned>,
    /// By states.
    rows: Pool<Vec<u8>, Rows>,
    wants: Memo<(usize, u8), Rc<Vec<Resource>>>,
    /// By slot and by the address of the desired resource, which `wants` keeps alive.
    fields: Memo<(usize, usize), Fields>,
}

/// A spec that the custom resource may have.
struct Spec {
    resources: Vec<Resource>,
    retain: bool,
}

impl Setting {
    /// Pipelines of these specs, reduced to the resources that `keep` selects.
    fn new(specs: &[ScheduledTaskPipelineSpec], keep: impl Fn(&Id) -> bool, every_order: bool) -> Self {
        let spec = |spec: &ScheduledTaskPipelineSpec| {
            let mut resources = desired_by(spec);
            resources.retain(|resource| keep(&resource.id()));
            Spec { resources, retain: spec.deletion_policy == DeletionPolicy::Retain }
        };
        let specs: Vec<Spec> = specs.iter().map(spec).collect();
        let mut slots: Vec<Slot> = Vec::new();
        for resource in specs.iter().flat_map(|spec| &spec.resources) {
            let slot = slot(resource, slots.len());
            if !slots.iter().any(|other| other.id == slot.id && other.queue == slot.queue) {
                slots.push(slot);
            }
        }
        Self {
            specs,
            slots,
            location: location(),
            every_order,
            things: Pool::default(),
            decided: Pool::default(),
            plans: Pool::default(),
            rows: Pool::default(),
            scripts: RefCell::default(),
            wants: RefCell::default(),
            fields: RefCell::default(),
        }
    }

    fn desired(&self, spec: usize, uid: u8) -> Rc<Vec<Resource>> {
        let desired = || Rc::new(owned_by(self.specs[spec].resources.clone(), &owner_of(uid).uid));
        Rc::clone(self.wants.borrow_mut().entry((spec, uid)).or_insert_with(desired))
    }

    /// A wanted resource's fields.
    fn fields(&self, slot: usize, resource: &Resource) -> Fields {
        let key = (slot, std::ptr::from_ref(resource).addr());
        self.fields.borrow_mut().entry(key).or_insert_with(|| resource.fields()).clone()
    }

    fn share_rows(&self, rows: Rows) -> Shared<Rows> {
        self.rows.share(rows.iter().map(|row| row.state as u8).collect(), rows)
    }

    /// What a step of a plan does for a verdict.
    fn script(&self, planned: &Shared<Planned>, index: usize, decided: &Shared<Decided>) -> Rc<Script> {
        let step = &planned.plan.steps[index];
        let script = || Rc::new(script(&step.id, &step.goal, decided));
        let key = (planned.clone(), index, decided.clone());
        Rc::clone(self.scripts.borrow_mut().entry(key).or_insert_with(script))
    }

    fn slots_of(&self, id: &Id) -> impl Iterator<Item = usize> {
        let slots = self.slots.iter().enumerate().filter(move |(_, slot)| slot.id == *id);
        slots.map(|(index, _)| index)
    }

    fn slot_of(&self, resource: &Resource) -> usize {
        let slot = slot(resource, 0);
        self.slots_of(&slot.id).find(|index| self.slots[*index].queue == slot.queue).expect("a slot of each resource")
    }
}

/// The owner of the pipeline as created for the n-th time, with a UID of its own.
fn owner_of(uid: u8) -> Owner {
    Owner { uid: format!("uid-{uid}"), ..owner() }
}

fn slot(resource: &Resource, index: usize) -> Slot {
    let queue = match resource {
        Resource::EventSourceMapping(mapping) => Some(mapping.queue.clone()),
        _ => None,
    };
    let id = resource.id();
    let arn = match resource {
        Resource::EventSourceMapping(_) => location().arn("lambda", &format!("event-source-mapping:uuid-{index}")),
        // The model uses the name as the ARN, so resolving a function's layers changes nothing.
        Resource::LayerVersion(_) => id.name.clone(),
        _ => resource.arn(&location()).expect("known before it exists"),
    };
    Slot { kind: id.kind.to_string(), id, queue, arn }
}

/// The UID in a resource's tags, if there is one.
fn uid_of(thing: &Thing) -> Option<&str> {
    thing.tags.get(tag::UID).map(String::as_str)
}

/// The name of a resource in a trace.
fn short(id: &Id) -> String {
    format!("{} …{}", id.kind, id.name.rsplit(&owner().prefix()).next().unwrap_or_default())
}
