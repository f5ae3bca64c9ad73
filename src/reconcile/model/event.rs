//! The transitions, and how a trace names them.

use std::fmt;

use pipeline_core::resource::Id;

use super::short;

/// How many disturbances may still happen, of each sort and in all.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(in super::super) struct Budget {
    pub(in super::super) all: u8,
    /// The operator crashes, or the API server refuses what it writes.
    pub(in super::super) crashes: u8,
    /// A call or its answer is lost, a call is made twice, a policy protects a tag, or a wait takes too long.
    pub(in super::super) faults: u8,
    /// The spec changes.
    pub(in super::super) edits: u8,
    /// The custom resource is deleted, made again, or the cluster rebuilt.
    pub(in super::super) lives: u8,
    /// Somebody changes or deletes something on AWS.
    pub(in super::super) drifts: u8,
    /// Somebody else creates a resource of a pipeline's name, or deletes it again.
    pub(in super::super) foreigners: u8,
}

/// No disturbances.
pub(in super::super) const CALM: Budget =
    Budget { all: 0, crashes: 0, faults: 0, edits: 0, lives: 0, drifts: 0, foreigners: 0 };

/// One transition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in super::super) enum Event {
    Reconciles,
    WritesFinalizer,
    Announces,
    Calls(Id, &'static str, Option<Fault>),
    Rereads(Id),
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
    /// The call never arrives.
    Lost,
    /// It is carried out, the answer never arrives, and the operator reads the resource again.
    AnswerLost,
    /// It is carried out, the answer never arrives, and no call after it arrives.
    Unknown,
    /// It is carried out, the answer never arrives, and it is made again without a read.
    Repeated,
    /// A policy protects the tags that the call changes.
    TagsRefused,
}

impl fmt::Display for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Reconciles => write!(f, "the operator reconciles"),
            Self::WritesFinalizer => write!(f, "the operator adds the finalizer"),
            Self::Announces => write!(f, "the operator announces rows"),
            Self::Calls(id, call, None) => write!(f, "the operator calls: {call} {}", short(id)),
            Self::Calls(id, call, Some(fault)) => {
                let fault = match fault {
                    Fault::Lost => "lost on the way",
                    Fault::AnswerLost => "carried out, the answer lost",
                    Fault::Unknown => "carried out, the answer lost, and no read succeeds",
                    Fault::Repeated => "made twice",
                    Fault::TagsRefused => "refused",
                };
                write!(f, "! the operator calls: {call} {}; {fault}", short(id))
            }
            Self::Rereads(id) => write!(f, "the operator reads {} again", short(id)),
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
