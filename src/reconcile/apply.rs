//! Carries out a plan, as parallel as its order allows.
//!
//! Each step is driven to its goal: act, and where AWS asks to wait or says that the name is taken, read again and
//! judge afresh. Waiting ends with the time given, and is handed back as data; what is already done stays done.
//!
//! What was seen is old by the time its turn comes. So a step reads again just before it deletes anything, and before it
//! changes what was seen more than a moment ago; and it reads again after a write whose answer was lost.

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
use pipeline_core::plan::{Arns, Goal, Have, Plan, Step, Verdict};
use pipeline_core::resource::{Id, Kind, Observed};
use tokio::time::{Instant, sleep};

pub use change::AppliedChange;

/// How often something is read that AWS still works on.
const SETTLE_POLL: Duration = Duration::from_millis(500);

/// When something is read first that AWS has made and still works on.
const FIRST_POLL: Duration = Duration::from_millis(250);

/// How often a resource is read that AWS says exists but does not show yet.
const HIDDEN_POLL: Duration = Duration::from_secs(1);

/// How long what was seen counts as the present, for a change.
const FRESH: Duration = Duration::from_secs(2);

/// How long after a read that shows nothing to delete another must show the same: AWS may not show yet what was just made.
const ABSENT_POLL: Duration = Duration::from_secs(2);

/// Attempts at a step after answers were lost, when AWS may have carried the call out.
const LOST_ANSWERS: u32 = 3;

/// Pauses after lost answers.
const LOST_PAUSES: Exponential =
    Exponential { first: Duration::from_millis(400), longest: Duration::from_millis(1600) };

/// Pauses before code is uploaded again that AWS was not ready for: all of it is sent again, and a new role takes AWS some
/// ten seconds.
const UPLOAD_PAUSES: Exponential = Exponential { first: Duration::from_secs(1), longest: Duration::from_secs(3) };

/// How a step ended.
#[derive(Clone, Debug)]
pub enum Outcome {
    /// The resource is as it should be; what was seen of it, if it was read.
    Done(Option<Observed>),
    /// AWS is not done.
    Waiting(Wait),
    /// AWS refuses.
    Failed(AwsError),
    /// The resource is as it should be but for these tags, which AWS refuses to change: what needs it can go on.
    TagsRefused {
        /// What was seen of it before.
        seen: Option<Observed>,
        /// The tags.
        refusals: Vec<TagRefusal>,
    },
    /// It is not ours.
    Conflict {
        /// Whose it is.
        whose: String,
    },
    /// Something that it needs is not done.
    Blocked {
        /// What it needs.
        by: Id,
    },
}

impl Outcome {
    /// Whether all is done that another resource can need.
    pub const fn is_usable(&self) -> bool {
        match self {
            Self::Done(_) | Self::TagsRefused { .. } => true,
            Self::Waiting(_) | Self::Failed(_) | Self::Conflict { .. } | Self::Blocked { .. } => false,
        }
    }
}

/// What came of a plan.
#[derive(Debug, Default)]
pub struct Applied {
    /// How each step ended.
    pub outcomes: BTreeMap<Id, Outcome>,
    /// What was changed on AWS, in order.
    pub changes: Vec<(Id, AppliedChange)>,
}

impl Applied {
    /// The resources that were there before, and were changed: by a take-over too.
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

