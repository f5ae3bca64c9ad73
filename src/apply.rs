//! Carries out a plan, as parallel as its order allows.
//!
//! Each step is driven to its goal: act, and where AWS asks to wait or says that the name is taken, look again and
//! judge afresh. Waiting ends with the time given, and is handed back as data; what is already done stays done.

use std::collections::BTreeMap;
use std::mem;
use std::time::Duration;

use futures::stream::{FuturesUnordered, StreamExt as _};
use tokio::time::{Instant, sleep};

use crate::aws::{Aws, AwsError, Class};
use crate::identity::{Owner, Ownership};
use crate::plan::{Goal, Have, Plan, Step, Verdict};
use crate::resource::{self, Difference, Id, Observed, Progress, Wait};

/// How often something is looked at that AWS still works on.
const SETTLE_POLL: Duration = Duration::from_millis(500);

/// How often something is looked for that AWS says exists and does not show.
const HIDDEN_POLL: Duration = Duration::from_secs(1);

/// How a step ended.
#[derive(Clone, Debug)]
pub enum Outcome {
    /// The resource is as it should be; what was seen of it, if it was looked at.
    Done(Option<Observed>),
    /// AWS is not done.
    Waiting(Wait),
    /// AWS refuses.
    Failed(AwsError),
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

/// Something that was changed on AWS.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Deed {
    /// Made.
    Created,
    /// Changed.
    Updated(Vec<Difference>),
    /// Taken over from an earlier pipeline of the same name.
    TakenOver {
        /// UID of that pipeline.
        from: String,
    },
    /// Deleted.
    Deleted,
}

/// What came of a plan.
#[derive(Debug, Default)]
pub struct Applied {
    /// How each step ended.
    pub outcomes: BTreeMap<Id, Outcome>,
    /// What was changed on AWS, in order.
    pub deeds: Vec<(Id, Deed)>,
}

/// Looks at several resources at once.
///
/// # Errors
/// The first that AWS refuses to show.
pub async fn observe_all(aws: &Aws, ids: impl IntoIterator<Item = Id>) -> Result<Have, AwsError> {
    let looks: FuturesUnordered<_> = ids
        .into_iter()
        .map(|id| async move {
            let seen = resource::observe(aws, &id).await?;
            Ok((id, seen))
        })
        .collect();
    looks.collect::<Vec<Result<_, AwsError>>>().await.into_iter().collect()
}

/// Carries out a plan within `patience`.
pub async fn apply(aws: &Aws, owner: &Owner, plan: Plan, patience: Duration) -> Applied {
    let deadline = Instant::now() + patience;
    let mut applied = Applied::default();
    let mut waiting = plan.steps;
    let planned: Vec<Id> = waiting.iter().map(|step| step.id.clone()).collect();
    let mut running = FuturesUnordered::new();
    loop {
        let (ready, rest): (Vec<Step>, Vec<Step>) = waiting
            .into_iter()
            .partition(|step| step.after.iter().all(|id| applied.outcomes.contains_key(id) || !planned.contains(id)));
        waiting = rest;
        for step in ready {
            match blocker(&step, &applied.outcomes) {
                Some(by) => {
                    applied.outcomes.insert(step.id, Outcome::Blocked { by });
                }
                None => running.push(drive(aws, owner, step, deadline)),
            }
        }
        match running.next().await {
            Some((id, outcome, deeds)) => {
                applied.deeds.extend(deeds.into_iter().map(|deed| (id.clone(), deed)));
                applied.outcomes.insert(id, outcome);
            }
            // Blocked steps may have made further ones ready.
            None if waiting.iter().any(|step| step.after.iter().all(|id| applied.outcomes.contains_key(id))) => {}
            None => return applied,
        }
    }
}

fn blocker(step: &Step, outcomes: &BTreeMap<Id, Outcome>) -> Option<Id> {
    step.after.iter().find(|id| !matches!(outcomes.get(*id), None | Some(Outcome::Done(_)))).cloned()
}

