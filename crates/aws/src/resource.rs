//! Operations on AWS resources: how each kind is observed, created, updated and deleted.

mod by_tag;
mod changed;
mod event_source_mapping;
mod failure;
mod function;
mod layer_version;
pub mod list;
mod log_group;
mod pages;
mod parameter;
pub mod probe;
mod queue;
mod role;
mod schedule;
mod schedule_group;
mod spreading;
mod tagging;

use std::time::Duration;

use pipeline_core::resource::{Difference, Id, Kind, Observed, Resource};

use super::{Aws, AwsError};
use by_tag::Meaning;

pub use changed::{Changed, TagChanges};
pub use failure::failed;
pub use tagging::{TagChange, TagRefusal};

/// The result of a write to a resource.
#[derive(Clone, Debug, PartialEq)]
pub enum Progress {
    /// AWS has carried it out.
    Done,
    /// AWS has created the resource with this state, and may still be working on it.
    Made(Box<Observed>),
    /// AWS has accepted the call, or asks to wait: observe again.
    Waiting(Wait),
    /// Lambda has fetched code from S3 and is still working on it: observe again. A following update gets the hash, and
    /// records it in a tag.
    Fetched {
        /// SHA-256 of the code, in Base64.
        sha256: String,
        /// Why to wait, and how long.
        wait: Wait,
    },
    /// A resource of that name exists already: observe it to find its owner.
    Exists,
    /// Everything was carried out except the changes of these tags.
    TagsRefused(Vec<TagRefusal>),
}

/// Why to wait, and how long.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wait {
    /// What is waited for, for a person.
    pub why: String,
    /// When to read again.
    pub again: Duration,
}

impl Progress {
    /// A wait.
    pub fn waiting(why: impl Into<String>, again: Duration) -> Self {
        Self::Waiting(Wait { why: why.into(), again })
    }
}

/// Creates a resource. Never changes one that exists already.
///
/// # Errors
/// AWS refuses, or cannot be reached.
pub async fn create(aws: &Aws, resource: &Resource) -> Result<Progress, AwsError> {
    let created = match resource {
        Resource::LogGroup(it) => log_group::create(aws, it).await,
        Resource::Queue(it) => queue::create(aws, it).await,
        Resource::Parameter(it) => parameter::create(aws, it).await,
        Resource::Role(it) => role::create(aws, it).await,
        Resource::ScheduleGroup(it) => schedule_group::create(aws, it).await,
        Resource::LayerVersion(it) => layer_version::create(aws, it).await,
        Resource::Function(it) => function::create(aws, it).await,
        Resource::EventSourceMapping(it) => event_source_mapping::create(aws, it).await,
        Resource::Schedule(it) => schedule::create(aws, it).await,
    };
    note_upload(aws, resource, created.as_ref());
    match created {
        Err(error) if error.is_already_exists() => Ok(Progress::Exists),
        other => other.map_err(|error| spreading::classify(&aws.location, resource, error)),
    }
}

/// Notes whether an upload had an answer: one that had none does not keep others from their turn.
fn note_upload(aws: &Aws, resource: &Resource, result: Result<&Progress, &AwsError>) {
    let to = match resource {
        Resource::Function(it) => aws.location.function_arn(&it.name),
        Resource::LayerVersion(it) => aws.location.layer_arn(&it.layer),
        Resource::LogGroup(_)
        | Resource::Queue(_)
        | Resource::Parameter(_)
        | Resource::Role(_)
        | Resource::ScheduleGroup(_)
        | Resource::EventSourceMapping(_)
        | Resource::Schedule(_) => return,
    };
    let is_answered = result.err().is_none_or(|error| !error.operation.is_upload() || error.is_answered());
    aws.uploads().ended(&to, is_answered);
}

/// Takes over a resource of an earlier pipeline and updates it. If it has to be replaced, only the owner's tags are changed
/// (a layer version is deleted at once), and the next round replaces it.
///
/// # Errors
/// AWS refuses, or cannot be reached.
pub async fn take_over(
    aws: &Aws,
    resource: &Resource,
    observed: &Observed,
    differences: &[Difference],
    fetched: Option<&str>,
) -> Result<Progress, AwsError> {
    let id = resource.id();
    if id.kind == Kind::LayerVersion {
        // Its description names the owner, and cannot be changed.
        return replace(aws, &id, observed).await;
    }
    if differences.iter().any(|difference| id.kind.is_replaced_for(difference)) {
        // Only what carries the pipeline's UID may be deleted.
        tagging::put(aws, resource, observed, &Changed(differences).tags(resource.tags()).owner).await?;
        return Ok(Progress::waiting("the resource that was taken over to be replaced", Duration::ZERO));
    }
    update(aws, resource, observed, differences, fetched).await
}

/// Deletes a resource of ours that AWS cannot change as desired; it is made anew when it is observed to be gone.
///
/// # Errors
/// AWS refuses, or cannot be reached.
pub async fn replace(aws: &Aws, id: &Id, observed: &Observed) -> Result<Progress, AwsError> {
    Ok(match delete(aws, id, observed).await? {
        Progress::Done => Progress::waiting("the name of the deleted resource to be free", name_rests(id.kind)),
        progress => progress,
    })
}

/// How long AWS asks not to reuse the name of a deleted resource.
const fn name_rests(kind: Kind) -> Duration {
    match kind {
        Kind::Parameter => parameter::NAME_RESTS,
        Kind::Function => function::NAME_RESTS,
        Kind::LogGroup
        | Kind::Queue
        | Kind::Role
        | Kind::ScheduleGroup
        | Kind::LayerVersion
        | Kind::EventSourceMapping
        | Kind::Schedule => Duration::ZERO,
    }
}

