//! The pipeline that a check makes for itself: suspended, under a name that no other has, by the steps of a reconcile.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use aws::inbox_queue::{self, Inboxes};
use aws::resource;
use aws::{Aws, AwsError, invocation};
use jiff::Timestamp;
use pipeline_core::configuration::Configuration;
use pipeline_core::desired::{Installation, desired};
use pipeline_core::error_chain::chain;
use pipeline_core::error_class::ErrorClass;
use pipeline_core::names::{ClusterName, Owner, Part, TagKeys};
use pipeline_core::pipeline::{self, ConfigMaps, Home, Pipeline, SecretLookup, SecretValues, secret_refs};
use pipeline_core::plan::{Arns, Recorded, Verdict, plan};
use pipeline_core::resource::{Id, Kind, Resource};
use pipeline_core::secret_text::SecretText;
use protocol::{Firing, Report, RunEvent, Status};
use serde_json::json;
use tokio::time::{Instant, sleep};

use crate::artifacts::builtin::own_architecture;
use crate::cli::orphans::search::{self, Orphan};
use crate::reconcile::apply::{Applied, Outcome, apply, observe_all};
use crate::reconcile::run_now;

/// Namespace of the pipelines of checks.
const NAMESPACE: &str = "task-pipelines-check";

/// What their names begin with.
const PREFIX: &str = "check-";

/// Name of the channel, and of the Secret that its URL would be in.
const CHANNEL: &str = "check";

/// How long one round of an apply may wait for AWS.
const PATIENCE: Duration = Duration::from_mins(1);

/// How long all rounds may take: a new role alone may take AWS minutes.
const MAKING: Duration = Duration::from_mins(8);

/// How long AWS may refuse as invalid what it should take, before that counts.
const REFUSED_FOR: Duration = Duration::from_mins(1);

/// Between two rounds of making, or of removing.
const PAUSE: Duration = Duration::from_secs(2);

/// How long a firing may take to be reported: cold functions, and a few attempts of a delivery.
const REPORTED_WITHIN: Duration = Duration::from_mins(2);

/// How long to try to delete all: AWS may show a deleted queue for a minute.
const REMOVING: Duration = Duration::from_mins(6);

/// For how long nothing may be found before nothing is left: AWS may still carry out a call that was ended, and SQS shows a
/// new queue late.
const QUIET: Duration = Duration::from_secs(12);

/// The pipeline, as a value.
pub(super) struct Scratch {
    pub(super) aws: Aws,
    pub(super) owner: Owner,
    pub(super) resources: Vec<Resource>,
    firing: Firing,
}

/// Whether a firing's task is delivered, or only run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Expected {
    Delivery,
    Run,
}

impl Scratch {
    /// Resolves the pipeline, and makes nothing.
    ///
    /// # Errors
    /// The webhook's URL is not valid, or AWS does not say how much room there is.
    pub(super) async fn new(
        aws: Aws,
        cluster: ClusterName,
        webhook: &SecretText,
        installation: &Installation,
        configuration: &Configuration,
    ) -> Result<Self, String> {
        let name = format!("{PREFIX}{:06x}", fastrand::u32(..0x0100_0000));
        let owner = Owner { cluster, namespace: NAMESPACE.to_owned(), uid: name.clone(), name };
        let pipeline = resolve(&owner, webhook, installation, configuration, &aws.location.region)?;
        let limit = invocation::account_limit(&aws).await.map_err(|error| told(&error))?;
        let pipeline = pipeline.within(limit);
        let resources = desired(&pipeline, installation, &aws.location);
        Ok(Self { aws, owner, resources, firing: pipeline.firing })
    }

    /// Makes it, or what is missing of it, until AWS shows all as desired. Returns the number of rounds that it took.
    ///
    /// # Errors
    /// What stands in the way.
    pub(super) async fn make(&self) -> Result<u32, String> {
        let Self { aws, owner, resources, .. } = self;
        let ids: BTreeSet<Id> = resources.iter().map(Resource::id).collect();
        let begun = Instant::now();
        let mut recorded = BTreeMap::new();
        let mut rounds = 0;
        loop {
            let observed = observe_all(aws, ids.clone(), &Arns::new()).await.map_err(|error| told(&error))?;
            let plan = plan(owner, resources.clone(), &recorded, &TagKeys::default(), observed).stopped_by_conflict();
            if plan.steps.iter().all(|step| step.verdict == Verdict::InSync) {
                return Ok(rounds);
            }
            let applied = apply(aws, owner, &plan, PATIENCE).await;
            if is_final(&applied, begun.elapsed()) || begun.elapsed() > MAKING {
                return Err(search::left(&applied).join(" | "));
            }
            recorded = ids.iter().map(|id| (id.clone(), Recorded::Ours)).collect();
            rounds += 1;
            sleep(PAUSE).await;
        }
    }

