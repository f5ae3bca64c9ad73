//! The state of the model, and its transitions without disturbances.

use pipeline_core::error_class::ErrorClass;
use pipeline_core::names::{TagKeys, Tags};
use pipeline_core::plan::{Goal, Verdict};
use pipeline_core::resource::{Id, Kind};

use super::aws::{Answer, Aws, Call, Slot, State, Thing};
use super::event::{Budget, Event, Fault};
use super::invariant::Rest;
use super::operator::{Begun, Ended, Planned, Progress, Reconcile, Rows, Stage, begin};
use super::shared::Shared;
use super::verbs::Ends;
use super::{Setting, uid_of};

/// The custom resource, as the operator reads it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Cr {
    pub(super) uid: u8,
    pub(super) spec: usize,
    pub(super) rows: Shared<Rows>,
    pub(super) tag_keys: TagKeys,
    pub(super) finalizer: bool,
    pub(super) deleting: bool,
}

/// One state of the model.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(in super::super) struct World {
    pub(super) aws: Aws,
    pub(super) cr: Option<Cr>,
    /// The reconcile that is in progress: what the operator has in memory.
    pub(super) reconcile: Option<Reconcile>,
    /// The last UID that the API server gave.
    pub(super) uid: u8,
    /// Whether the resources of that UID were left on AWS on purpose (`deletionPolicy: Retain`).
    pub(super) retained: bool,
    pub(super) budget: Budget,
}

pub(super) type Next = Vec<(Event, World)>;

/// Undisturbed steps after which a run counts as endless.
const PATIENCE: usize = 2_000;

/// Runs the operator and AWS without disturbances until nothing more happens.
///
/// # Errors
/// An invariant is broken, the run does not end, or it ends in a state that it should not end in.
pub(in super::super) fn come_to_rest(
    setting: &Setting,
    mut world: World,
    trace: &mut Vec<Event>,
) -> Result<(World, Rest), String> {
    for _ in 0..PATIENCE {
        let Some((event, after)) = world.calm(setting)?.into_iter().next() else {
            let rest = world.rest(setting)?;
            return Ok((world, rest));
        };
        trace.push(event);
        world = after;
    }
    Err(format!("no rest after {PATIENCE} undisturbed steps"))
}

impl World {
    /// A pipeline that was just created, with the first spec.
    pub(in super::super) fn new(setting: &Setting, budget: Budget) -> Self {
        let cr = Some(Cr::new(setting, 1, 0));
        Self { aws: Aws::new(setting), cr, reconcile: None, uid: 1, retained: false, budget }
    }

    /// All transitions that need no disturbance.
    ///
    /// # Errors
    /// An invariant is broken.
    pub(in super::super) fn calm(&self, setting: &Setting) -> Result<Next, String> {
        let mut next = self.operator(setting)?;
        for slot in 0..setting.slots.len() {
            let id = &setting.slots[slot].id;
            if self.aws.things[slot].as_ref().is_some_and(|thing| thing.state != State::Settled) {
                let mut world = self.clone();
                world.aws.settle(setting, slot);
                next.push((Event::Settles(id.clone()), world));
            }
            if self.aws.reserved.contains(&slot) {
                let mut world = self.clone();
                world.aws.reserved.remove(&slot);
                next.push((Event::NameIsFree(id.clone()), world));
            }
        }
        checked(setting, next)
    }

    /// The operator's next steps.
    fn operator(&self, setting: &Setting) -> Result<Next, String> {
        let Some(reconcile) = &self.reconcile else {
            let Some(cr) = &self.cr else { return Ok(Next::new()) };
            return Ok(match begin(setting, &self.aws, cr)? {
                Begun::Quiet => Next::new(),
                Begun::LetsGo => vec![(Event::LetsGo, self.let_go(setting))],
                Begun::Busy(reconcile) => {
                    vec![(Event::Reconciles, Self { reconcile: Some(reconcile), ..self.clone() })]
                }
            });
        };
        if reconcile.has_ended() {
            if !reconcile.lets_go() {
                let reported = self.write_status(reconcile.report(setting), reconcile.tag_keys(), None);
                // The next reconcile would plan the same, and have no effect either.
                let same = reconcile.without_effect
                    && match reported.cr.as_ref().map(|cr| begin(setting, &self.aws, cr)).transpose()? {
                        Some(Begun::Busy(again)) => again.planned == reconcile.planned,
                        Some(Begun::Quiet | Begun::LetsGo) | None => false,
                    };
                return Ok(if same { Next::new() } else { vec![(Event::Reports, reported)] });
            }
            let changed = self.changed_since_observed(reconcile);
            let idle = Self { reconcile: None, ..self.clone() };
            return Ok(vec![(Event::LetsGo, if changed { idle } else { self.let_go(setting) })]);
        }
        Ok(match reconcile.stage {
            Stage::Finalizer if self.changed_since_observed(reconcile) => {
                vec![(Event::WritesFinalizer, Self { reconcile: None, ..self.clone() })]
            }
            Stage::Finalizer => {
                let mut world = self.clone();
                let cr = world.cr.as_mut().expect("unchanged");
                cr.finalizer = true;
                world.reconcile = Some(reconcile.at(setting, Stage::Announce, cr));
                vec![(Event::WritesFinalizer, world)]
            }
            Stage::Announce => {
                let Planned { announced, announced_tags, .. } = &*reconcile.planned;
                let written = self.write_status(announced.clone(), announced_tags.clone(), None);
                let goes_on = written.cr.as_ref().filter(|cr| cr.uid == reconcile.planned.seen.uid);
                let reconcile = goes_on.map(|cr| reconcile.at(setting, Stage::Apply, cr));
                vec![(Event::Announces, Self { reconcile, ..written })]
            }
            Stage::Apply => {
                let steps = (0..reconcile.steps.len()).map(|index| self.step(setting, reconcile, index, None));
                let mut next: Next = steps.collect::<Result<Vec<_>, _>>()?.into_iter().flatten().collect();
                if !setting.every_order {
                    next.truncate(1);
                }
                next
            }
        })
    }

