//! The AWS resources of a pipeline: a closed enum of kinds, each with the same few verbs.
//!
//! A kind turns what is wanted and what AWS has into the same flat [`Fields`], defaults normalised on the read side;
//! so one [`diff`] serves all kinds, and an update knows from the differences which calls to make.

mod boundary;
pub mod bulk;
pub mod depth;
mod difference;
mod event_source_mapping;
mod function;
mod layer_version;
mod log_group;
mod pages;
mod parameter;
mod queue;
mod role;
mod schedule;
mod schedule_group;
mod tagging;
mod want;

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use api::{QueueDepth, ResourceRow};
use jiff::Timestamp;
use pipeline_core::iam::Document;
use pipeline_core::location::Location;
use pipeline_core::names::Tags;
use pipeline_core::secret_text::SecretText;
use serde_json::Value;

use crate::aws::{Aws, AwsError};

pub use self::schedule::Schedule;
pub use boundary::boundary;
pub(crate) use difference::{Changed, TagChanges, tag_field};
pub use difference::{Difference, diff, diff_new};
pub use event_source_mapping::EventSourceMapping;
pub use function::{AsyncInvoke, Function};
pub use layer_version::LayerVersion;
pub use log_group::LogGroup;
pub use parameter::Parameter;
pub use queue::{Queue, Redrive};
pub use role::Role;
pub use schedule_group::ScheduleGroup;
pub use tagging::{TagChange, TagRefusal};
pub use want::{Installation, possible_ids, want};

/// A kind of AWS resource. The order is that of creation; deletion goes backwards.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// CloudWatch log group: first, or Lambda would make it without retention; last to go, for the late log lines.
    LogGroup,
    /// SQS queue.
    Queue,
    /// SSM parameter.
    Parameter,
    /// IAM role with its inline policy.
    Role,
    /// EventBridge schedule group.
    ScheduleGroup,
    /// Version of a Lambda layer.
    LayerVersion,
    /// Lambda function with its asynchronous settings.
    Function,
    /// Lambda event source mapping.
    EventSourceMapping,
    /// EventBridge schedule: last, so that nothing fires into half a pipeline.
    Schedule,
}

impl Kind {
    /// Fields that AWS cannot change: another value takes a new resource in place of the old one.
    pub const fn fixed_fields(self) -> &'static [&'static str] {
        match self {
            Self::Parameter => &["type"],
            Self::Role => &["path"],
            Self::Function => &["packageType"],
            Self::EventSourceMapping => &["queue"],
            Self::LayerVersion => &["compatibleRuntime", "compatibleArchitecture"],
            Self::LogGroup | Self::Queue | Self::ScheduleGroup | Self::Schedule => &[],
        }
    }

    /// All kinds, in order of creation.
    pub const ALL: [Self; 9] = [
        Self::LogGroup,
        Self::Queue,
        Self::Parameter,
        Self::Role,
        Self::ScheduleGroup,
        Self::LayerVersion,
        Self::Function,
        Self::EventSourceMapping,
        Self::Schedule,
    ];
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self, f)
    }
}

/// A text that names no [`Kind`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a kind of AWS resource that this version knows")]
pub struct UnknownKind(String);

impl FromStr for Kind {
    type Err = UnknownKind;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::ALL.into_iter().find(|kind| kind.to_string() == text).ok_or_else(|| UnknownKind(text.to_owned()))
    }
}

/// Which resource.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Id {
    /// Its kind.
    pub kind: Kind,
    /// Its name on AWS; a mapping, which has none, goes by its function's.
    pub name: String,
}

impl Id {
    /// A resource's id.
    pub fn new(kind: Kind, name: impl Into<String>) -> Self {
        Self { kind, name: name.into() }
    }
}

impl fmt::Display for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.kind, self.name)
    }
}

impl TryFrom<&ResourceRow> for Id {
    type Error = UnknownKind;

    fn try_from(row: &ResourceRow) -> Result<Self, Self::Error> {
        Ok(Self::new(row.kind.parse::<Kind>()?, &row.name))
    }
}

/// A resource's managed fields by name. A field that AWS has unset is absent.
pub type Fields = BTreeMap<&'static str, Field>;

/// The value of a managed field.
#[derive(Clone, Debug, PartialEq)]
pub enum Field {
    /// Fit for all eyes.
    Plain(Value),
    /// Compared, never shown.
    Secret(SecretText),
    /// Compared by what it grants.
    Policy(Document),
}

impl Field {
    /// A plain value.
    pub fn plain(value: impl Into<Value>) -> Self {
        Self::Plain(value.into())
    }

    /// A text of JSON, compared by what it says; what does not parse is the text it is.
    pub fn json(text: &str) -> Self {
        Self::Plain(serde_json::from_str(text).unwrap_or_else(|_| Value::from(text)))
    }
}

