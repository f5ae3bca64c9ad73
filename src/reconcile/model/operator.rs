//! The operator's part: what `reconcile` and `apply` do, one write at a time, with the real plan, verdicts and rows.
//!
//! A [`Reconcile`] is all that the operator keeps in memory; a crash loses it.

use std::collections::BTreeMap;
use std::fmt;

use api::ResourceRow;
use aws::resource::Wait;
use aws::{AwsError, Operation};
use pipeline_core::error_class::ErrorClass;
use pipeline_core::names::{Owner, TagKeys};
use pipeline_core::plan::invariants::flaws;
use pipeline_core::plan::{Goal, Observations, Plan, Recorded, Step, Verdict, plan, plan_deletion};
use pipeline_core::resource::{Id, Kind, Observed, Resource};

use super::aws::Aws;
use super::shared::Shared;
use super::world::Cr;
use super::{Setting, owner_of, short};
use crate::reconcile::apply::{Applied, Outcome, blocker};
use crate::reconcile::status;

pub(super) type Rows = Vec<ResourceRow>;

/// How often a step reads its resource again before it gives up waiting.
pub(super) const MAX_REREADS: u8 = 4;

/// An observation of one resource, with the verdict on it.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Decided {
    pub(super) observed: Option<Observed>,
    pub(super) verdict: Verdict,
}

/// One reconcile of one pipeline.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Reconcile {
    pub(super) planned: Shared<Planned>,
    pub(super) stage: Stage,
    /// How far each step of the plan is.
    pub(super) steps: Vec<Progress>,
    /// Whether it has changed nothing on AWS, and none of its calls was lost.
    pub(super) without_effect: bool,
}

/// What a reconcile writes next.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Stage {
    Finalizer,
    Announce,
    Apply,
}

/// How far a step has come.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) enum Progress {
    /// The steps before it have not ended.
    Waits,
    Acts {
        decided: Shared<Decided>,
        /// Calls made.
        calls: usize,
        /// Whether AWS refused a call that only changes tags.
        refused: bool,
        rereads: u8,
    },
    Rereads {
        rereads: u8,
    },
    Ended(Ended),
}

/// [`Outcome`], as a part of a state.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) enum Ended {
    Done(Option<Shared<Decided>>),
    TagsRefused,
    Waiting,
    Failed(ErrorClass),
    Conflict(String),
    Blocked(Id),
}

/// The purpose of a reconcile.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Task {
    Manage,
    /// The schedule is deleted first, alone, so that nothing fires any more.
    DeleteSchedule,
    DeleteRest,
}

/// A plan, and what it was computed from.
pub(super) struct Planned {
    pub(super) task: Task,
    pub(super) seen: Cr,
    observed: Vec<(Id, Option<Observed>)>,
    pub(super) owner: Owner,
    pub(super) plan: Plan,
    gone: Vec<Id>,
    /// The rows before anything is made.
    pub(super) announced: Shared<Rows>,
    /// The recorded tag keys before anything is made.
    pub(super) announced_tags: TagKeys,
    wanted_tags: TagKeys,
}

// The plan and the rest follow from these three.
impl PartialEq for Planned {
    fn eq(&self, other: &Self) -> bool {
        self.task == other.task && self.seen == other.seen && self.observed == other.observed
    }
}

impl fmt::Debug for Planned {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Planned")
            .field("task", &self.task)
            .field("seen", &self.seen)
            .field("observed", &self.observed)
            .finish_non_exhaustive()
    }
}

/// What the reconcile of an idle pipeline begins with.
pub(super) enum Begun {
    /// Nothing to write: as far as the operator observes, nothing differs.
    Quiet,
    /// The finalizer is removed at once.
    LetsGo,
    Busy(Reconcile),
}

/// `reconcile`, up to the first write.
///
/// # Errors
/// The plan is flawed.
pub(super) fn begin(setting: &Setting, aws: &Aws, cr: &Cr) -> Result<Begun, String> {
    if cr.deleting { begin_deletion(setting, aws, cr) } else { begin_management(setting, aws, cr) }
}

fn known(rows: &Rows) -> BTreeMap<Id, Recorded> {
    status::Rows::from(&rows[..]).recorded()
}

fn begin_management(setting: &Setting, aws: &Aws, cr: &Cr) -> Result<Begun, String> {
    let owner = owner_of(cr.uid);
    let desired = setting.desired(cr.spec, cr.uid);
    let known = known(&cr.rows);
    let ids = desired.iter().map(Resource::id).chain(known.keys().cloned());
    let observed: Observations = if known.is_empty() {
        Observations::new()
    } else {
        ids.map(|id| (id.clone(), aws.observe(setting, &id))).collect()
    };
    let plan = plan(&owner, desired.to_vec(), &known, &cr.tag_keys, observed.clone());
    check(&owner, &plan)?;
    let plan = plan.stopped_by_conflict();
    let is_gone = |step: &&Step| matches!(step.goal, Goal::Gone);
    let gone = plan.steps.iter().filter(is_gone).map(|step| step.id.clone()).collect();
    let announced = status::rows_before(&status::Rows::from(&cr.rows[..]), &plan, &setting.location);
    let announced = setting.share_rows(announced.into_vec());
    let stage = if cr.finalizer { Stage::Announce } else { Stage::Finalizer };
    Ok(busy(setting, Task::Manage, cr, observed, owner, plan, gone, announced, stage))
}