    /// The API server refuses a change of finalizers if the custom resource changed since it was read.
    fn changed_since_observed(&self, reconcile: &Reconcile) -> bool {
        let seen = &reconcile.planned.seen;
        let same = |cr: &Cr| cr.uid == seen.uid && cr.spec == seen.spec && cr.deleting == seen.deleting;
        !self.cr.as_ref().is_some_and(same)
    }

    /// Writes the status, unless the custom resource has another UID by now.
    fn write_status(&self, rows: Shared<Rows>, tag_keys: TagKeys, reconcile: Option<Reconcile>) -> Self {
        let uid = self.reconcile.as_ref().map(|reconcile| reconcile.planned.seen.uid);
        let mut world = Self { reconcile, ..self.clone() };
        if let Some(cr) = world.cr.as_mut().filter(|cr| Some(cr.uid) == uid) {
            cr.rows = rows;
            cr.tag_keys = tag_keys;
        }
        world
    }

    fn let_go(&self, setting: &Setting) -> Self {
        let retained = self.cr.as_ref().is_some_and(|cr| setting.specs[cr.spec].retain);
        Self { cr: None, reconcile: None, retained, ..self.clone() }
    }

    /// The next call or read of a step, if the steps before it have ended.
    pub(super) fn step(
        &self,
        setting: &Setting,
        reconcile: &Reconcile,
        index: usize,
        fault: Option<Fault>,
    ) -> Result<Option<(Event, Self)>, String> {
        let step = &reconcile.planned.plan.steps[index];
        let mut world = self.clone();
        let mut after = reconcile.clone();
        let event = match &reconcile.steps[index] {
            Progress::Waits | Progress::Ended(_) => return Ok(None),
            Progress::Rereads { rereads } => {
                if fault.is_some() || self.is_busy(setting, &step.id) {
                    return Ok(None);
                }
                after.reread(setting, &self.aws, index, *rereads);
                Event::Rereads(step.id.clone())
            }
            Progress::Acts { decided, calls, refused, rereads } => {
                let script = setting.script(&reconcile.planned, index, decided);
                let Some(call) = script.calls.get(*calls) else {
                    after.steps[index] = ended(&script.ends, None, *refused, *rereads);
                    return Ok(Some(world.after_step(setting, after, Event::Rereads(step.id.clone()))));
                };
                if fault == Some(Fault::TagsRefused) && !call.is_of_users_tags() {
                    return Ok(None);
                }
                let slot = slot_acted_on(setting, reconcile, index);
                let answer = match fault {
                    _ if *call == Call::Delete && self.holds_foreign(setting, slot) => {
                        Answer::Refused(ErrorClass::Conflict)
                    }
                    Some(Fault::TagsRefused) => Answer::Refused(ErrorClass::Denied),
                    Some(Fault::Lost) => Answer::Refused(ErrorClass::Transient),
                    Some(Fault::AnswerLost) => {
                        world.call(setting, reconcile, slot, call)?;
                        Answer::Refused(ErrorClass::Waiting)
                    }
                    Some(Fault::Unknown) => {
                        world.call(setting, reconcile, slot, call)?;
                        Answer::Refused(ErrorClass::Transient)
                    }
                    Some(Fault::Repeated) => {
                        world.call(setting, reconcile, slot, call)?;
                        world.call(setting, reconcile, slot, call)?
                    }
                    None => world.call(setting, reconcile, slot, call)?,
                };
                let is_deletion = decided.verdict == Verdict::Delete;
                after.without_effect &= fault.is_none() && world.aws == self.aws;
                let is_refusal = answer == Answer::Refused(ErrorClass::Denied) && call.is_of_users_tags();
                let refused = *refused || is_refusal;
                let goes_on = answer == Answer::Done || is_refusal || (answer == Answer::Missing && is_deletion);
                after.steps[index] = match answer {
                    _ if goes_on && calls + 1 < script.calls.len() => {
                        Progress::Acts { decided: decided.clone(), calls: calls + 1, refused, rereads: *rereads }
                    }
                    _ if is_refusal => Progress::Ended(Ended::TagsRefused),
                    Answer::Missing if is_deletion => Progress::Ended(Ended::Done(None)),
                    Answer::Done => ended(&script.ends, world.aws.things[slot].as_deref(), refused, *rereads),
                    // Read again; a resource that an update did not find is created again.
                    Answer::Exists | Answer::Missing | Answer::Refused(ErrorClass::Waiting) => {
                        Progress::Rereads { rereads: *rereads }
                    }
                    Answer::Refused(class) => Progress::Ended(Ended::Failed(class)),
                };
                Event::Calls(step.id.clone(), call.name(), fault)
            }
        };
        Ok(Some(world.after_step(setting, after, event)))
    }

