//! What the operator assumes of AWS and no record of AWS's answers shows: looked at with what a check made itself.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use aws::resource::list::{self, IndividualReads};
use aws::resource::{self, probe};
use aws::{AwsError, Operation};
use futures::join;
use pipeline_core::error_class::ErrorClass;
use pipeline_core::names::{Ownership, Part};
use pipeline_core::resource::{Id, Kind, Queue, Resource};
use pipeline_core::text::{bounded_line, counted};
use tokio::time::{Instant, sleep};

use super::scratch::{Expected, Scratch};
use crate::kubernetes::preflight::Finding;

/// How long lists may be behind: the index of tags is the slowest, by up to minutes.
const LISTED_WITHIN: Duration = Duration::from_mins(2);

/// How often the lists are read meanwhile.
const LIST_POLL: Duration = Duration::from_secs(5);

/// Bytes of AWS's own text that a line shows.
const MAX_TEXT: usize = 300;

/// Something that the operator assumes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Risk {
    /// How a queue is answered that is made again.
    EqualQueue,
    /// How URLs of queues are put together.
    QueueUrl,
    /// What the list of an account's roles shows.
    RoleTags,
    /// How ARNs of log groups are written in the index of tags.
    LogGroupArns,
    /// What else the index of tags shows.
    IndexOfTags,
    /// What Scheduler checks of its role.
    ScheduleTrust,
    /// How a schedule is answered that is changed twice.
    ScheduleConflict,
    /// What a parameter's name is after its deletion.
    ParameterMadeAnew,
    /// What a function may decrypt whose role was made anew.
    RoleMadeAnew,
    /// What functions can do that are called for the first time, right after their roles were made.
    FirstTask,
    /// How mappings refuse changes while they pass from one state to another.
    MappingStates,
    /// What functions that are Pending refuse.
    PendingFunction,
    /// How a creation that failed shows.
    FailedCreation,
    /// Start dates that have passed.
    PastStart,
    /// How names are refused that others have.
    NameTaken,
    /// How a schedule is refused whose group is being deleted.
    GroupDeleting,
    /// How AWS throttles.
    Throttling,
}

/// What was seen of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Seen {
    /// It is so.
    AsAssumed(String),
    /// It is not.
    Otherwise(String),
    /// It was not tried, or did not happen.
    NotTested(&'static str),
}

impl Risk {
    const fn name(self) -> &'static str {
        match self {
            Self::EqualQueue => "queue made again",
            Self::QueueUrl => "URL of a queue",
            Self::RoleTags => "tags of roles",
            Self::LogGroupArns => "ARNs of log groups",
            Self::IndexOfTags => "index of tags",
            Self::ScheduleTrust => "trust of Scheduler",
            Self::ScheduleConflict => "schedule changed twice",
            Self::ParameterMadeAnew => "parameter made anew",
            Self::RoleMadeAnew => "role made anew",
            Self::FirstTask => "first task",
            Self::MappingStates => "states of mappings",
            Self::PendingFunction => "pending function",
            Self::FailedCreation => "failed creation",
            Self::PastStart => "start in the past",
            Self::NameTaken => "name that is taken",
            Self::GroupDeleting => "group being deleted",
            Self::Throttling => "throttling",
        }
    }

    const fn assumption(self) -> &'static str {
        match self {
            Self::EqualQueue => "CreateQueue of a queue with the same attributes leaves its tags alone",
            Self::QueueUrl => "queues have the URL that the region and the partition make",
            Self::RoleTags => "GetAccountAuthorizationDetails shows the tags of roles",
            Self::LogGroupArns => "GetResources writes the ARN of a log group without `:*`",
            Self::IndexOfTags => "GetResources shows what has the cluster's tag, within minutes",
            Self::ScheduleTrust => {
                "a role that trusts Scheduler for the group's ARN alone is taken for a schedule in it"
            }
            Self::ScheduleConflict => "UpdateSchedule right after another is taken, or refused for a while",
            Self::ParameterMadeAnew => "a deleted parameter's name can be used again within a minute",
            Self::RoleMadeAnew => "a function gets to decrypt its environment again after its role was made anew",
            Self::FirstTask => {
                "functions called right after their roles were made have the rights of those, or get them in time"
            }
            Self::MappingStates => "a mapping refuses changes with ResourceInUseException while its state passes",
            Self::PendingFunction => "a function that is Pending refuses its asynchronous settings",
            Self::FailedCreation => "a function whose creation failed says so in State or LastUpdateStatus",
            Self::PastStart => "a schedule is not updated with a start date that has passed",
            Self::NameTaken => "AWS refuses a name that is taken with the codes that the operator knows",
            Self::GroupDeleting => {
                "a schedule is refused with ConflictException or as not found while its group is being deleted"
            }
            Self::Throttling => "AWS throttles with the codes that the operator waits for",
        }
    }

    fn finding(self, seen: Seen) -> Finding {
        let assumed = self.assumption();
        match seen {
            Seen::AsAssumed(seen) => Finding::of(self.name(), Ok(format!("as assumed: {assumed} ({seen})"))),
            Seen::Otherwise(seen) => Finding::of(
                self.name(),
                Err(format!("assumed: {assumed}; otherwise: {seen}; report this line to the project")),
            ),
            Seen::NotTested(why) => Finding::not_known(self.name(), format!("not tested: {why} (assumed: {assumed})")),
        }
    }
}

