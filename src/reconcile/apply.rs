//! Carries out a plan: steps run concurrently, each after the steps that it depends on.
//!
//! Each step is driven to its goal: it writes, and if AWS asks to wait or says that the name is taken, it observes the
//! resource again and decides anew. A step that runs out of time returns how far it got; nothing is rolled back.
//!
//! The plan's observations grow stale while steps wait for their turn. So a step observes again right before a
//! deletion, before an update that starts later than `FRESH`, and after a write whose answer was lost.

mod change;

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::mem;
use std::time::Duration;

use aws::resource::{self, Progress, TagRefusal, Wait};
use aws::{Aws, AwsError};
use futures::stream::{FuturesUnordered, StreamExt as _};
use pipeline_core::backoff::{self, Exponential};
use pipeline_core::error_class::ErrorClass;
use pipeline_core::names::Owner;
use pipeline_core::plan::{Arns, Goal, Observations, Plan, Step, Verdict};
use pipeline_core::resource::{Id, Kind, Observed};
use tokio::time::{Instant, sleep};

pub use change::AppliedChange;

/// Poll interval for a resource that AWS is still working on.
const SETTLE_POLL: Duration = Duration::from_millis(500);

/// Time until the first poll of a resource that was just created and that AWS is still working on.
const FIRST_POLL: Duration = Duration::from_millis(250);

/// Poll interval for a resource that AWS says exists but does not return.
const HIDDEN_POLL: Duration = Duration::from_secs(1);

/// Time from the start of an apply during which the plan's observations are fresh enough for an update.
const FRESH: Duration = Duration::from_secs(2);

/// Pause before a second read confirms that a resource does not exist: AWS may not return yet what was just created.
const ABSENT_POLL: Duration = Duration::from_secs(2);

/// Retries of a step after lost answers: AWS may or may not have carried out the calls.
const LOST_ANSWERS: u32 = 3;

/// Back-off after lost answers.
const LOST_PAUSES: Exponential =
    Exponential { first: Duration::from_millis(400), longest: Duration::from_millis(1600) };

/// Pauses before code is uploaded again that AWS was not ready for: all of it is sent again, and a new role takes AWS some
/// ten seconds.
const UPLOAD_PAUSES: Exponential = Exponential { first: Duration::from_secs(1), longest: Duration::from_secs(3) };

/// How a step ended.
#[derive(Clone, Debug)]
pub enum Outcome {
    /// The resource is as desired. The observation is missing if it was written and not read since, or is gone.
    Done(Option<Observed>),
    /// AWS was still working on the resource when the time was up.
    Waiting(Wait),
    /// A call failed: AWS refused it, or did not answer.
    Failed(AwsError),
    /// The resource is as desired except for tags that AWS refuses to change. Steps that depend on it can go on.
    TagsRefused {
        /// The observation before the update, if there is one.
        seen: Option<Observed>,
        /// The tags.
        refusals: Vec<TagRefusal>,
    },
    /// A resource of this name exists and belongs to another owner.
    Conflict {
        /// Whose it is.
        whose: String,
    },
    /// A step that it depends on ended without success.
    Blocked {
        /// The resource of that step.
        by: Id,
    },
}

impl Outcome {
    /// Whether steps that depend on this one can go on.
    pub const fn is_usable(&self) -> bool {
        match self {
            Self::Done(_) | Self::TagsRefused { .. } => true,
            Self::Waiting(_) | Self::Failed(_) | Self::Conflict { .. } | Self::Blocked { .. } => false,
        }
    }
}

/// The result of an apply.
#[derive(Debug, Default)]
pub struct Applied {
    /// How each step ended.
    pub outcomes: BTreeMap<Id, Outcome>,
    /// What was changed on AWS, in order.
    pub changes: Vec<(Id, AppliedChange)>,
}

impl Applied {
    /// The existing resources that were changed, including those that were taken over.
    pub fn updated(&self) -> impl Iterator<Item = &Id> {
        let is_update = |change: &AppliedChange| match change {
            AppliedChange::Updated(_) | AppliedChange::TakenOver { .. } => true,
            AppliedChange::Created | AppliedChange::Deleted => false,
        };
        self.changes.iter().filter(move |(_, change)| is_update(change)).map(|(id, _)| id)
    }