async fn drive(aws: &Aws, owner: &Owner, step: Step, deadline: Instant) -> (Id, Outcome, Vec<Deed>) {
    let mut deeds = Vec::new();
    let outcome = converge(aws, owner, &step, deadline, &mut deeds).await;
    (step.id, outcome, deeds)
}

async fn converge(aws: &Aws, owner: &Owner, step: &Step, deadline: Instant, deeds: &mut Vec<Deed>) -> Outcome {
    let mut have = step.have.clone();
    let mut verdict = step.verdict.clone();
    let mut known_to_exist = false;
    loop {
        let progress = match &verdict {
            Verdict::InSync => return Outcome::Done(have),
            Verdict::Conflict { whose } => return Outcome::Conflict { whose: whose.clone() },
            Verdict::Settle(why) => Ok(Progress::waiting(why.as_str(), SETTLE_POLL)),
            Verdict::Create | Verdict::Update(_) | Verdict::Delete => act(aws, step, have.as_ref(), &verdict).await,
        };
        if matches!(progress, Ok(Progress::Done | Progress::Waiting(_))) {
            let deed = deed(&verdict, have.as_ref(), owner);
            // Finishing what was just made is part of making it, and asking again is no new deed.
            deeds.extend(deed.filter(|deed| !deeds.contains(&Deed::Created) && !deeds.contains(deed)));
        }
        let wait = match progress {
            Ok(Progress::Done) => return Outcome::Done(None),
            // Looked at once at once; one that then does not show is being deleted, or not listed yet.
            Ok(Progress::Exists) => {
                let again = if mem::replace(&mut known_to_exist, true) { HIDDEN_POLL } else { Duration::ZERO };
                Wait { why: "AWS says that it exists, and does not show it".to_owned(), again }
            }
            Ok(Progress::Waiting(wait)) => wait,
            Err(error) if error.class == Class::Waiting => Wait { again: pause(&error), why: error.to_string() },
            Err(error) => return Outcome::Failed(error),
        };
        if Instant::now() + wait.again >= deadline {
            return Outcome::Waiting(wait);
        }
        sleep(wait.again).await;
        have = match resource::observe(aws, &step.id).await {
            Ok(seen) => seen,
            Err(error) => return Outcome::Failed(error),
        };
        verdict = step.goal.judge(have.as_ref(), owner);
    }
}

async fn act(aws: &Aws, step: &Step, have: Option<&Observed>, verdict: &Verdict) -> Result<Progress, AwsError> {
    match (&step.goal, verdict, have) {
        (Goal::Present(wanted), Verdict::Create, _) => wanted.resource.create(aws).await,
        (Goal::Present(wanted), Verdict::Update(differences), Some(have)) => {
            wanted.resource.update(aws, have, differences).await
        }
        (Goal::Gone, Verdict::Delete, Some(have)) => resource::delete(aws, &step.id, have).await,
        // Nothing else is ever judged; looking again is harmless.
        _ => Ok(Progress::Exists),
    }
}

fn deed(verdict: &Verdict, have: Option<&Observed>, owner: &Owner) -> Option<Deed> {
    match verdict {
        Verdict::Create => Some(Deed::Created),
        Verdict::Update(differences) => Some(match have.map(|have| owner.ownership(&have.tags)) {
            Some(Ownership::Predecessor { uid }) => Deed::TakenOver { from: uid },
            Some(Ownership::Ours | Ownership::NotOurs { .. }) | None => Deed::Updated(differences.clone()),
        }),
        Verdict::Delete => Some(Deed::Deleted),
        Verdict::InSync | Verdict::Settle(_) | Verdict::Conflict { .. } => None,
    }
}

/// How long to wait before an act that AWS was not ready for is tried again.
fn pause(error: &AwsError) -> Duration {
    match error.code.as_str() {
        // The name is reserved for 60 s after a deletion.
        "QueueDeletedRecently" | "AWS.SimpleQueueService.QueueDeletedRecently" => Duration::from_secs(10),
        // A new role or policy, which spreads within seconds.
        "InvalidParameterValueException" | "ValidationException" | "MalformedPolicyDocument" => {
            Duration::from_millis(500)
        }
        _ => Duration::from_secs(1),
    }
}