/// What is not tried, and why.
const LEFT_OUT: [(Risk, &str); 6] = [
    (Risk::PendingFunction, "the operator waits until a function is Active, and does not rely on it"),
    (Risk::FailedCreation, "it takes code that AWS takes and then cannot use"),
    (Risk::PastStart, "the operator sends such a date only where a spec has one"),
    (Risk::NameTaken, "a check touches no name that others have"),
    (Risk::GroupDeleting, "the operator makes no group anew before the old one is gone"),
    (Risk::Throttling, "it would slow down whatever else works in the account"),
];

/// A line for each risk that is not tried.
pub(super) fn left_out() -> Vec<Finding> {
    LEFT_OUT.map(|(risk, why)| risk.finding(Seen::NotTested(why))).into()
}

/// What the first firing says.
pub(super) fn of_first_task(reported: &Result<Duration, String>) -> Finding {
    Risk::FirstTask.finding(match reported {
        Ok(after) => Seen::AsAssumed(format!("reported {} s after the firing", after.as_secs())),
        Err(_) => Seen::NotTested("it came to nothing, which need not be for its rights"),
    })
}

/// What can be looked at once the pipeline is made, at the same time as its first firing.
pub(super) async fn of_what_is_made(scratch: &Scratch) -> Vec<Finding> {
    let (lists, queue, schedule) = join!(lists(scratch), queue_made_again(scratch), schedule_changed_twice(scratch));
    let trusted = (Risk::ScheduleTrust, Seen::AsAssumed("the schedule was made".to_owned()));
    lists.into_iter().chain(queue).chain([schedule, trusted]).map(|(risk, seen)| risk.finding(seen)).collect()
}

/// Waits until the lists of a sweep show all that was made, with its tags.
async fn lists(scratch: &Scratch) -> Vec<(Risk, Seen)> {
    let begun = Instant::now();
    let mut shown = BTreeMap::new();
    let error = loop {
        match missing(scratch).await {
            Err(error) => break Some(error),
            Ok(missing) => {
                for (risk, kinds) in LISTED {
                    if !missing.iter().any(|id| kinds.contains(&id.kind)) {
                        shown.entry(risk.name()).or_insert_with(|| begun.elapsed());
                    }
                }
                if missing.is_empty() || begun.elapsed() > LISTED_WITHIN {
                    break None;
                }
            }
        }
        sleep(LIST_POLL).await;
    };
    let seen = |risk: Risk| match (shown.get(risk.name()), &error) {
        (Some(after), _) => Seen::AsAssumed(format!("shown within {} s", after.as_secs() + 1)),
        (None, Some(error)) => Seen::Otherwise(error.to_string()),
        (None, None) => {
            Seen::Otherwise(format!("not shown, or not with its tags, within {} s", LISTED_WITHIN.as_secs()))
        }
    };
    LISTED.map(|(risk, _)| (risk, seen(risk))).into()
}

/// The kinds whose tags each list shows. A schedule has none.
const LISTED: [(Risk, &[Kind]); 3] = [
    (Risk::RoleTags, &[Kind::Role]),
    (Risk::LogGroupArns, &[Kind::LogGroup]),
    (Risk::IndexOfTags, &[Kind::Queue, Kind::Parameter, Kind::ScheduleGroup, Kind::Function, Kind::EventSourceMapping]),
];

/// What the lists of a sweep do not show, or not as the pipeline's own.
async fn missing(scratch: &Scratch) -> Result<BTreeSet<Id>, AwsError> {
    let Scratch { aws, owner, resources, .. } = scratch;
    let ids: BTreeSet<Id> = resources.iter().map(Resource::id).collect();
    let queues = ids.iter().filter(|id| id.kind == Kind::Queue).map(|id| id.name.clone()).collect();
    let individually = IndividualReads { queues, ..IndividualReads::default() };
    let listed = list::list(aws, &owner.cluster, &individually).await?;
    let is_shown = |id: &Id| listed.get(id).is_some_and(|seen| owner.ownership(&seen.tags) == Ownership::Ours);
    Ok(ids.into_iter().filter(|id| list::shows_tags(id.kind) && !is_shown(id)).collect())
}