    pub(super) fn after_step(self, setting: &Setting, mut reconcile: Reconcile, event: Event) -> (Event, Self) {
        // The status is not written in between, so the rows are those of the announcement.
        let announced = reconcile.planned.seen.clone();
        reconcile.advance(setting, &announced);
        (event, Self { reconcile: Some(reconcile), ..self })
    }

    /// Whether a schedule group holds a schedule whose tags do not name the same pipeline: the operator checks this
    /// before it deletes the group.
    fn holds_foreign(&self, setting: &Setting, slot: usize) -> bool {
        let id = &setting.slots[slot].id;
        let (Kind::ScheduleGroup, Some(group)) = (id.kind, self.aws.things[slot].as_deref()) else { return false };
        let schedule = self.aws.find(setting, Kind::Schedule, &id.name);
        schedule.is_some_and(|schedule| uid_of(schedule) != uid_of(group))
    }

    /// Whether AWS still works on a resource, so that another read shows nothing new.
    fn is_busy(&self, setting: &Setting, id: &Id) -> bool {
        setting.slots_of(id).any(|slot| {
            let busy = self.aws.things[slot].as_ref().is_some_and(|thing| thing.state != State::Settled);
            busy || self.aws.reserved.contains(&slot)
        })
    }

    /// Carries out a call of the operator on AWS, unless AWS refuses it.
    ///
    /// # Errors
    /// The call breaks an invariant.
    fn call(&mut self, setting: &Setting, reconcile: &Reconcile, slot: usize, call: &Call) -> Result<Answer, String> {
        let before = self.aws.clone();
        let answer = self.aws.carry_out(setting, slot, call);
        if self.aws != before {
            self.check_write(setting, reconcile, &before, slot, call)?;
        }
        Ok(answer)
    }
}

impl Cr {
    pub(super) fn new(setting: &Setting, uid: u8, spec: usize) -> Self {
        let rows = setting.share_rows(Rows::new());
        Self { uid, spec, rows, tag_keys: TagKeys::default(), finalizer: false, deleting: false }
    }

    pub(super) fn lists(&self, slot: &Slot) -> bool {
        self.rows.iter().any(|row| row.name == slot.id.name && row.kind == slot.kind)
    }
}

impl Reconcile {
    /// The same reconcile, at another stage.
    fn at(&self, setting: &Setting, stage: Stage, cr: &Cr) -> Self {
        let mut reconcile = Self { stage, ..self.clone() };
        reconcile.advance(setting, cr);
        reconcile
    }
}

pub(super) fn checked(setting: &Setting, next: Next) -> Result<Next, String> {
    for (event, world) in &next {
        world.check_state(setting).map_err(|wrong| format!("{event}: {wrong}"))?;
    }
    Ok(next)
}

/// The progress of a step whose last call AWS has carried out.
fn ended(ends: &Ends, thing: Option<&Thing>, refused: bool, rereads: u8) -> Progress {
    match ends {
        Ends::Done if refused => Progress::Ended(Ended::TagsRefused),
        Ends::Done => Progress::Ended(Ended::Done(None)),
        Ends::DoneIfTagged(tags) if thing.is_some_and(|thing| has(thing, tags)) => Progress::Ended(Ended::Done(None)),
        Ends::Reread | Ends::DoneIfTagged(_) => Progress::Rereads { rereads },
    }
}

fn has(thing: &Thing, tags: &Tags) -> bool {
    tags.iter().all(|(key, value)| thing.tags.get(key) == Some(value))
}

/// The slot that a step writes to: that of the resource it observed, else that of the name it desires.
fn slot_acted_on(setting: &Setting, reconcile: &Reconcile, index: usize) -> usize {
    let step = &reconcile.planned.plan.steps[index];
    let seen = match &reconcile.steps[index] {
        Progress::Acts { decided, .. } => decided.observed.as_ref(),
        Progress::Waits | Progress::Rereads { .. } | Progress::Ended(_) => None,
    };
    match (&step.goal, seen) {
        (_, Some(observed)) => setting.slots.iter().position(|slot| slot.arn == observed.arn).expect("seen"),
        (Goal::Present(desired), None) => setting.slot_of(&desired.resource),
        (Goal::Gone, None) => setting.slots_of(&step.id).next().expect("known"),
    }
}