fn begin_deletion(setting: &Setting, aws: &Aws, cr: &Cr) -> Result<Begun, String> {
    let owner = owner_of(cr.uid);
    let recorded: Vec<Id> = known(&cr.rows).into_keys().collect();
    if recorded.is_empty() || setting.specs[cr.spec].retain {
        return Ok(Begun::LetsGo);
    }
    let (schedules, rest): (Vec<Id>, Vec<Id>) = recorded.into_iter().partition(|id| id.kind == Kind::Schedule);
    let observed: Observations = schedules.iter().map(|id| (id.clone(), aws.observe(setting, id))).collect();
    let (task, ids, observed) = if observed.values().any(Option::is_some) {
        (Task::DeleteSchedule, schedules, observed)
    } else {
        (Task::DeleteRest, rest.into_iter().chain(schedules).collect(), Observations::new())
    };
    let plan = plan_deletion(&owner, ids.clone(), observed.clone());
    check(&owner, &plan)?;
    let announced = cr.rows.clone();
    Ok(busy(setting, task, cr, observed, owner, plan, ids, announced, Stage::Announce))
}

fn check(owner: &Owner, plan: &Plan) -> Result<(), String> {
    match flaws(owner, plan).first() {
        Some(flaw) => Err(format!("the plan is flawed: {flaw}")),
        None => Ok(()),
    }
}

#[expect(clippy::too_many_arguments, reason = "the parts of one value")]
fn busy(
    setting: &Setting,
    task: Task,
    seen: &Cr,
    observed: Observations,
    owner: Owner,
    plan: Plan,
    gone: Vec<Id>,
    announced: Shared<Rows>,
    stage: Stage,
) -> Begun {
    let steps = vec![Progress::Waits; plan.steps.len()];
    let observed = observed.into_iter().collect();
    let (announced_tags, wanted_tags) = match task {
        Task::Manage => {
            let before = |tag_keys| status::tag_keys_before(tag_keys, &plan);
            (before(&seen.tag_keys), before(&TagKeys::default()))
        }
        Task::DeleteSchedule | Task::DeleteRest => (seen.tag_keys.clone(), seen.tag_keys.clone()),
    };
    let planned =
        Planned { task, seen: seen.clone(), observed, owner, plan, gone, announced, announced_tags, wanted_tags };
    let planned = setting.plans.share(seen.clone(), planned);
    let mut reconcile = Reconcile { planned, stage, steps, without_effect: true };
    reconcile.advance(setting, seen);
    let nothing_new =
        reconcile.has_ended() && reconcile.report(setting) == seen.rows && reconcile.tag_keys() == seen.tag_keys;
    let quiet = nothing_new && reconcile.planned.task == Task::Manage;
    if quiet { Begun::Quiet } else { Begun::Busy(reconcile) }
}

impl Reconcile {
    /// Skips to the next write that would change something.
    pub(super) fn advance(&mut self, setting: &Setting, cr: &Cr) {
        let Planned { announced, announced_tags, .. } = &*self.planned;
        if self.stage == Stage::Announce && *announced == cr.rows && *announced_tags == cr.tag_keys {
            self.stage = Stage::Apply;
        }
        if self.stage != Stage::Apply {
            return;
        }
        let mut outcomes = self.applied().outcomes;
        while let Some((index, next)) =
            (0..self.steps.len()).find_map(|index| Some((index, self.next(setting, index, &outcomes)?)))
        {
            if let Progress::Ended(ended) = &next {
                outcomes.insert(self.planned.plan.steps[index].id.clone(), outcome(ended));
            }
            self.steps[index] = next;
        }
    }

    /// The next progress of a step that needs no call, if there is one.
    fn next(&self, setting: &Setting, index: usize, outcomes: &BTreeMap<Id, Outcome>) -> Option<Progress> {
        match &self.steps[index] {
            Progress::Waits => {
                let step = &self.planned.plan.steps[index];
                let is_planned = |id: &Id| self.planned.plan.steps.iter().any(|step| step.id == *id);
                if !step.after.iter().all(|id| outcomes.contains_key(id) || !is_planned(id)) {
                    return None;
                }
                if let Some(by) = blocker(step, outcomes) {
                    return Some(Progress::Ended(Ended::Blocked(by)));
                }
                // A resource is read again right before it is deleted.
                if step.verdict == Verdict::Delete {
                    return Some(Progress::Rereads { rereads: 0 });
                }
                let decided = Decided { observed: step.observed.clone(), verdict: step.verdict.clone() };
                Some(progress_of(setting, &step.id, decided, 0))
            }
            Progress::Rereads { rereads } if *rereads >= MAX_REREADS => Some(Progress::Ended(Ended::Waiting)),
            Progress::Acts { .. } | Progress::Rereads { .. } | Progress::Ended(_) => None,
        }
    }