/// Makes a dead-letter queue a second time, with one tag more.
async fn queue_made_again(scratch: &Scratch) -> [(Risk, Seen); 2] {
    let Scratch { aws, resources, .. } = scratch;
    let queue = resources.iter().find_map(|resource| match resource {
        Resource::Queue(queue) if queue.redrive.is_none() => Some(queue),
        _ => None,
    });
    let Some(queue) = queue else {
        return [Risk::EqualQueue, Risk::QueueUrl]
            .map(|risk| (risk, Seen::NotTested("the pipeline has no such queue")));
    };
    let answer = probe::make_again(aws, queue).await;
    let url = match &answer {
        Ok(Some(url)) if *url == aws.location.queue_url(&queue.name) => Seen::AsAssumed(url.clone()),
        Ok(Some(url)) => Seen::Otherwise(format!("{url} in place of {}", aws.location.queue_url(&queue.name))),
        Ok(None) | Err(_) => Seen::NotTested("AWS gave none"),
    };
    let equal = match answer {
        Ok(_) => tags_after(scratch, queue).await,
        Err(error) if error.class == ErrorClass::Conflict => Seen::AsAssumed(format!("refused: {}", error.code)),
        Err(error) => Seen::Otherwise(text(&error)),
    };
    [(Risk::EqualQueue, equal), (Risk::QueueUrl, url)]
}

async fn tags_after(scratch: &Scratch, queue: &Queue) -> Seen {
    match resource::observe(&scratch.aws, &Id::new(Kind::Queue, &queue.name), None).await {
        Ok(Some(seen)) if seen.tags.contains_key(probe::TAG) => Seen::Otherwise("the new tag was set".to_owned()),
        Ok(Some(_)) => Seen::AsAssumed("it answers success, and the queue has its old tags".to_owned()),
        Ok(None) => Seen::Otherwise("the queue does not show".to_owned()),
        Err(error) => Seen::Otherwise(text(&error)),
    }
}

/// Writes the schedule twice at the same time, as it is.
async fn schedule_changed_twice(scratch: &Scratch) -> (Risk, Seen) {
    let Scratch { aws, owner, resources, .. } = scratch;
    let id = Id::new(Kind::Schedule, owner.prefix());
    let schedule = resources.iter().find(|resource| resource.id() == id);
    let (Some(schedule), Ok(Some(observed))) = (schedule, resource::observe(aws, &id, None).await) else {
        return (Risk::ScheduleConflict, Seen::NotTested("AWS does not show the schedule"));
    };
    let write = || resource::update(aws, schedule, &observed, &[], None);
    let (first, second) = join!(Box::pin(write()), Box::pin(write()));
    let refusals: Vec<AwsError> = [first.err(), second.err()].into_iter().flatten().collect();
    let lasting = refusals.iter().find(|error| error.class != ErrorClass::Waiting);
    let seen = match (lasting, refusals.first()) {
        (Some(error), _) => Seen::Otherwise(text(error)),
        (None, Some(error)) => Seen::AsAssumed(format!("one was refused: {}", error.code)),
        (None, None) => Seen::AsAssumed("both were taken".to_owned()),
    };
    (Risk::ScheduleConflict, seen)
}

/// Deletes the runner's role and the parameter, has them made anew, and fires once more, without a delivery.
pub(super) async fn of_what_is_made_anew(scratch: &Scratch) -> Vec<Finding> {
    let [role, parameter] = match made_anew(scratch).await {
        Err(why) => {
            let seen = || Seen::Otherwise(format!("they were not made anew: {why}"));
            [seen(), seen()]
        }
        Ok(after) => {
            let role = match scratch.fire("after-its-role-was-made-anew", Expected::Run).await {
                Ok(after) => Seen::AsAssumed(format!("it ran, reported after {} s", after.as_secs())),
                Err(why) => Seen::Otherwise(why),
            };
            [role, Seen::AsAssumed(format!("after {} s all was in sync again", after.as_secs()))]
        }
    };
    vec![Risk::RoleMadeAnew.finding(role), Risk::ParameterMadeAnew.finding(parameter)]
}

