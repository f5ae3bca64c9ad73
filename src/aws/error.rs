//! What AWS answers when it does not do what was asked, in eight classes.

use std::error::Error as StdError;
use std::fmt;

use aws_credential_types::provider::error::CredentialsError;
use aws_sdk_sts::operation::assume_role::AssumeRoleError;
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;

use super::operation::Operation;
use crate::chain::{causes, chain};

/// How a failure is met: one class, one way. The names are the reasons in conditions.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Class {
    /// AWS is not done yet with what came before; ask again soon.
    Waiting,
    /// AWS asks for fewer calls.
    Throttled,
    /// AWS failed or could not be reached. The call may have been carried out.
    Transient,
    /// The operator may not do this.
    Denied,
    /// What is there is not ours, or somebody else uses it.
    Conflict,
    /// AWS refuses what was asked.
    Invalid,
    /// The account is full.
    Quota,
    /// The operator has no valid AWS identity.
    Credentials,
}

impl Class {
    /// Whether only a person can mend it.
    pub const fn needs_a_person(self) -> bool {
        match self {
            Self::Waiting | Self::Throttled | Self::Transient => false,
            Self::Denied | Self::Conflict | Self::Invalid | Self::Quota | Self::Credentials => true,
        }
    }

    /// What to do about it.
    pub const fn remedy(self) -> &'static str {
        match self {
            Self::Waiting => "nothing to do: the operator asks again",
            Self::Throttled => "nothing to do: the operator slows down and tries again",
            Self::Transient => {
                "nothing to do: the operator tries again; if it lasts, check the network and AWS's health"
            }
            Self::Denied => "allow the action in the operator's IAM policy",
            Self::Conflict => "remove or release the resource on AWS, or rename the pipeline",
            Self::Invalid => "correct the field that AWS names",
            Self::Quota => "ask AWS for a higher quota, or remove what is no longer needed",
            Self::Credentials => "give the operator valid AWS credentials",
        }
    }
}

impl fmt::Display for Class {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self, f)
    }
}

/// A call that AWS did not carry out, or may not have.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{operation}: {}{message}", prefix(.code))]
pub struct AwsError {
    /// The call.
    pub operation: Operation,
    /// How to meet it.
    pub class: Class,
    /// AWS's error code; empty when there was no answer.
    pub code: String,
    /// AWS's message, or why there was no answer.
    pub message: String,
}

fn prefix(code: &str) -> String {
    if code.is_empty() { String::new() } else { format!("{code}: ") }
}

impl AwsError {
    /// Reads the SDK's error.
    pub(super) fn new<E>(operation: Operation, error: &SdkError<E, HttpResponse>) -> Self
    where
        E: StdError + ProvideErrorMetadata + Send + Sync + 'static,
    {
        if let SdkError::ServiceError(answer) = error {
            let code = answer.err().code().unwrap_or_default().to_owned();
            let message = answer.err().message().unwrap_or("no message").to_owned();
            let class = classify(operation, answer.raw().status().as_u16(), &code, &message);
            return Self { operation, class, code, message };
        }
        // The provider of a role's credentials asks for them when a call needs them.
        if let Some(refusal) = causes(error).find_map(<dyn StdError>::downcast_ref::<AssumeRoleError>) {
            let code = refusal.code().unwrap_or_default().to_owned();
            let message = refusal.message().unwrap_or("no message").to_owned();
            let class = classify(Operation::AssumeRole, 400, &code, &message);
            return Self { operation: Operation::AssumeRole, class, code, message };
        }
        let class = if causes(error).any(<dyn StdError>::is::<CredentialsError>) {
            Class::Credentials
        } else {
            Class::Transient
        };
        let message = chain(error);
        Self { operation, class, code: String::new(), message }
    }

    /// Whether AWS says that the resource is not there.
    pub fn is_not_found(&self) -> bool {
        // How SSM says that a parameter has no tags because it is gone.
        let gone = self.operation == Operation::SsmListTagsForResource && self.code == "InvalidResourceId";
        gone || matches!(
            self.code.as_str(),
            "NoSuchEntity"
                | "ParameterNotFound"
                | "QueueDoesNotExist"
                | "AWS.SimpleQueueService.NonExistentQueue"
                | "ResourceNotFoundException"
        )
    }

    /// Whether AWS says that a resource of this name exists already.
    pub fn is_already_exists(&self) -> bool {
        match self.operation {
            // The same code also means "an update is in progress".
            Operation::CreateFunction | Operation::CreateEventSourceMapping => {
                self.code == "ResourceConflictException" && self.message.contains("already exist")
            }
            Operation::CreateSchedule | Operation::CreateScheduleGroup => self.code == "ConflictException",
            _ => matches!(
                self.code.as_str(),
                "EntityAlreadyExists"
                    | "ParameterAlreadyExists"
                    | "QueueAlreadyExists"
                    | "QueueNameExists"
                    | "ResourceAlreadyExistsException"
            ),
        }
    }
}

