//! The one word that a condition or an event gives as its reason: a closed set.
//!
//! `docs/conditions.md` lists all of them, with the texts that stand here.

use derive_more::From;
use strum::{Display, EnumMessage, VariantArray};

use crate::error_class::ErrorClass;

/// Why a condition is as it is, or an event was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, From, derive_more::Display)]
pub enum Reason {
    /// It is well.
    Settled(Settled),
    /// It is on its way.
    Underway(Underway),
    /// The spec is refused, before anything changes on AWS.
    Refused(Refused),
    /// AWS refused a call, or did not answer.
    Failed(ErrorClass),
    /// It works as its spec says, and something else is not as wanted.
    Incomplete(Incomplete),
    /// What runs say.
    Reported(Reported),
    /// The operator did something.
    Acted(Acted),
}

/// A pipeline is as its spec says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Display, EnumMessage, VariantArray)]
pub enum Settled {
    /// Everything on AWS is as wanted.
    InSync,
    /// The same, and the schedule is disabled: `spec.suspend`.
    Suspended,
    /// The same, and nothing will fire any more: a past `at(…)`, or `endTime`.
    Completed,
    /// `spec.mode` is `Observe`: AWS was read and left alone. The message counts what would be done, `status.plan`
    /// says what and how.
    Observing,
}

/// A pipeline is on its way.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Display, EnumMessage, VariantArray)]
pub enum Underway {
    /// Being made or changed; the message says what AWS is waited for.
    Reconciling,
    /// Being deleted; messages still in the queue get up to five minutes.
    Deleting,
}

impl Underway {
    /// What to do about it.
    pub const fn remedy(self) -> &'static str {
        match self {
            Self::Reconciling => "wait: five minutes of it become `Waiting`",
            Self::Deleting => "wait: ten minutes of it become `Waiting`",
        }
    }
}

/// A spec cannot be carried out. In the order in which they are told: the first that applies is the condition's reason.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Display, EnumMessage, VariantArray)]
pub enum Refused {
    /// A field reaches beyond the pipeline's own resources, and [the operator's configuration](configuration.md) does not
    /// let its namespace; nothing was asked of AWS.
    NotAllowed,
    /// A field has a value that cannot work; also a Secret's value that is not a valid URL or header value.
    InvalidSpec,
    /// A Secret or its key is not there, is not text, or the operator may not read it.
    SecretMissing,
    /// [A layer](layers.md) cannot be built: what uv says against its requirements, its size, or that the operator has no
    /// uv; tried again every minute.
    LayerFailed,
    /// A `ConfigMap` is not there, or the operator may not read it.
    ConfigMapMissing,
}

impl Refused {
    /// What to do about it; each refusal says the same for its field.
    pub const fn remedy(self) -> &'static str {
        match self {
            Self::NotAllowed => {
                "remove the field, or ask the operator's administrator to add the rule that the message names"
            }
            Self::InvalidSpec => "correct the field that the message names",
            Self::SecretMissing | Self::ConfigMapMissing => {
                "create it, with the command in the message; nothing else is needed"
            }
            Self::LayerFailed => "correct the requirements, or the operator's `--package-index`, `--uv`, `--cache-dir`",
        }
    }
}

/// A pipeline works as its spec says, and something that it does not need is not as wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Display, EnumMessage, VariantArray)]
pub enum Incomplete {
    /// AWS refuses to set or remove a tag, such as one that a policy of the organization protects. Everything else is as
    /// wanted: the tag holds up no other change.
    TagsRefused,
}

impl Incomplete {
    /// What to do about it; each message says it for its tag.
    pub const fn remedy(self) -> &'static str {
        match self {
            Self::TagsRefused => "allow the tag on AWS, or change `spec.tags`; the operator tries again with back-off",
        }
    }
}

/// What runs say of a pipeline: the conditions `Delivering` and `OnTime`, and events.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Display, EnumMessage, VariantArray)]
pub enum Reported {
    /// The last results were delivered to their channels.
    Delivered,
    /// A channel will not get a result; also an event.
    DeliveryFailed,
    /// The last firing came.
    OnTime,
    /// The last firing, or a task of it, did not come; also an event.
    Missed,
    /// A function of the user's own is on the way, and reports nothing.
    NotReported,
}