async fn made_anew(scratch: &Scratch) -> Result<Duration, String> {
    let begun = Instant::now();
    let runner = Id::new(Kind::Role, scratch.owner.part(Part::Runner));
    let parameters = scratch.resources.iter().map(Resource::id).filter(|id| id.kind == Kind::Parameter);
    for id in parameters.chain([runner]) {
        scratch.delete(&id).await?;
    }
    match scratch.make().await? {
        0 => Err("AWS showed them as if they had not been deleted".to_owned()),
        _ => Ok(begun.elapsed()),
    }
}

/// What AWS refused on the way: what the operator waits for is as it expects, all else is told.
pub(super) fn of_refusals(refusals: &[AwsError]) -> Vec<Finding> {
    let mut counts: BTreeMap<(bool, String), (u32, &AwsError)> = BTreeMap::new();
    for error in refusals {
        let key = (is_unexpected(error), format!("{} {}", error.operation, error.code));
        counts.entry(key).or_insert((0, error)).0 += 1;
    }
    let mapping = refusals.iter().find(|error| {
        matches!(error.operation, Operation::UpdateEventSourceMapping | Operation::DeleteEventSourceMapping)
    });
    let mapping = match mapping {
        None => Seen::NotTested("AWS refused no change of the mapping"),
        Some(error) if is_unexpected(error) => Seen::Otherwise(text(error)),
        Some(error) => Seen::AsAssumed(text(error)),
    };
    let line = |((is_unexpected, _), (count, error)): ((bool, String), (u32, &AwsError))| {
        let text = format!("{}, {}", text(error), counted(count, "time"));
        let waited = Ok(format!("waited for: {text}"));
        let unexpected = Err(format!("{text}; report this line to the project, unless it says what is missing"));
        Finding::of("refusal", if is_unexpected { unexpected } else { waited })
    };
    [Risk::MappingStates.finding(mapping)].into_iter().chain(counts.into_iter().map(line)).collect()
}

/// Whether it would have stalled a pipeline, though nothing was wrong. A denial may be for tags that AWS did not know yet, or
/// of what was gone already; one that lasts ends the step that meets it.
const fn is_unexpected(error: &AwsError) -> bool {
    match error.class {
        ErrorClass::Invalid | ErrorClass::Quota | ErrorClass::Credentials => true,
        ErrorClass::Waiting
        | ErrorClass::Throttled
        | ErrorClass::Transient
        | ErrorClass::Denied
        | ErrorClass::Conflict => false,
    }
}

/// An error on one line that is not too long.
fn text(error: &AwsError) -> String {
    bounded_line(&error.to_string(), MAX_TEXT)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(operation: Operation, class: ErrorClass, code: &str) -> AwsError {
        AwsError { operation, class, code: code.to_owned(), message: "no".to_owned() }
    }

    #[test]
    fn what_is_waited_for_is_well_and_what_would_stall_a_pipeline_is_not() {
        let refusals = [
            refusal(Operation::CreateFunction, ErrorClass::Waiting, "InvalidParameterValueException"),
            refusal(Operation::CreateFunction, ErrorClass::Waiting, "InvalidParameterValueException"),
            refusal(Operation::CreateQueue, ErrorClass::Invalid, "NeverSeen"),
            refusal(Operation::DeleteEventSourceMapping, ErrorClass::Waiting, "ResourceInUseException"),
        ];
        let lines: Vec<String> = of_refusals(&refusals).iter().map(ToString::to_string).collect();
        assert_eq!(
            lines,
            [
                "ok   states of mappings: as assumed: a mapping refuses changes with ResourceInUseException while its state \
                 passes (lambda:DeleteEventSourceMapping: ResourceInUseException: no)",
                "ok   refusal: waited for: lambda:CreateFunction: InvalidParameterValueException: no, 2 times",
                "ok   refusal: waited for: lambda:DeleteEventSourceMapping: ResourceInUseException: no, 1 time",
                "FAIL refusal: sqs:CreateQueue: NeverSeen: no, 1 time; report this line to the project, unless it says what is \
                 missing",
            ]
        );
        let none: Vec<String> = of_refusals(&[]).iter().map(ToString::to_string).collect();
        assert!(
            matches!(none.as_slice(), [line] if line.starts_with("?    states of mappings: not tested: ")),
            "{none:?}"
        );
    }

    #[test]
    fn what_is_not_tried_is_not_known_and_says_why() {
        let lines: Vec<String> = left_out().iter().map(ToString::to_string).collect();
        assert_eq!(lines.len(), LEFT_OUT.len());
        assert!(lines.iter().all(|line| line.starts_with("?    ") && line.contains(": not tested: ")), "{lines:?}");
    }
}