/// Texts of refusals that end by themselves once IAM has spread a new role or policy.
/// Collected from AWS's answers; AWS documents no codes for them.
const PROPAGATING: [&str; 5] = [
    "cannot be assumed by Lambda",
    "execution role does not have permissions",
    "ensure the role can perform",
    "to assume the role",
    "Invalid principal in policy",
];

/// The class of an error answer.
fn classify(operation: Operation, status: u16, code: &str, message: &str) -> Class {
    match code {
        "ThrottlingException"
        | "ThrottledException"
        | "Throttling"
        | "TooManyRequestsException"
        | "RequestThrottled"
        | "RequestLimitExceeded"
        | "SlowDown" => Class::Throttled,
        "ResourceConflictException"
        | "ResourceInUseException"
        | "AWS.SimpleQueueService.QueueDeletedRecently"
        | "QueueDeletedRecently"
        | "ConflictException"
        | "ConcurrentModification"
        | "EntityTemporarilyUnmodifiable"
        | "OperationAbortedException"
        | "PreconditionFailedException"
        | "TooManyUpdates" => Class::Waiting,
        "ValidationException" | "InvalidParameterValueException" | "MalformedPolicyDocument"
            if PROPAGATING.iter().any(|text| message.contains(text)) =>
        {
            Class::Waiting
        }
        "ExpiredToken"
        | "ExpiredTokenException"
        | "UnrecognizedClientException"
        | "InvalidClientTokenId"
        | "InvalidSignatureException"
        | "SignatureDoesNotMatch"
        | "InvalidAccessKeyId"
        | "RequestExpired" => Class::Credentials,
        "AccessDenied" | "AccessDeniedException" | "UnauthorizedOperation" => Class::Denied,
        "LimitExceeded"
        | "LimitExceededException"
        | "ServiceQuotaExceededException"
        | "CodeStorageExceededException"
        | "ParameterLimitExceeded"
        | "OverLimit" => Class::Quota,
        "DeleteConflict" | "UnmodifiableEntity" | "QueueAlreadyExists" | "QueueNameExists" => Class::Conflict,
        // A resource that another needs was deleted meanwhile: the next look makes it again.
        "ResourceNotFoundException"
        | "NoSuchEntity"
        | "QueueDoesNotExist"
        | "AWS.SimpleQueueService.NonExistentQueue"
        | "ParameterNotFound"
            if operation.is_write() =>
        {
            Class::Waiting
        }
        _ if status >= 500 => Class::Transient,
        _ if status == 429 => Class::Throttled,
        _ if status == 403 => Class::Denied,
        _ => Class::Invalid,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_fall_into_their_classes() {
        for (operation, status, code, message, expected) in [
            (
                Operation::CreateFunction,
                400,
                "InvalidParameterValueException",
                "The role defined for the function cannot be assumed by Lambda.",
                Class::Waiting,
            ),
            (
                Operation::CreateSchedule,
                400,
                "ValidationException",
                "The execution role you provide must allow AWS EventBridge Scheduler to assume the role.",
                Class::Waiting,
            ),
            (
                Operation::CreateEventSourceMapping,
                400,
                "InvalidParameterValueException",
                "The provided execution role does not have permissions to call ReceiveMessage on SQS",
                Class::Waiting,
            ),
            (
                Operation::CreateSchedule,
                400,
                "ValidationException",
                "Invalid Schedule Expression cron(99 * * * ? *).",
                Class::Invalid,
            ),
            (
                Operation::UpdateFunctionCode,
                409,
                "ResourceConflictException",
                "The operation cannot be performed at this time. An update is in progress",
                Class::Waiting,
            ),
            (
                Operation::CreateRole,
                409,
                "LimitExceeded",
                "Cannot exceed quota for RolesPerAccount: 1000",
                Class::Quota,
            ),
            (Operation::CreateRole, 400, "Throttling", "Rate exceeded", Class::Throttled),
            (Operation::CreateQueue, 403, "AccessDenied", "not authorized", Class::Denied),
            (Operation::CreateQueue, 403, "InvalidClientTokenId", "The security token is invalid", Class::Credentials),
            (Operation::GetQueueAttributes, 503, "", "no message", Class::Transient),
            (Operation::CreateQueue, 418, "Teapot", "no message", Class::Invalid),
        ] {
            assert_eq!(classify(operation, status, code, message), expected, "{operation} {code}");
        }
    }

    #[test]
    fn one_code_of_lambda_has_two_meanings() {
        let error = |message: &str| AwsError {
            operation: Operation::CreateFunction,
            class: Class::Waiting,
            code: "ResourceConflictException".to_owned(),
            message: message.to_owned(),
        };
        assert!(error("Function already exist: a-sender").is_already_exists());
        assert!(!error("An update is in progress for resource: a-sender").is_already_exists());
    }

    #[test]
    fn an_error_says_its_operation_and_code() {
        let error = AwsError {
            operation: Operation::CreateQueue,
            class: Class::Denied,
            code: "AccessDenied".to_owned(),
            message: "not authorized".to_owned(),
        };
        assert_eq!(error.to_string(), "sqs:CreateQueue: AccessDenied: not authorized");
    }
}