    /// Fires it as `run-now` does, and waits for the functions' own report.
    ///
    /// # Errors
    /// It was not fired, or did not come to what is expected.
    pub(super) async fn fire(&self, token: &str, expected: Expected) -> Result<Duration, String> {
        let Self { aws, owner, firing, .. } = self;
        let mut firing = firing.clone();
        if expected == Expected::Run {
            firing.channels.clear();
            firing.tasks.iter_mut().for_each(|task| task.notify.clear());
        }
        let schedule = owner.prefix();
        let arn = aws.location.schedule_arn(&schedule, &schedule);
        let (run, payload) =
            run_now::firing(firing, &arn, token, None, Timestamp::now()).map_err(|refused| refused.to_string())?;
        let begun = Instant::now();
        while let Err(error) = invocation::invoke_async(aws, &owner.part(Part::Sender), payload.clone()).await {
            if error.class.needs_a_person() || begun.elapsed() > REFUSED_FOR {
                return Err(told(&error));
            }
            sleep(PAUSE).await;
        }
        let fired = Instant::now();
        while fired.elapsed() < REPORTED_WITHIN {
            let events = self.events(&run.run_id).await.map_err(|error| told(&error))?;
            if let Some(came) = events.iter().find_map(|one| outcome_of(one, expected)) {
                return came.map(|()| fired.elapsed());
            }
        }
        Err(format!("nothing was reported within {} s", REPORTED_WITHIN.as_secs()))
    }

    /// Log groups of its functions.
    pub(super) fn log_groups(&self) -> impl Iterator<Item = Id> {
        self.resources.iter().map(Resource::id).filter(|id| id.kind == Kind::LogGroup)
    }

    /// What was reported of a run, from the inbox. Reports of checks are deleted; those of a pipeline that came meanwhile are its
    /// operator's.
    async fn events(&self, run_id: &str) -> Result<Vec<RunEvent>, AwsError> {
        let inbox = self.owner.cluster.inbox();
        let received = inbox_queue::receive(&self.aws, &inbox, 1).await?;
        let mut events = Vec::new();
        let mut done = Vec::new();
        for message in received {
            let Ok(report) = serde_json::from_str::<Report>(&message.body) else { continue };
            if report.pipeline.namespace == NAMESPACE {
                events.extend(report.events.into_iter().filter(|_| report.run.run_id == run_id));
                done.push(message);
            }
        }
        inbox_queue::delete(&self.aws, &inbox, done).await?;
        Ok(events)
    }

    /// Makes the inbox that its functions report to.
    ///
    /// # Errors
    /// It cannot be made.
    pub(super) async fn make_inbox(&self) -> Result<(), String> {
        Inboxes::default().make(&self.aws, &self.owner.cluster).await.map_err(|error| chain(&error))
    }

    /// Deletes one of its resources, and waits until AWS does not show it any more.
    ///
    /// # Errors
    /// AWS refuses, or goes on to show it.
    pub(super) async fn delete(&self, id: &Id) -> Result<(), String> {
        let seen = resource::observe(&self.aws, id, None).await.map_err(|error| told(&error))?;
        if let Some(seen) = seen {
            resource::delete(&self.aws, id, &seen).await.map_err(|error| told(&error))?;
        }
        let begun = Instant::now();
        while resource::observe(&self.aws, id, None).await.map_err(|error| told(&error))?.is_some() {
            if begun.elapsed() > REFUSED_FOR {
                return Err(format!("{id} was deleted, and AWS still shows it"));
            }
            sleep(PAUSE).await;
        }
        Ok(())
    }

    /// Deletes all of it, and the inbox. Returns what is left, each with the reason.
    pub(super) async fn remove(&self) -> Vec<String> {
        let mut left = remove(&self.aws, &self.owner).await;
        if left.is_empty() {
            left.extend(remove_inbox(&self.aws, &self.owner.cluster).await.err());
        }
        left
    }
}

/// Whose resources of a cluster lie in an account and region, each seen by a read of its own.
#[derive(Debug, Default)]
pub(super) struct Found {
    /// Pipelines of earlier checks.
    pub(super) checks: Vec<Owner>,
    /// Pipelines of others.
    pub(super) others: Vec<Owner>,
}