impl fmt::Display for Field {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Plain(value) => f.write_str(&difference::text(value)),
            Self::Secret(_) => f.write_str("[secret]"),
            Self::Policy(document) => write!(f, "{document}"),
        }
    }
}

/// What AWS has.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Observed {
    /// Amazon Resource Name.
    pub arn: String,
    /// Tags; a schedule and a layer version, which cannot be tagged, say them in their description.
    pub tags: Tags,
    /// The managed fields, normalised.
    pub fields: Fields,
    /// What AWS still does to it, if it cannot be changed or used meanwhile.
    pub settling: Option<String>,
    /// How many messages it holds, if it is a queue.
    pub depth: Option<QueueDepth>,
    /// AWS's mark of this state, where it gives one: another mark means that something was changed since.
    pub revision: Option<String>,
    /// When it was made, if it is a role, or last changed, if it is a function: a function holds on to the role that it
    /// was given, even when that is deleted and made again under the same name.
    pub since: Option<Timestamp>,
}

/// How a verb ended.
#[derive(Clone, Debug, PartialEq)]
pub enum Progress {
    /// AWS has carried it out.
    Done,
    /// AWS has made it, as this, and may still be settling it.
    Made(Observed),
    /// AWS has taken it on, or asks to wait: read again.
    Waiting(Wait),
    /// Something of that name is there already: look whose it is.
    Exists,
    /// AWS has carried out all but these tags.
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
    pub(crate) fn waiting(why: impl Into<String>, again: Duration) -> Self {
        Self::Waiting(Wait { why: why.into(), again })
    }
}

/// A wanted resource, complete to the last argument.
#[derive(Clone, Debug)]
pub enum Resource {
    /// CloudWatch log group.
    LogGroup(LogGroup),
    /// SQS queue.
    Queue(Queue),
    /// SSM parameter.
    Parameter(Parameter),
    /// IAM role.
    Role(Role),
    /// EventBridge schedule group.
    ScheduleGroup(ScheduleGroup),
    /// Version of a Lambda layer.
    LayerVersion(LayerVersion),
    /// Lambda function.
    Function(Function),
    /// Lambda event source mapping.
    EventSourceMapping(EventSourceMapping),
    /// EventBridge schedule.
    Schedule(Schedule),
}

impl Resource {
    /// Which resource it is.
    pub fn id(&self) -> Id {
        match self {
            Self::LogGroup(it) => Id::new(Kind::LogGroup, &it.name),
            Self::Queue(it) => Id::new(Kind::Queue, &it.name),
            Self::Parameter(it) => Id::new(Kind::Parameter, &it.name),
            Self::Role(it) => Id::new(Kind::Role, &it.name),
            Self::ScheduleGroup(it) => Id::new(Kind::ScheduleGroup, &it.name),
            Self::LayerVersion(it) => it.id(),
            Self::Function(it) => Id::new(Kind::Function, &it.name),
            Self::EventSourceMapping(it) => Id::new(Kind::EventSourceMapping, &it.function),
            Self::Schedule(it) => Id::new(Kind::Schedule, &it.name),
        }
    }

    /// The tags it should carry.
    pub fn tags(&self) -> &Tags {
        match self {
            Self::LogGroup(it) => &it.tags,
            Self::Queue(it) => &it.tags,
            Self::Parameter(it) => &it.tags,
            Self::Role(it) => &it.tags,
            Self::ScheduleGroup(it) => &it.tags,
            Self::LayerVersion(it) => &it.owner_tags,
            Self::Function(it) => &it.tags,
            Self::EventSourceMapping(it) => &it.tags,
            Self::Schedule(it) => &it.owner_tags,
        }
    }

    /// The managed fields, as AWS would report them.
    pub fn fields(&self) -> Fields {
        match self {
            Self::LogGroup(it) => it.fields(),
            Self::Queue(it) => it.fields(),
            Self::Parameter(it) => it.fields(),
            Self::Role(it) => it.fields(),
            Self::ScheduleGroup(it) => it.fields(),
            Self::LayerVersion(it) => it.fields(),
            Self::Function(it) => it.fields(),
            Self::EventSourceMapping(it) => it.fields(),
            Self::Schedule(it) => it.fields(),
        }
    }

    /// Its ARN, where that is known before it exists.
    pub fn arn(&self, location: &Location) -> Option<String> {
        match self {
            Self::LogGroup(it) => Some(location.log_group_arn(&it.name)),
            Self::Queue(it) => Some(location.queue_arn(&it.name)),
            Self::Parameter(it) => Some(location.parameter_arn(&it.name)),
            Self::Role(it) => Some(location.role_arn(&it.path, &it.name)),
            Self::ScheduleGroup(it) => Some(location.schedule_group_arn(&it.name)),
            Self::Function(it) => Some(location.function_arn(&it.name)),
            // They end in a number and a UUID of AWS's making.
            Self::LayerVersion(_) | Self::EventSourceMapping(_) => None,
            Self::Schedule(it) => Some(location.schedule_arn(&it.group, &it.name)),
        }
    }