    /// The ARNs of the layer versions that are as they should be.
    fn published(&self) -> BTreeMap<Id, String> {
        let layers = self.seen().filter(|(id, _)| id.kind == Kind::LayerVersion);
        layers.map(|(id, seen)| (id.clone(), seen.arn.clone())).collect()
    }

    /// The observations of all resources that are as desired, refused tags aside. Resources that were written and not
    /// read since are missing.
    pub fn seen(&self) -> impl Iterator<Item = (&Id, &Observed)> {
        self.outcomes.iter().filter_map(|(id, outcome)| match outcome {
            Outcome::Done(seen) | Outcome::TagsRefused { seen, refusals: _ } => Some((id, seen.as_ref()?)),
            Outcome::Waiting(_) | Outcome::Failed(_) | Outcome::Conflict { .. } | Outcome::Blocked { .. } => None,
        })
    }
}

/// Reads several resources at once.
///
/// # Errors
/// The first that AWS refuses to show.
pub async fn observe_all(aws: &Aws, ids: impl IntoIterator<Item = Id>, arns: &Arns) -> Result<Observations, AwsError> {
    let reads: FuturesUnordered<_> = ids
        .into_iter()
        .map(|id| async move {
            let seen = resource::observe(aws, &id, arns.get(&id).map(String::as_str)).await?;
            Ok((id, seen))
        })
        .collect();
    reads.collect::<Vec<Result<_, AwsError>>>().await.into_iter().collect()
}

/// Carries out a plan within `patience`.
pub async fn apply(aws: &Aws, owner: &Owner, plan: &Plan, patience: Duration) -> Applied {
    let begun = Instant::now();
    let mut applied = Applied::default();
    let mut waiting: Vec<&Step> = plan.steps.iter().collect();
    let planned: BTreeSet<&Id> = plan.steps.iter().map(|step| &step.id).collect();
    let mut running = FuturesUnordered::new();
    loop {
        let (ready, rest): (Vec<&Step>, Vec<&Step>) = waiting
            .into_iter()
            .partition(|step| step.after.iter().all(|id| applied.outcomes.contains_key(id) || !planned.contains(id)));
        waiting = rest;
        let published = applied.published();
        for step in ready {
            match blocker(step, &applied.outcomes) {
                Some(by) => {
                    applied.outcomes.insert(step.id.clone(), Outcome::Blocked { by });
                }
                None => running.push(drive(aws, owner, step.resolve(&published, owner), begun, patience)),
            }
        }
        match running.next().await {
            Some((id, outcome, changes)) => {
                applied.changes.extend(changes.into_iter().map(|change| (id.clone(), change)));
                applied.outcomes.insert(id, outcome);
            }
            // Blocked steps may have made further ones ready.
            None if waiting.iter().any(|step| step.after.iter().all(|id| applied.outcomes.contains_key(id))) => {}
            None => return applied,
        }
    }
}

/// The first dependency of a step that ended without success, if there is one.
pub(crate) fn blocker(step: &Step, outcomes: &BTreeMap<Id, Outcome>) -> Option<Id> {
    step.after.iter().find(|id| outcomes.get(*id).is_some_and(|outcome| !outcome.is_usable())).cloned()
}

async fn drive(
    aws: &Aws,
    owner: &Owner,
    step: Cow<'_, Step>,
    begun: Instant,
    patience: Duration,
) -> (Id, Outcome, Vec<AppliedChange>) {
    let mut changes = Vec::new();
    let old = begun.elapsed() > FRESH;
    let outcome = converge(aws, owner, &step, old, begun + patience, &mut changes).await;
    (step.id.clone(), outcome, changes)
}

/// An observation of a step's resource, with the verdict on it.
struct Observation {
    observed: Option<Observed>,
    verdict: Verdict,
}