/// Finds what a cluster's pipelines have in an account and region.
///
/// # Errors
/// AWS does not show it.
pub(super) async fn find(aws: &Aws, cluster: &ClusterName) -> Result<Found, String> {
    let owners = search::find(aws, cluster, &BTreeSet::new()).await.map_err(|error| told(&error))?;
    // Roles belong to all regions: a pipeline that has nothing else here lives in another one.
    let here = owners.into_iter().filter(|(_, found)| found.iter().any(|orphan| orphan.kind != Kind::Role.to_string()));
    let (checks, others) = here.map(|(owner, _)| owner).partition(is_of_a_check);
    Ok(Found { checks, others })
}

/// Whether a pipeline was made by a check: no UID of Kubernetes is the pipeline's name.
fn is_of_a_check(owner: &Owner) -> bool {
    owner.namespace == NAMESPACE && owner.name == owner.uid && owner.name.starts_with(PREFIX)
}

/// Deletes all that a pipeline of a check has, until AWS shows nothing of it any more. Returns what is left, and why.
pub(super) async fn remove(aws: &Aws, owner: &Owner) -> Vec<String> {
    let begun = Instant::now();
    let mut quiet_since = None;
    loop {
        let left = match search::left_by(aws, owner, BTreeSet::new()).await {
            Ok(orphans) if orphans.is_empty() => {
                quiet_since.get_or_insert_with(Instant::now);
                Vec::new()
            }
            Ok(orphans) => {
                quiet_since = None;
                deleted(aws, owner, &orphans).await
            }
            Err(error) => vec![told(&error)],
        };
        let is_quiet = left.is_empty() && quiet_since.is_some_and(|since| since.elapsed() >= QUIET);
        if is_quiet || begun.elapsed() > REMOVING {
            return left;
        }
        sleep(PAUSE).await;
    }
}

/// Deletes what was found. Returns what AWS does not delete, and why.
async fn deleted(aws: &Aws, owner: &Owner, orphans: &[Orphan]) -> Vec<String> {
    search::left(&search::delete(aws, owner, orphans).await)
}

/// Deletes the inbox, unless a pipeline came meanwhile that reports to it.
///
/// # Errors
/// AWS refuses, or does not show whether one came.
pub(super) async fn remove_inbox(aws: &Aws, cluster: &ClusterName) -> Result<(), String> {
    if find(aws, cluster).await?.others.is_empty() {
        Inboxes::default().delete(aws, cluster).await.map_err(|error| told(&error))?;
    }
    Ok(())
}

fn told(error: &AwsError) -> String {
    format!("{error}; {}", error.remedy())
}

/// Whether to give up making: a person has to mend something. What is refused as invalid may only be too early.
fn is_final(applied: &Applied, elapsed: Duration) -> bool {
    applied.outcomes.values().any(|outcome| match outcome {
        Outcome::Failed(AwsError { class: ErrorClass::Invalid, .. }) => elapsed > REFUSED_FOR,
        Outcome::Failed(error) => error.class.needs_a_person(),
        Outcome::Conflict { .. } => true,
        Outcome::Done(_) | Outcome::TagsRefused { .. } | Outcome::Waiting(_) | Outcome::Blocked { .. } => false,
    })
}

/// What one event of a run says about what is expected of it; `None`: nothing yet.
fn outcome_of(event: &RunEvent, expected: Expected) -> Option<Result<(), String>> {
    match event {
        RunEvent::Fired { unsent: Some(why), .. } => Some(Err(format!("the sender could not queue the task: {why}"))),
        RunEvent::Ended { status: Status::Failed, again: false, error, .. } => {
            Some(Err(format!("the task failed: {}", error.as_deref().unwrap_or("no reason was reported"))))
        }
        RunEvent::GaveUp { reason, .. } => {
            Some(Err(format!("the webhook did not take the result: {reason}; correct --webhook")))
        }
        RunEvent::Ended { status: Status::Succeeded, .. } if expected == Expected::Run => Some(Ok(())),
        RunEvent::Delivered { .. } if expected == Expected::Delivery => Some(Ok(())),
        RunEvent::Fired { .. } | RunEvent::Started { .. } | RunEvent::Ended { .. } | RunEvent::Delivered { .. } => None,
    }
}

