//! How the commands of both programs end; `docs/kubectl.md` has what each means for which command.

use std::process::ExitCode;

use pipeline_core::plan::report::Summary;

/// The exit status of a command; the later, the graver.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum ExitStatus {
    /// 0: done, and nothing to act on.
    Success,
    /// 1: done, and what was asked for is not well: there are changes or findings, or something failed.
    Failure,
    /// 2: not done, or not in full: an error, a refused spec, a conflict. Also of a command line that cannot be read (clap).
    Error,
}

impl ExitStatus {
    /// A failure, unless all is well.
    pub fn of_check(is_well: bool) -> Self {
        if is_well { Self::Success } else { Self::Failure }
    }
}

impl From<ExitStatus> for ExitCode {
    fn from(status: ExitStatus) -> Self {
        Self::from(match status {
            ExitStatus::Success => 0,
            ExitStatus::Failure => 1,
            ExitStatus::Error => 2,
        })
    }
}

impl From<Summary> for ExitStatus {
    fn from(summary: Summary) -> Self {
        match summary {
            Summary::NothingToDo => Self::Success,
            Summary::Changes => Self::Failure,
            Summary::Conflict => Self::Error,
        }
    }
}