async fn observe_step(aws: &Aws, owner: &Owner, step: &Step) -> Result<Observation, AwsError> {
    Ok(observation_of(resource::observe(aws, &step.id, step.arn()).await?, owner, step))
}

fn observation_of(observed: Option<Observed>, owner: &Owner, step: &Step) -> Observation {
    let verdict = step.goal.verdict(observed.as_ref(), owner);
    Observation { observed, verdict }
}

/// The observation that a step starts from: the plan's, or a new one where the plan's is too old to write on.
async fn begin(aws: &Aws, owner: &Owner, step: &Step, old: bool) -> Result<Observation, AwsError> {
    match &step.verdict {
        Verdict::Delete => {}
        Verdict::Update(_) | Verdict::TakeOver { .. } | Verdict::Replace(_) if old => {}
        _ => return Ok(Observation { observed: step.observed.clone(), verdict: step.verdict.clone() }),
    }
    let observation = observe_step(aws, owner, step).await?;
    if observation.observed.is_some() || step.observed.is_some() {
        return Ok(observation);
    }
    sleep(ABSENT_POLL).await;
    observe_step(aws, owner, step).await
}

async fn converge(
    aws: &Aws,
    owner: &Owner,
    step: &Step,
    old: bool,
    deadline: Instant,
    changes: &mut Vec<AppliedChange>,
) -> Outcome {
    let mut observation = match begin(aws, owner, step, old).await {
        Ok(observation) => observation,
        Err(error) => return Outcome::Failed(error),
    };
    let mut known_to_exist = false;
    let mut lost = 0;
    let mut refused = 0;
    let mut made = None;
    let mut fetched = None;
    // Whether this step has created or updated the resource: if AWS then failed, an immediate retry would fail again.
    let mut is_new = false;
    loop {
        let Observation { observed, verdict } = &observation;
        if is_new && let Some(failure) = observed.as_ref().and_then(|observed| observed.failure.as_ref()) {
            return Outcome::Failed(resource::failed(failure, verdict));
        }
        let mut tried = None;
        let progress = match verdict {
            Verdict::InSync => return Outcome::Done(observation.observed),
            Verdict::Conflict { whose } => return Outcome::Conflict { whose: whose.clone() },
            Verdict::Settle(why) => Ok(Progress::waiting(why.as_str(), SETTLE_POLL)),
            Verdict::Create | Verdict::Update(_) | Verdict::TakeOver { .. } | Verdict::Replace(_) | Verdict::Delete => {
                made = None;
                let acted = act(aws, step, observed.as_ref(), verdict, fetched.as_deref()).await;
                is_new = acted.is_ok() && matches!(verdict, Verdict::Create | Verdict::Update(_));
                acted
            }
        };
        let change = change::change(verdict);
        let (wait, otherwise) = match progress {
            Ok(Progress::Done) => {
                record(changes, change);
                return Outcome::Done(None);
            }
            Ok(Progress::TagsRefused(refusals)) => {
                record(changes, change);
                change::withdraw(changes, &refusals);
                return Outcome::TagsRefused { seen: observation.observed, refusals };
            }
            Ok(Progress::Made(seen)) => {
                record(changes, change);
                let Some(why) = seen.settling.clone() else { return Outcome::Done(Some(*seen)) };
                made = Some(seen);
                (FIRST_POLL, Outcome::Waiting(Wait { why, again: FIRST_POLL }))
            }
            Ok(Progress::Fetched { sha256, wait }) => {
                record(changes, change.and_then(change::without_tags));
                fetched = Some(sha256);
                (wait.again, Outcome::Waiting(wait))
            }
            Ok(Progress::Waiting(wait)) => {
                record(changes, change.and_then(change::without_tags));
                (wait.again, Outcome::Waiting(wait))
            }
            // Read again at once the first time. If it still does not show, it is being deleted or not consistent yet: poll.
            Ok(Progress::Exists) => {
                let again = if mem::replace(&mut known_to_exist, true) { HIDDEN_POLL } else { Duration::ZERO };
                let why = "AWS says that it exists, and does not show it".to_owned();
                (again, Outcome::Waiting(Wait { why, again }))
            }
            // A step may take several calls, and earlier ones may have been carried out.
            Err(error) if error.class == ErrorClass::Waiting => {
                tried = change;
                refused += 1;
                let again = not_ready_pause(&error, refused);
                (again, Outcome::Waiting(Wait { why: error.to_string(), again }))
            }
            // The answer was lost: AWS may have carried out some or all of the calls.
            Err(error) if error.class == ErrorClass::Transient && lost < LOST_ANSWERS => {
                tried = change;
                lost += 1;
                (backoff::equal_jitter(LOST_PAUSES.after(lost)), Outcome::Failed(error))
            }
            Err(error) => return Outcome::Failed(error),
        };
        if Instant::now() + wait >= deadline {
            return otherwise;
        }
        sleep(wait).await;
        let seen = match &made {
            Some(made) => resource::follow(aws, &step.id, made).await,
            None => resource::observe(aws, &step.id, step.arn()).await,
        };
        observation = match seen {
            Ok(observed) => observation_of(observed, owner, step),
            Err(error) => return Outcome::Failed(error),
        };
        record(changes, tried.and_then(|tried| change::done(tried, &observation.verdict)));
    }
}