    /// Makes it. Never touches one that is there already.
    ///
    /// # Errors
    /// AWS refuses, or cannot be reached.
    pub async fn create(&self, aws: &Aws) -> Result<Progress, AwsError> {
        let created = match self {
            Self::LogGroup(it) => it.create(aws).await,
            Self::Queue(it) => it.create(aws).await,
            Self::Parameter(it) => it.create(aws).await,
            Self::Role(it) => it.create(aws).await,
            Self::ScheduleGroup(it) => it.create(aws).await,
            Self::LayerVersion(it) => it.create(aws).await,
            Self::Function(it) => it.create(aws).await,
            Self::EventSourceMapping(it) => it.create(aws).await,
            Self::Schedule(it) => it.create(aws).await,
        };
        match created {
            Err(error) if error.is_already_exists() => Ok(Progress::Exists),
            other => other,
        }
    }

    /// Mends the differences between it and what AWS has: whose it is first, the user's tags last. A tag that AWS refuses
    /// holds up none of the rest.
    ///
    /// # Errors
    /// AWS refuses, or cannot be reached.
    pub async fn update(&self, aws: &Aws, have: &Observed, differences: &[Difference]) -> Result<Progress, AwsError> {
        let changed = Changed(differences);
        let tags = changed.tags(self.tags());
        // Only what carries the pipeline's UID may be changed or deleted.
        self.put_tags(aws, have, &tags.owner).await?;
        let progress = match self {
            Self::LogGroup(it) => it.update(aws, changed).await,
            Self::Queue(it) => it.update(aws, changed).await,
            Self::Parameter(it) => it.update(aws, changed).await,
            Self::Role(it) => it.update(aws, changed).await,
            // It has nothing but its name and tags.
            Self::ScheduleGroup(_) => Ok(Progress::Done),
            Self::LayerVersion(it) => it.update(aws, have, changed).await,
            Self::Function(it) => it.update(aws, have, changed).await,
            Self::EventSourceMapping(it) => it.update(aws, have, changed).await,
            Self::Schedule(it) => it.update(aws).await,
        }?;
        match progress {
            Progress::Done => self.change_tags(aws, have, tags).await,
            // There is another update to come, or another resource, which is made with its tags.
            Progress::Made(_) | Progress::Waiting(_) | Progress::Exists | Progress::TagsRefused(_) => Ok(progress),
        }
    }
}

/// Reads what AWS has, or that it has nothing.
///
/// # Errors
/// AWS refuses, or cannot be reached.
pub async fn observe(aws: &Aws, id: &Id) -> Result<Option<Observed>, AwsError> {
    match id.kind {
        Kind::LogGroup => log_group::observe(aws, &id.name).await,
        Kind::Queue => queue::observe(aws, &id.name).await,
        Kind::Parameter => parameter::observe(aws, &id.name).await,
        Kind::Role => role::observe(aws, &id.name).await,
        Kind::ScheduleGroup => schedule_group::observe(aws, &id.name).await,
        Kind::LayerVersion => layer_version::observe(aws, &id.name).await,
        Kind::Function => function::observe(aws, &id.name).await,
        Kind::EventSourceMapping => event_source_mapping::observe(aws, &id.name).await,
        Kind::Schedule => schedule::observe(aws, &id.name).await,
    }
}

/// Reconciles again at what was just made, by what AWS then called it.
///
/// # Errors
/// As [`observe`].
pub async fn follow(aws: &Aws, id: &Id, made: &Observed) -> Result<Option<Observed>, AwsError> {
    match id.kind {
        Kind::EventSourceMapping => event_source_mapping::follow(aws, made).await,
        _ => observe(aws, id).await,
    }
}

/// Deletes what was observed to be ours.
///
/// # Errors
/// AWS refuses, or cannot be reached.
pub async fn delete(aws: &Aws, id: &Id, have: &Observed) -> Result<Progress, AwsError> {
    let deleted = match id.kind {
        Kind::LogGroup => log_group::delete(aws, &id.name).await,
        Kind::Queue => queue::delete(aws, &id.name).await,
        Kind::Parameter => parameter::delete(aws, &id.name).await,
        Kind::Role => role::delete(aws, &id.name).await,
        Kind::ScheduleGroup => schedule_group::delete(aws, &id.name, have).await,
        Kind::LayerVersion => layer_version::delete(aws, &id.name, have).await,
        Kind::Function => function::delete(aws, &id.name).await,
        Kind::EventSourceMapping => event_source_mapping::delete(aws, have).await,
        Kind::Schedule => schedule::delete(aws, &id.name).await,
    };
    match deleted {
        Err(error) if error.is_not_found() => Ok(Progress::Done),
        other => other,
    }
}
