//! The eight ways to meet what AWS answers when it does not do what was asked.

use strum::{Display, EnumMessage, VariantArray};

/// How a failure is met: one class, one way. The names are the reasons in conditions.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Display, EnumMessage, VariantArray)]
pub enum ErrorClass {
    /// AWS is not done yet with what came before, such as a new role.
    Waiting,
    /// AWS asks for fewer calls.
    Throttled,
    /// AWS failed, or could not be reached; the call may have been carried out.
    Transient,
    /// The operator may not make the call.
    Denied,
    /// A resource of that name is not the pipeline's, somebody else uses it, or the operator's credentials are of
    /// another account; nothing more is written.
    Conflict,
    /// AWS refuses what was asked.
    Invalid,
    /// The account is full: [which quota](#quotas) the message says.
    Quota,
    /// The operator has no region, or no valid AWS identity.
    Credentials,
}

impl ErrorClass {
    /// Whether only a person can mend it.
    pub const fn needs_a_person(self) -> bool {
        match self {
            Self::Waiting | Self::Throttled | Self::Transient => false,
            Self::Denied | Self::Conflict | Self::Invalid | Self::Quota | Self::Credentials => true,
        }
    }

    /// What to do about it where nothing more is known.
    pub const fn remedy(self) -> &'static str {
        match self {
            Self::Waiting => "nothing to do: the operator asks again",
            Self::Throttled => "nothing to do: the operator slows down and tries again",
            Self::Transient => {
                "nothing to do: the operator tries again; if it lasts, check the network and AWS's health"
            }
            Self::Denied => "allow the action in the operator's IAM policy, which `task-pipelines iam-policy` prints",
            Self::Conflict => "remove or release the resource on AWS, or rename the pipeline",
            Self::Invalid => "correct the field that AWS names",
            Self::Quota => "ask AWS for a higher quota, or remove what is no longer needed",
            Self::Credentials => "give the operator valid AWS credentials",
        }
    }
}