    /// What was seen of each resource that is as it should be, tags that AWS refuses aside, and was read last, not
    /// written.
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
pub async fn observe_all(aws: &Aws, ids: impl IntoIterator<Item = Id>, arns: &Arns) -> Result<Have, AwsError> {
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
        for step in ready {
            match blocker(step, &applied.outcomes) {
                Some(by) => {
                    applied.outcomes.insert(step.id.clone(), Outcome::Blocked { by });
                }
                None => running.push(drive(aws, owner, step.resolve(&applied.published(), owner), begun, patience)),
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

/// What a step cannot go without, and that is not done.
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

/// What AWS has of a resource, and what is to be done about it.
struct Observation {
    have: Option<Observed>,
    verdict: Verdict,
}

async fn observe_step(aws: &Aws, owner: &Owner, step: &Step) -> Result<Observation, AwsError> {
    Ok(observation_of(resource::observe(aws, &step.id, step.arn()).await?, owner, step))
}

fn observation_of(have: Option<Observed>, owner: &Owner, step: &Step) -> Observation {
    let verdict = step.goal.judge(have.as_ref(), owner);
    Observation { have, verdict }
}

/// What a step begins with: what the plan saw, or a read of its own where that is too old to act on.
async fn begin(aws: &Aws, owner: &Owner, step: &Step, old: bool) -> Result<Observation, AwsError> {
    match &step.verdict {
        Verdict::Delete => {}
        Verdict::Update(_) | Verdict::TakeOver { .. } | Verdict::Replace(_) if old => {}
        _ => return Ok(Observation { have: step.have.clone(), verdict: step.verdict.clone() }),
    }
    let observation = observe_step(aws, owner, step).await?;
    if observation.have.is_some() || step.have.is_some() {
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
    // Whether this step made it as it is, or changed it: what failed then would fail again at once.
    let mut is_new = false;
    loop {
        let Observation { have, verdict } = &observation;
        if is_new && let Some(failure) = have.as_ref().and_then(|have| have.failure.as_ref()) {
            return Outcome::Failed(resource::failed(failure, verdict));
        }
        let mut tried = None;
        let progress = match verdict {
            Verdict::InSync => return Outcome::Done(observation.have),
            Verdict::Conflict { whose } => return Outcome::Conflict { whose: whose.clone() },
            Verdict::Settle(why) => Ok(Progress::waiting(why.as_str(), SETTLE_POLL)),
            Verdict::Create | Verdict::Update(_) | Verdict::TakeOver { .. } | Verdict::Replace(_) | Verdict::Delete => {
                made = None;
                is_new = !matches!(verdict, Verdict::Replace(_) | Verdict::Delete);
                act(aws, step, have.as_ref(), verdict, fetched.as_deref()).await
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
                return Outcome::TagsRefused { seen: observation.have, refusals };
            }
            Ok(Progress::Made(seen)) => {
                record(changes, change);
                let Some(why) = seen.settling.clone() else { return Outcome::Done(Some(seen)) };
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
            // Of several calls the first may have been carried out.
            Err(error) if error.class == ErrorClass::Waiting => {
                tried = change;
                refused += 1;
                let again = not_ready_pause(&error, refused);
                (again, Outcome::Waiting(Wait { why: error.to_string(), again }))
            }
            // It may have been carried out, in part or whole.
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
            Ok(have) => observation_of(have, owner, step),
            Err(error) => return Outcome::Failed(error),
        };
        record(changes, tried.and_then(|tried| change::done(tried, &observation.verdict)));
    }
}

/// Finishing what was just made is part of making it; asking again is not another change.
fn record(changes: &mut Vec<AppliedChange>, change: Option<AppliedChange>) {
    changes.extend(change.filter(|change| !changes.contains(&AppliedChange::Created) && !changes.contains(change)));
}

async fn act(
    aws: &Aws,
    step: &Step,
    have: Option<&Observed>,
    verdict: &Verdict,
    fetched: Option<&str>,
) -> Result<Progress, AwsError> {
    match (&step.goal, verdict, have) {
        (Goal::Present(wanted), Verdict::Create, _) => resource::create(aws, &wanted.resource).await,
        (Goal::Present(wanted), Verdict::Update(differences), Some(have)) => {
            resource::update(aws, &wanted.resource, have, differences, fetched).await
        }
        (Goal::Present(wanted), Verdict::TakeOver { from: _, differences }, Some(have)) => {
            resource::take_over(aws, &wanted.resource, have, differences, fetched).await
        }
        (Goal::Present(_), Verdict::Replace(_), Some(have)) => resource::replace(aws, &step.id, have).await,
        (Goal::Gone, Verdict::Delete, Some(have)) => resource::delete(aws, &step.id, have).await,
        // Nothing else is ever judged; looking again is harmless.
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
