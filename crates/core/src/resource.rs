//! The AWS resources of a pipeline: a closed enum of kinds, each with what is wanted of it.
//!
//! A kind turns what is wanted and what AWS has into the same flat [`Fields`], defaults normalised on the read side;
//! so one [`diff`] serves all kinds, and an update knows from the differences which calls to make.

pub mod depth;
mod diff;
mod event_source_mapping;
mod field_name;
mod function;
mod layer_version;
mod log_group;
mod parameter;
mod queue;
mod role;
mod schedule;
mod schedule_group;
mod timing;

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use api::{QueueDepth, ResourceRow};
use jiff::Timestamp;
use serde_json::Value;
use strum::VariantArray;

use crate::iam::Document;
use crate::location::Location;
use crate::names::Tags;
use crate::secret_text::SecretText;

pub use self::schedule::Schedule;
pub(crate) use diff::diff_new;
pub use diff::{Difference, Place, Side, diff};
pub use event_source_mapping::EventSourceMapping;
pub use field_name::FieldName;
pub use function::{AsyncInvoke, Function};
pub use layer_version::{LayerVersion, LayerZip, MAX_ZIP_IN_CALL, NoBucket};
pub use log_group::LogGroup;
pub use parameter::Parameter;
pub use queue::{MAX_MESSAGE_SIZE, Queue, Redrive};
pub use role::Role;
pub use schedule_group::ScheduleGroup;
pub use timing::{ObservedTiming, Timing};

/// A kind of AWS resource. The order is that of creation; deletion goes backwards.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, VariantArray)]
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
    /// Whether AWS cannot make this change, so that a new resource has to take the old one's place.
    pub fn is_replaced_for(self, difference: &Difference) -> bool {
        let fixed: &[FieldName] = match self {
            // SSM changes no type: only a new parameter encrypts what the old one shows.
            Self::Parameter => &[FieldName::Type],
            Self::Role => &[FieldName::Path],
            // Lambda makes no image of a zip.
            Self::Function => &[FieldName::PackageType],
            Self::EventSourceMapping => &[FieldName::Queue],
            // A version never changes, nor does its description, which says whose it is. Of several copies, one stays.
            Self::LayerVersion => return difference.field() != Some(FieldName::Copies),
            Self::LogGroup | Self::Queue | Self::ScheduleGroup | Self::Schedule => return false,
        };
        difference.field().is_some_and(|name| fixed.contains(&name))
    }
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
        Self::VARIANTS.iter().copied().find(|kind| kind.to_string() == text).ok_or_else(|| UnknownKind(text.to_owned()))
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
pub type Fields = BTreeMap<FieldName, Field>;

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

    /// A moment, to the second.
    pub fn moment(moment: Timestamp) -> Self {
        Self::plain(moment.strftime("%Y-%m-%dT%H:%M:%SZ").to_string())
    }
}

impl fmt::Display for Field {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Plain(value) => f.write_str(&diff::text(value)),
            Self::Secret(_) => f.write_str(diff::SECRET),
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
    /// What AWS failed at after it had taken it on, if it did.
    pub failure: Option<Failure>,
    /// How many messages it holds, if it is a queue.
    pub depth: Option<QueueDepth>,
    /// AWS's mark of this state, where it gives one: another mark means that something was changed since.
    pub revision: Option<String>,
    /// AWS's id of this very resource, if it is a role: another role of the same name has another.
    /// <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_identifiers.html#identifiers-unique-ids>
    pub unique_id: Option<String>,
    /// When it fires, if it is a schedule.
    pub timing: Option<Box<ObservedTiming>>,
    /// When it was made, if it is a role, a log group or a schedule group, or last changed, if it is a function: a function
    /// holds on to the role that it was given, even when that is deleted and made again under the same name.
    pub since: Option<Timestamp>,
    /// What others put on it, if it is a role and a list shows it: policies by which it may do more. It is told, and stays.
    pub by_others: Vec<String>,
}

/// What AWS failed at after it had taken it on.
/// <https://docs.aws.amazon.com/lambda/latest/dg/functions-states.html>
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// AWS's code, such as `ImageAccessDenied`.
    pub code: String,
    /// AWS's reason.
    pub message: String,
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Failed: {}: {}", self.code, self.message)
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
    Schedule(Box<Schedule>),
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
            Self::ScheduleGroup(_) => Fields::new(),
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
}