    /// Reads a step's resource again, and decides anew what to do.
    pub(super) fn reread(&mut self, setting: &Setting, aws: &Aws, index: usize, rereads: u8) {
        let step = &self.planned.plan.steps[index];
        let observed = aws.observe(setting, &step.id);
        let verdict = step.goal.verdict(observed.as_ref(), &self.planned.owner);
        self.steps[index] = progress_of(setting, &step.id, Decided { observed, verdict }, rereads + 1);
    }

    pub(super) fn has_ended(&self) -> bool {
        self.stage == Stage::Apply && self.steps.iter().all(|step| matches!(step, Progress::Ended(_)))
    }

    /// Whether this reconcile deleted everything, so that the finalizer may be removed.
    pub(super) fn lets_go(&self) -> bool {
        let done = |step: &Progress| matches!(step, Progress::Ended(Ended::Done(_)));
        self.planned.task == Task::DeleteRest && self.steps.iter().all(done)
    }

    /// Whether a step ended in a conflict with a resource of another owner.
    pub(super) fn meets_a_conflict(&self) -> bool {
        let conflict =
            |step: &Progress| matches!(step, Progress::Ended(Ended::Conflict(_) | Ended::Failed(ErrorClass::Conflict)));
        self.steps.iter().any(conflict)
    }

    /// The steps that are not done, as text.
    pub(super) fn troubles(&self) -> String {
        let steps = self.planned.plan.steps.iter().zip(&self.steps);
        let troubles = steps.filter(|(_, progress)| !matches!(progress, Progress::Ended(Ended::Done(_))));
        troubles.map(|(step, progress)| format!("{} {progress:?}", short(&step.id))).collect::<Vec<_>>().join(", ")
    }

    pub(super) fn report(&self, setting: &Setting) -> Shared<Rows> {
        let announced = status::Rows::from(&self.planned.announced[..]);
        setting.share_rows(status::rows_after(&announced, &self.applied(), &self.planned.gone).into_vec())
    }

    /// The tag keys that the status records at the end.
    pub(super) fn tag_keys(&self) -> TagKeys {
        match self.planned.task {
            Task::Manage => {
                status::tag_keys_after(&self.planned.announced_tags, &self.planned.wanted_tags, &self.applied())
            }
            Task::DeleteSchedule | Task::DeleteRest => self.planned.announced_tags.clone(),
        }
    }

    fn applied(&self) -> Applied {
        let steps = self.planned.plan.steps.iter().zip(&self.steps);
        let outcomes = steps.filter_map(|(step, progress)| match progress {
            Progress::Ended(ended) => Some((step.id.clone(), outcome(ended))),
            Progress::Waits | Progress::Acts { .. } | Progress::Rereads { .. } => None,
        });
        Applied { outcomes: outcomes.collect(), ..Applied::default() }
    }
}

fn progress_of(setting: &Setting, id: &Id, decided: Decided, rereads: u8) -> Progress {
    match &decided.verdict {
        Verdict::InSync => Progress::Ended(Ended::Done(Some(setting.decided.share(id.clone(), decided)))),
        Verdict::Conflict { whose } => Progress::Ended(Ended::Conflict(whose.clone())),
        Verdict::Settle(_) => Progress::Rereads { rereads },
        Verdict::Create | Verdict::Update(_) | Verdict::TakeOver { .. } | Verdict::Replace(_) | Verdict::Delete => {
            Progress::Acts { decided: setting.decided.share(id.clone(), decided), calls: 0, refused: false, rereads }
        }
    }
}

fn outcome(ended: &Ended) -> Outcome {
    match ended {
        Ended::Done(decided) => Outcome::Done(decided.as_ref().and_then(|decided| decided.observed.clone())),
        Ended::TagsRefused => Outcome::TagsRefused { seen: None, refusals: Vec::new() },
        Ended::Waiting => Outcome::Waiting(Wait { why: "AWS takes its time".to_owned(), again: super::SOON }),
        Ended::Failed(class) => Outcome::Failed(AwsError {
            operation: Operation::CreateRole,
            class: *class,
            code: class.to_string(),
            message: "no".to_owned(),
        }),
        Ended::Conflict(whose) => Outcome::Conflict { whose: whose.clone() },
        Ended::Blocked(by) => Outcome::Blocked { by: by.clone() },
    }
}
