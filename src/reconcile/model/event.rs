//! What may happen, in the words of a trace.

use std::fmt;

use pipeline_core::resource::Id;

use super::short;

/// How many disturbances are still to come, of each sort and in all.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(in super::super) struct Budget {
    pub(in super::super) all: u8,
    /// The operator dies, or the API server does not take what it writes.
    pub(in super::super) crashes: u8,
    /// A call is lost, its answer is, it is made twice, or a policy protects a tag; or waiting takes too long.
    pub(in super::super) faults: u8,
    /// The spec changes.
    pub(in super::super) edits: u8,
    /// The custom resource is deleted, made again, or the cluster rebuilt.
    pub(in super::super) lives: u8,
    /// Somebody changes or deletes something on AWS.
    pub(in super::super) drifts: u8,
    /// Somebody takes a name, or gives it back.
    pub(in super::super) foreigners: u8,
}

/// No disturbance at all.
pub(in super::super) const CALM: Budget =
    Budget { all: 0, crashes: 0, faults: 0, edits: 0, lives: 0, drifts: 0, foreigners: 0 };

/// What happens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in super::super) enum Event {
    Reconciles,
    WritesFinalizer,
    Announces,
    Calls(Id, &'static str, Option<Fault>),
    LooksAgain(Id),
    Reports,
    LetsGo,
    Settles(Id),
    NameIsFree(Id),
    Crashes,
    GivesUp(Id),
    Edits(usize),
    DeletesPipeline,
    CreatesPipeline(usize),
    RebuildsCluster(usize),
    SomebodyDeletes(Id),
    SomebodyChanges(Id),
    SomebodyTags(Id),
    SomebodyTakes(Id),
    SomebodyTakesTags(Id),
    SomebodyGivesBack(Id),
}

/// What goes wrong with a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in super::super) enum Fault {
    /// It never arrives.
    Lost,
    /// It is carried out, the answer never arrives, and the operator looks.
    AnswerLost,
    /// It is carried out, and nothing that the operator tries then arrives.
    Unknown,
    /// The answer was lost, and it is made again without a look.
    Repeated,
    /// A policy protects the tags that it is about.
    TagsRefused,
}

impl fmt::Display for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Reconciles => write!(f, "the operator looks"),
            Self::WritesFinalizer => write!(f, "the operator adds the finalizer"),
            Self::Announces => write!(f, "the operator announces rows"),
            Self::Calls(id, call, None) => write!(f, "the operator calls: {call} {}", short(id)),
            Self::Calls(id, call, Some(fault)) => {
                let fault = match fault {
                    Fault::Lost => "lost on the way",
                    Fault::AnswerLost => "carried out, the answer lost",
                    Fault::Unknown => "carried out, the answer lost, and no look succeeds",
                    Fault::Repeated => "made twice",
                    Fault::TagsRefused => "refused",
                };
                write!(f, "! the operator calls: {call} {}; {fault}", short(id))
            }
            Self::LooksAgain(id) => write!(f, "the operator looks again at {}", short(id)),
            Self::Reports => write!(f, "the operator reports rows"),
            Self::LetsGo => write!(f, "the operator lets the pipeline go"),
            Self::Settles(id) => write!(f, "AWS is done with {}", short(id)),
            Self::NameIsFree(id) => write!(f, "AWS frees the name of {}", short(id)),
            Self::Crashes => write!(f, "! the operator crashes"),
            Self::GivesUp(id) => write!(f, "! {} takes too long", short(id)),
            Self::Edits(spec) => write!(f, "! the spec becomes number {spec}"),
            Self::DeletesPipeline => write!(f, "! the pipeline is deleted"),
            Self::CreatesPipeline(spec) => write!(f, "! the pipeline is made again, with spec number {spec}"),
            Self::RebuildsCluster(spec) => write!(f, "! the cluster is rebuilt, with spec number {spec}"),
            Self::SomebodyDeletes(id) => write!(f, "! somebody deletes {}", short(id)),
            Self::SomebodyChanges(id) => write!(f, "! somebody changes {}", short(id)),
            Self::SomebodyTags(id) => write!(f, "! somebody tags {}", short(id)),
            Self::SomebodyTakes(id) => write!(f, "! somebody else makes {}", short(id)),
            Self::SomebodyTakesTags(id) => write!(f, "! somebody takes the tags off {}", short(id)),
            Self::SomebodyGivesBack(id) => write!(f, "! somebody else deletes their {}", short(id)),
        }
    }
}