/// Records a change once. Updates that complete a creation by the same step are part of that creation.
fn record(changes: &mut Vec<AppliedChange>, change: Option<AppliedChange>) {
    changes.extend(change.filter(|change| !changes.contains(&AppliedChange::Created) && !changes.contains(change)));
}

async fn act(
    aws: &Aws,
    step: &Step,
    observed: Option<&Observed>,
    verdict: &Verdict,
    fetched: Option<&str>,
) -> Result<Progress, AwsError> {
    match (&step.goal, verdict, observed) {
        (Goal::Present(desired), Verdict::Create, _) => resource::create(aws, &desired.resource).await,
        (Goal::Present(desired), Verdict::Update(differences), Some(observed)) => {
            resource::update(aws, &desired.resource, observed, differences, fetched).await
        }
        (Goal::Present(desired), Verdict::TakeOver { from: _, differences }, Some(observed)) => {
            resource::take_over(aws, &desired.resource, observed, differences, fetched).await
        }
        (Goal::Present(_), Verdict::Replace(_), Some(observed)) => resource::replace(aws, &step.id, observed).await,
        (Goal::Gone, Verdict::Delete, Some(observed)) => resource::delete(aws, &step.id, observed).await,
        // `Goal::verdict` never returns other combinations; observing again is harmless.
        _ => Ok(Progress::Exists),
    }
}

/// How long to wait before an act is tried again that AWS was not ready for this often.
fn not_ready_pause(error: &AwsError, refused: u32) -> Duration {
    match error.code.as_str() {
        _ if error.operation.is_upload() => UPLOAD_PAUSES.after(refused),
        // The name is reserved for 60 s after a deletion.
        "QueueDeletedRecently" | "AWS.SimpleQueueService.QueueDeletedRecently" => Duration::from_secs(10),
        // A new role, policy or queue, which spreads within seconds.
        "InvalidParameterValueException"
        | "InvalidParameterValue"
        | "ValidationException"
        | "MalformedPolicyDocument" => Duration::from_millis(500),
        _ => Duration::from_secs(1),
    }
}

#[cfg(test)]
mod tests {
    use aws::Operation;

    use super::*;

    #[test]
    fn code_is_sent_a_few_times_while_a_role_spreads_and_small_calls_often() {
        let pauses = |operation| {
            let error = AwsError {
                operation,
                class: ErrorClass::Waiting,
                code: "InvalidParameterValueException".to_owned(),
                message: String::new(),
            };
            (1..6).map(|refused| not_ready_pause(&error, refused).as_millis()).collect::<Vec<_>>()
        };
        assert_eq!(pauses(Operation::CreateFunction), [1000, 2000, 3000, 3000, 3000]);
        assert_eq!(pauses(Operation::CreateEventSourceMapping), [500; 5]);
    }
}