/// Updates what differs: the owner's tags first, the user's tags last. May do only a part and return [`Progress::Waiting`].
/// A tag that AWS refuses does not block the rest.
///
/// # Errors
/// AWS refuses, or cannot be reached.
pub async fn update(
    aws: &Aws,
    resource: &Resource,
    observed: &Observed,
    differences: &[Difference],
    fetched: Option<&str>,
) -> Result<Progress, AwsError> {
    match put_right(aws, resource, observed, differences, fetched).await {
        Ok(progress) => Ok(progress),
        Err(error) => match by_tag::meaning(aws, &resource.id(), observed, error).await {
            Meaning::Gone => Ok(Progress::waiting("the resource, which was deleted meanwhile", Duration::ZERO)),
            Meaning::Refused(error) => Err(error),
        },
    }
}

async fn put_right(
    aws: &Aws,
    resource: &Resource,
    observed: &Observed,
    differences: &[Difference],
    fetched: Option<&str>,
) -> Result<Progress, AwsError> {
    let changed = Changed(differences);
    let tags = changed.tags(resource.tags());
    // Only what carries the pipeline's UID may be changed or deleted.
    tagging::put(aws, resource, observed, &tags.owner).await?;
    let progress = match resource {
        Resource::LogGroup(it) => log_group::update(aws, it, changed).await,
        Resource::Queue(it) => queue::update(aws, it, changed).await,
        Resource::Parameter(it) => parameter::update(aws, it, changed).await,
        Resource::Role(it) => role::update(aws, it, changed).await,
        // It has nothing but its name and tags.
        Resource::ScheduleGroup(_) => Ok(Progress::Done),
        Resource::LayerVersion(it) => layer_version::update(aws, it, changed).await,
        Resource::Function(it) => function::update(aws, it, observed, changed, fetched).await,
        Resource::EventSourceMapping(it) => event_source_mapping::update(aws, it, observed, changed).await,
        Resource::Schedule(it) => schedule::update(aws, it, observed).await,
    };
    note_upload(aws, resource, progress.as_ref());
    match progress.map_err(|error| spreading::classify(&aws.location, resource, error))? {
        Progress::Done => tagging::change(aws, resource, observed, tags).await,
        // Tags follow in a later update, or with the creation of a replacement.
        progress @ (Progress::Made(_)
        | Progress::Waiting(_)
        | Progress::Fetched { .. }
        | Progress::Exists
        | Progress::TagsRefused(_)) => Ok(progress),
    }
}

/// Observes a resource; `None` if it does not exist. `arn` is its ARN at the last observation, if there was one: a mapping is
/// read by it, since it can be found by its function only in lists, which are eventually consistent.
///
/// # Errors
/// AWS refuses, or cannot be reached.
pub async fn observe(aws: &Aws, id: &Id, arn: Option<&str>) -> Result<Option<Observed>, AwsError> {
    match id.kind {
        Kind::LogGroup => log_group::observe(aws, &id.name).await,
        Kind::Queue => queue::observe(aws, &id.name).await,
        Kind::Parameter => parameter::observe(aws, &id.name).await,
        Kind::Role => role::observe(aws, &id.name).await,
        Kind::ScheduleGroup => schedule_group::observe(aws, &id.name).await,
        Kind::LayerVersion => layer_version::observe(aws, &id.name).await,
        Kind::Function => function::observe(aws, &id.name).await,
        Kind::EventSourceMapping => event_source_mapping::observe(aws, &id.name, arn).await,
        Kind::Schedule => schedule::observe(aws, &id.name).await,
    }
}

/// Observes a resource that was just created: a mapping by its UUID, a function without its asynchronous settings.
///
/// # Errors
/// As [`observe`].
pub async fn follow(aws: &Aws, id: &Id, made: &Observed) -> Result<Option<Observed>, AwsError> {
    match id.kind {
        Kind::EventSourceMapping => event_source_mapping::follow(aws, made).await,
        Kind::Function => function::observe_new(aws, &id.name).await,
        _ => observe(aws, id, None).await,
    }
}

/// Deletes what was observed to be ours.
///
/// # Errors
/// AWS refuses, or cannot be reached.
pub async fn delete(aws: &Aws, id: &Id, observed: &Observed) -> Result<Progress, AwsError> {
    let deleted = match id.kind {
        Kind::LogGroup => log_group::delete(aws, &id.name).await,
        Kind::Queue => queue::delete(aws, &id.name).await,
        Kind::Parameter => parameter::delete(aws, &id.name).await,
        Kind::Role => role::delete(aws, &id.name).await,
        Kind::ScheduleGroup => schedule_group::delete(aws, &id.name, observed).await,
        Kind::LayerVersion => layer_version::delete(aws, &id.name, observed).await,
        Kind::Function => function::delete(aws, &id.name).await,
        Kind::EventSourceMapping => event_source_mapping::delete(aws, observed).await,
        Kind::Schedule => schedule::delete(aws, &id.name).await,
    };
    match deleted {
        Ok(progress) => Ok(progress),
        Err(error) if error.is_not_found() => Ok(Progress::Done),
        Err(error) => match by_tag::meaning(aws, id, observed, error).await {
            Meaning::Gone => Ok(Progress::Done),
            Meaning::Refused(error) => Err(error),
        },
    }
}