fn resolve(
    owner: &Owner,
    webhook: &SecretText,
    installation: &Installation,
    configuration: &Configuration,
    region: &str,
) -> Result<Pipeline, String> {
    let spec = json!({
        "schedule": "@yearly",
        "suspend": true,
        "channels": [{"name": CHANNEL, "webhook": {"urlFrom": {"secretKeyRef": {"name": CHANNEL, "key": "url"}}}}],
        "tasks": [{
            "name": "hello",
            "message": {},
            "template": "Sent by a check of this AWS account.",
            "notify": [CHANNEL],
        }],
    });
    let spec = serde_json::from_value(spec).map_err(|error| error.to_string())?;
    let secrets: SecretValues =
        secret_refs(&spec).into_iter().map(|used| (used.reference, SecretLookup::Found(webhook.clone()))).collect();
    let context = pipeline::Context {
        owner,
        now: Timestamp::now(),
        secrets: &secrets,
        config_maps: &ConfigMaps::new(),
        default_architecture: own_architecture(),
        artifacts: &installation.artifacts,
        configuration,
        home: Home { own_region: Some(region), ..Home::default() },
        has_schedule: false,
    };
    let refused = |refusals: Vec<pipeline::Refusal>| {
        let messages = refusals.iter().map(|refusal| refusal.message.clone()).collect::<Vec<_>>();
        format!("--webhook: {}", messages.join(" | "))
    };
    pipeline::resolve(&spec, &context).map_err(refused)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn owner(namespace: &str, name: &str, uid: &str) -> Owner {
        let [namespace, name, uid] = [namespace, name, uid].map(str::to_owned);
        Owner { cluster: "lab".parse().unwrap(), namespace, name, uid }
    }

    #[test]
    fn a_pipeline_of_a_check_is_told_from_one_that_only_sounds_so() {
        assert!(is_of_a_check(&owner(NAMESPACE, "check-00ff12", "check-00ff12")));
        assert!(!is_of_a_check(&owner(NAMESPACE, "check-00ff12", "1b671a64-40d5-491e-99b0-da01ff1f3341")));
        assert!(!is_of_a_check(&owner("team-a", "check-00ff12", "check-00ff12")));
        assert!(!is_of_a_check(&owner(NAMESPACE, "hello", "hello")));
    }

    #[test]
    fn a_url_that_is_none_is_refused_and_not_repeated() {
        let artifacts = pipeline_core::test_support::artifacts();
        let installation = Installation { artifacts, permissions_boundary: None, layer_bucket: None };
        let owner = owner(NAMESPACE, "check-1", "check-1");
        let check = |url: &str| {
            let url = SecretText::from(url);
            resolve(&owner, &url, &installation, &Configuration::default(), "eu-west-1")
        };
        let refused = check("hooks.example.com/canary").unwrap_err();
        assert!(refused.starts_with("--webhook: ") && !refused.contains("canary"), "{refused}");
        let resolved = check("https://hooks.example.com/canary").unwrap();
        assert!(resolved.suspended);
        assert!(!serde_json::to_string(&resolved.firing).unwrap().contains("canary"));
    }

    #[test]
    fn a_run_is_judged_by_its_last_word() {
        let at = Timestamp::UNIX_EPOCH;
        let [task, channel] = ["hello", CHANNEL].map(str::to_owned);
        let ended = |status, again| RunEvent::Ended {
            at,
            task: task.clone(),
            position: 0,
            attempt: 1,
            status,
            again,
            duration_ms: 1,
            error: Some("no".to_owned()),
        };
        let delivered = RunEvent::Delivered { at, task: task.clone(), channel: channel.clone() };
        let gave_up = RunEvent::GaveUp { at, task: task.clone(), channel, reason: "HTTP 404".to_owned() };
        assert_eq!(outcome_of(&ended(Status::Succeeded, false), Expected::Delivery), None);
        assert_eq!(outcome_of(&ended(Status::Succeeded, false), Expected::Run), Some(Ok(())));
        assert_eq!(outcome_of(&ended(Status::Failed, true), Expected::Run), None);
        assert_eq!(
            outcome_of(&ended(Status::Failed, false), Expected::Run),
            Some(Err("the task failed: no".to_owned()))
        );
        assert_eq!(outcome_of(&delivered, Expected::Delivery), Some(Ok(())));
        let refused = outcome_of(&gave_up, Expected::Delivery).unwrap().unwrap_err();
        assert!(refused.contains("HTTP 404; correct --webhook"), "{refused}");
    }
}