impl Reported {
    /// The condition that it stands in, with its status.
    pub const fn condition(self) -> &'static str {
        match self {
            Self::Delivered => "`Delivering=True`",
            Self::DeliveryFailed => "`Delivering=False`",
            Self::OnTime => "`OnTime=True`",
            Self::Missed => "`OnTime=False`",
            Self::NotReported => "both `Unknown`",
        }
    }

    /// What to do about it, if there is anything.
    pub const fn remedy(self) -> Option<&'static str> {
        match self {
            Self::DeliveryFailed => {
                Some("look at what the channel's service said; the message is in the dead-letter queue of tasks")
            }
            Self::Missed => Some("look at what the message names"),
            Self::Delivered | Self::OnTime | Self::NotReported => None,
        }
    }
}

/// What the operator did or found: events alone have these reasons.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Display, EnumMessage, VariantArray)]
pub enum Acted {
    /// Made on AWS, all resources in one event.
    Created,
    /// Others put policies on a role of the pipeline, which may do more by them. They are told, also in the role's row of
    /// `status.resources`, and stay.
    PoliciesOfOthers,
    /// One resource was changed: its fields with what they were and are, policies by what they grant. Secrets are shown
    /// as `[secret]`.
    Updated,
    /// Somebody else changed or deleted a resource on AWS, and it was put right: its fields with what they were made and
    /// are again. Also counted, in `task_pipelines_drift_total{kind, field}`.
    DriftCorrected,
    /// A resource of an earlier pipeline of this name and cluster is now this one's; only its tag changed.
    TakenOver,
    /// Deleted on AWS.
    Deleted,
    /// `deletionPolicy: Retain`, or `mode: Observe`: left on AWS, and firing, with the ARNs, in as many events as they
    /// take; [`task-pipelines orphans`](how-it-works.md#orphans) finds it again.
    Retained,
    /// A dead-letter queue holds messages and stays; `queue.deleteWithMessages: true` would take it, as does
    /// `task-pipelines orphans --delete` later.
    DeadLettersKept,
    /// Messages went with the queue, since they were not worked on within five minutes of the schedule's deletion.
    MessagesLost,
    /// A run ended `Failed` or `Partial`, with the first error.
    RunFailed,
    /// The annotation `taskpipelines.dev/run-now` fired a run.
    RunNow,
    /// The annotation `taskpipelines.dev/run-now` fired nothing, and why.
    RunNowRefused,
}

impl Reason {
    /// Whether an event with it tells of something that a person may have to act on.
    pub const fn is_warning(self) -> bool {
        match self {
            Self::Settled(_) | Self::Underway(_) => false,
            Self::Refused(_) | Self::Failed(_) | Self::Incomplete(_) => true,
            Self::Reported(reported) => match reported {
                Reported::DeliveryFailed | Reported::Missed => true,
                Reported::Delivered | Reported::OnTime | Reported::NotReported => false,
            },
            Self::Acted(acted) => match acted {
                Acted::DriftCorrected
                | Acted::PoliciesOfOthers
                | Acted::DeadLettersKept
                | Acted::MessagesLost
                | Acted::RunFailed
                | Acted::RunNowRefused => true,
                Acted::Created
                | Acted::Updated
                | Acted::TakenOver
                | Acted::Deleted
                | Acted::Retained
                | Acted::RunNow => false,
            },
        }
    }

    /// What was done or tried, in one word, as events have it beside the reason.
    pub const fn action(self) -> &'static str {
        match self {
            Self::Settled(_) | Self::Underway(_) | Self::Refused(_) | Self::Failed(_) | Self::Incomplete(_) => {
                "Reconcile"
            }
            Self::Reported(_) => "Run",
            Self::Acted(acted) => match acted {
                Acted::Created => "Create",
                Acted::Updated => "Update",
                Acted::DriftCorrected => "Correct",
                Acted::PoliciesOfOthers => "Sweep",
                Acted::TakenOver => "TakeOver",
                Acted::Deleted | Acted::Retained | Acted::DeadLettersKept | Acted::MessagesLost => "Delete",
                Acted::RunFailed => "Run",
                Acted::RunNow | Acted::RunNowRefused => "RunNow",
            },
        }
    }
}
