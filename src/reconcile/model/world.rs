//! All that there is, and what follows from it undisturbed.

use pipeline_core::error_class::ErrorClass;
use pipeline_core::names::{TagKeys, Tags};
use pipeline_core::plan::{Goal, Verdict};
use pipeline_core::resource::{Id, Kind};

use super::aws::{Answer, Aws, Call, Slot, State, Thing};
use super::event::{Budget, Event, Fault};
use super::invariant::Rest;
use super::operator::{Begun, Ended, Look, Planned, Progress, Rows, Stage, begin};
use super::shared::Shared;
use super::verbs::Ends;
use super::{Setting, uid_of};

/// The custom resource, as the operator finds it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Cr {
    pub(super) uid: u8,
    pub(super) spec: usize,
    pub(super) rows: Shared<Rows>,
    pub(super) tag_keys: TagKeys,
    pub(super) finalizer: bool,
    pub(super) deleting: bool,
}

/// A state.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(in super::super) struct World {
    pub(super) aws: Aws,
    pub(super) cr: Option<Cr>,
    /// What the operator has in memory, while it looks at the pipeline.
    pub(super) look: Option<Look>,
    /// The last UID that the API server gave.
    pub(super) uid: u8,
    /// Whether what carries that UID was left on AWS on purpose.
    pub(super) retained: bool,
    pub(super) budget: Budget,
}

pub(super) type Next = Vec<(Event, World)>;

/// Undisturbed steps after which a pipeline that has not come to rest never will.
const PATIENCE: usize = 2_000;

/// Lets the operator and AWS alone until nothing more happens, and says where that is.
///
/// # Errors
/// What must never happen has, it goes on for ever, or rests where it should not.
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
    /// A pipeline just made, with the first spec.
    pub(in super::super) fn new(setting: &Setting, budget: Budget) -> Self {
        let cr = Some(Cr::new(setting, 1, 0));
        Self { aws: Aws::new(setting), cr, look: None, uid: 1, retained: false, budget }
    }

    /// What may happen without a disturbance.
    ///
    /// # Errors
    /// What must never happen has.
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
        let Some(look) = &self.look else {
            let Some(cr) = &self.cr else { return Ok(Next::new()) };
            return Ok(match begin(setting, &self.aws, cr)? {
                Begun::Quiet => Next::new(),
                Begun::LetsGo => vec![(Event::LetsGo, self.let_go(setting))],
                Begun::Busy(look) => vec![(Event::Reconciles, Self { look: Some(look), ..self.clone() })],
            });
        };
        if look.has_ended() {
            if !look.lets_go() {
                let reported = self.write_status(look.report(setting), look.tag_keys(), None);
                // The next look would be the same to the letter, and so would what comes of it.
                let same = look.without_effect
                    && match reported.cr.as_ref().map(|cr| begin(setting, &self.aws, cr)).transpose()? {
                        Some(Begun::Busy(again)) => again.planned == look.planned,
                        Some(Begun::Quiet | Begun::LetsGo) | None => false,
                    };
                return Ok(if same { Next::new() } else { vec![(Event::Reports, reported)] });
            }
            let changed = self.changed_since_the_look(look);
            let idle = Self { look: None, ..self.clone() };
            return Ok(vec![(Event::LetsGo, if changed { idle } else { self.let_go(setting) })]);
        }
        Ok(match look.stage {
            Stage::Finalizer if self.changed_since_the_look(look) => {
                vec![(Event::WritesFinalizer, Self { look: None, ..self.clone() })]
            }
            Stage::Finalizer => {
                let mut world = self.clone();
                let cr = world.cr.as_mut().expect("unchanged");
                cr.finalizer = true;
                world.look = Some(look.at(setting, Stage::Announce, cr));
                vec![(Event::WritesFinalizer, world)]
            }
            Stage::Announce => {
                let Planned { announced, announced_tags, .. } = &*look.planned;
                let written = self.write_status(announced.clone(), announced_tags.clone(), None);
                let goes_on = written.cr.as_ref().filter(|cr| cr.uid == look.planned.seen.uid);
                let look = goes_on.map(|cr| look.at(setting, Stage::Apply, cr));
                vec![(Event::Announces, Self { look, ..written })]
            }
            Stage::Apply => {
                let steps = (0..look.steps.len()).map(|index| self.step(setting, look, index, None));
                let mut next: Next = steps.collect::<Result<Vec<_>, _>>()?.into_iter().flatten().collect();
                if !setting.every_order {
                    next.truncate(1);
                }
                next
            }
        })
    }

    /// The API server refuses a change of finalizers to what is no longer what was looked at.
    fn changed_since_the_look(&self, look: &Look) -> bool {
        let seen = &look.planned.seen;
        let same = |cr: &Cr| cr.uid == seen.uid && cr.spec == seen.spec && cr.deleting == seen.deleting;
        !self.cr.as_ref().is_some_and(same)
    }

    /// The status is written to the pipeline of that UID, or not at all.
    fn write_status(&self, rows: Shared<Rows>, tag_keys: TagKeys, look: Option<Look>) -> Self {
        let uid = self.look.as_ref().map(|look| look.planned.seen.uid);
        let mut world = Self { look, ..self.clone() };
        if let Some(cr) = world.cr.as_mut().filter(|cr| Some(cr.uid) == uid) {
            cr.rows = rows;
            cr.tag_keys = tag_keys;
        }
        world
    }

    fn let_go(&self, setting: &Setting) -> Self {
        let retained = self.cr.as_ref().is_some_and(|cr| setting.specs[cr.spec].retain);
        Self { cr: None, look: None, retained, ..self.clone() }
    }

    /// A step's next call or look, if it is its turn.
    pub(super) fn step(
        &self,
        setting: &Setting,
        look: &Look,
        index: usize,
        fault: Option<Fault>,
    ) -> Result<Option<(Event, Self)>, String> {
        let step = &look.planned.plan.steps[index];
        let mut world = self.clone();
        let mut after = look.clone();
        let event = match &look.steps[index] {
            Progress::Waits | Progress::Ended(_) => return Ok(None),
            Progress::LooksAgain { looks } => {
                if fault.is_some() || self.is_busy(setting, &step.id) {
                    return Ok(None);
                }
                after.look_again(setting, &self.aws, index, *looks);
                Event::LooksAgain(step.id.clone())
            }
            Progress::Acts { judged, calls, refused, looks } => {
                let script = setting.script(&look.planned, index, judged);
                let Some(call) = script.calls.get(*calls) else {
                    after.steps[index] = ended(&script.ends, None, *refused, *looks);
                    return Ok(Some(world.after_step(setting, after, Event::LooksAgain(step.id.clone()))));
                };
                if fault == Some(Fault::TagsRefused) && !call.is_of_users_tags() {
                    return Ok(None);
                }
                let slot = slot_acted_on(setting, look, index);
                let answer = match fault {
                    _ if *call == Call::Delete && self.holds_foreign(setting, slot) => {
                        Answer::Refused(ErrorClass::Conflict)
                    }
                    Some(Fault::TagsRefused) => Answer::Refused(ErrorClass::Denied),
                    Some(Fault::Lost) => Answer::Refused(ErrorClass::Transient),
                    Some(Fault::AnswerLost) => {
                        world.call(setting, look, slot, call)?;
                        Answer::Refused(ErrorClass::Waiting)
                    }
                    Some(Fault::Unknown) => {
                        world.call(setting, look, slot, call)?;
                        Answer::Refused(ErrorClass::Transient)
                    }
                    Some(Fault::Repeated) => {
                        world.call(setting, look, slot, call)?;
                        world.call(setting, look, slot, call)?
                    }
                    None => world.call(setting, look, slot, call)?,
                };
                let is_deletion = judged.verdict == Verdict::Delete;
                after.without_effect &= fault.is_none() && world.aws == self.aws;
                let is_refusal = answer == Answer::Refused(ErrorClass::Denied) && call.is_of_users_tags();
                let refused = *refused || is_refusal;
                let goes_on = answer == Answer::Done || is_refusal || (answer == Answer::Missing && is_deletion);
                after.steps[index] = match answer {
                    _ if goes_on && calls + 1 < script.calls.len() => {
                        Progress::Acts { judged: judged.clone(), calls: calls + 1, refused, looks: *looks }
                    }
                    _ if is_refusal => Progress::Ended(Ended::TagsRefused),
                    Answer::Missing if is_deletion => Progress::Ended(Ended::Done(None)),
                    Answer::Done => ended(&script.ends, world.aws.things[slot].as_deref(), refused, *looks),
                    // Looked into; what an update misses is made again.
                    Answer::Exists | Answer::Missing | Answer::Refused(ErrorClass::Waiting) => {
                        Progress::LooksAgain { looks: *looks }
                    }
                    Answer::Refused(class) => Progress::Ended(Ended::Failed(class)),
                };
                Event::Calls(step.id.clone(), call.name(), fault)
            }
        };
        Ok(Some(world.after_step(setting, after, event)))
    }

    pub(super) fn after_step(self, setting: &Setting, mut look: Look, event: Event) -> (Event, Self) {
        // The status is not written in between, so the rows are those of the announcement.
        let announced = look.planned.seen.clone();
        look.advance(setting, &announced);
        (event, Self { look: Some(look), ..self })
    }

    /// Whether a schedule group holds a schedule that does not say that it is the same pipeline's: the operator looks
    /// before it deletes the group.
    fn holds_foreign(&self, setting: &Setting, slot: usize) -> bool {
        let id = &setting.slots[slot].id;
        let (Kind::ScheduleGroup, Some(group)) = (id.kind, self.aws.things[slot].as_deref()) else { return false };
        let schedule = self.aws.find(setting, Kind::Schedule, &id.name);
        schedule.is_some_and(|schedule| uid_of(schedule) != uid_of(group))
    }

    /// Whether AWS works on a resource, so that looking again shows nothing new.
    fn is_busy(&self, setting: &Setting, id: &Id) -> bool {
        setting.slots_of(id).any(|slot| {
            let busy = self.aws.things[slot].as_ref().is_some_and(|thing| thing.state != State::Settled);
            busy || self.aws.reserved.contains(&slot)
        })
    }

    /// AWS carries out a call of the operator's, unless it refuses.
    ///
    /// # Errors
    /// The operator should not have made it.
    fn call(&mut self, setting: &Setting, look: &Look, slot: usize, call: &Call) -> Result<Answer, String> {
        let before = self.aws.clone();
        let answer = self.aws.carry_out(setting, slot, call);
        if self.aws != before {
            self.judge_write(setting, look, &before, slot, call)?;
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

impl Look {
    /// The same look, at another stage.
    fn at(&self, setting: &Setting, stage: Stage, cr: &Cr) -> Self {
        let mut look = Self { stage, ..self.clone() };
        look.advance(setting, cr);
        look
    }
}

pub(super) fn checked(setting: &Setting, next: Next) -> Result<Next, String> {
    for (event, world) in &next {
        world.judge_state(setting).map_err(|wrong| format!("{event}: {wrong}"))?;
    }
    Ok(next)
}

/// What an act comes to that AWS has carried out.
fn ended(ends: &Ends, thing: Option<&Thing>, refused: bool, looks: u8) -> Progress {
    match ends {
        Ends::Done if refused => Progress::Ended(Ended::TagsRefused),
        Ends::Done => Progress::Ended(Ended::Done(None)),
        Ends::DoneIfTagged(tags) if thing.is_some_and(|thing| has(thing, tags)) => Progress::Ended(Ended::Done(None)),
        Ends::LookAgain | Ends::DoneIfTagged(_) => Progress::LooksAgain { looks },
    }
}

fn has(thing: &Thing, tags: &Tags) -> bool {
    tags.iter().all(|(key, value)| thing.tags.get(key) == Some(value))
}

/// Where a step acts: on what it saw, or on the name that it wants.
fn slot_acted_on(setting: &Setting, look: &Look, index: usize) -> usize {
    let step = &look.planned.plan.steps[index];
    let seen = match &look.steps[index] {
        Progress::Acts { judged, .. } => judged.have.as_ref(),
        Progress::Waits | Progress::LooksAgain { .. } | Progress::Ended(_) => None,
    };
    match (&step.goal, seen) {
        (_, Some(have)) => setting.slots.iter().position(|slot| slot.arn == have.arn).expect("seen"),
        (Goal::Present(wanted), None) => setting.slot_of(&wanted.resource),
        (Goal::Gone, None) => setting.slots_of(&step.id).next().expect("known"),
    }
}
