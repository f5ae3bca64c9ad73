//! The error of a call that AWS did not carry out, or may not have carried out.

use std::error::Error as StdError;

use aws_credential_types::provider::error::CredentialsError;
use aws_sdk_sts::operation::assume_role::AssumeRoleError;
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;
use pipeline_core::error_chain::{causes, chain};
use pipeline_core::error_class::ErrorClass;

use super::classify::classify;
use super::operation::Operation;

/// A call that AWS did not carry out, or may not have.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{operation}: {}{message}", prefix(.code))]
pub struct AwsError {
    /// The call.
    pub operation: Operation,
    /// How the operator handles it.
    pub class: ErrorClass,
    /// AWS's error code; empty when there was no answer.
    pub code: String,
    /// AWS's message, or why there was no answer.
    pub message: String,
}

/// What stands for a message that AWS does not give.
pub(super) const NO_MESSAGE: &str = "no message";

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
            return Self::answered(operation, answer.raw().status().as_u16(), answer.err());
        }
        // Credentials of a role are fetched within the call that needs them, so their error arrives here.
        if let Some(refusal) = causes(error).find_map(<dyn StdError>::downcast_ref::<AssumeRoleError>) {
            return Self::answered(Operation::AssumeRole, 400, refusal);
        }
        let class = if causes(error).any(<dyn StdError>::is::<CredentialsError>) {
            ErrorClass::Credentials
        } else {
            ErrorClass::Transient
        };
        let message = chain(error);
        Self { operation, class, code: String::new(), message }
    }

    /// Reads what AWS answered, with this HTTP status.
    pub(super) fn answered(operation: Operation, status: u16, answer: &impl ProvideErrorMetadata) -> Self {
        let code = answer.code().unwrap_or_default().to_owned();
        let message = answer.message().filter(|message| !message.is_empty()).unwrap_or(NO_MESSAGE);
        let class = classify(operation, status, &code, message);
        let message = match operation {
            Operation::PutParameter => without_quotes(message),
            _ => message.to_owned(),
        };
        Self { operation, class, code, message }
    }

    /// The operator stopped to lead before AWS answered.
    pub(super) fn no_longer_leading(operation: Operation) -> Self {
        let message = "the operator's lease ran out before AWS answered, so the call was ended".to_owned();
        Self { operation, class: ErrorClass::Transient, code: String::new(), message }
    }

    /// Whether AWS answered, so that it is known whether the call was carried out.
    pub(crate) fn is_answered(&self) -> bool {
        !self.code.is_empty()
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
    pub(crate) fn is_already_exists(&self) -> bool {
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

/// The message without the values that it quotes: SSM repeats a value that is too long or has an invalid character.
fn without_quotes(message: &str) -> String {
    let Some((head, rest)) = message.split_once("Value '") else { return message.to_owned() };
    // The value may hold anything, so it ends at the last place where it can.
    let tail = rest.rsplit_once("' at '").map(|(_, tail)| format!(" at '{tail}"));
    format!("{head}Value [secret]{}", tail.unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_code_of_lambda_has_two_meanings() {
        let error = |message: &str| AwsError {
            operation: Operation::CreateFunction,
            class: ErrorClass::Waiting,
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
            class: ErrorClass::Denied,
            code: "AccessDenied".to_owned(),
            message: "not authorized".to_owned(),
        };
        assert_eq!(error.to_string(), "sqs:CreateQueue: AccessDenied: not authorized");
    }

    #[test]
    fn a_missing_queue_that_may_not_be_seen_does_not_count_as_gone() {
        let error = |code: &str| AwsError {
            operation: Operation::GetQueueAttributes,
            class: ErrorClass::Denied,
            code: code.to_owned(),
            message: String::new(),
        };
        assert!(!error("AccessDenied").is_not_found());
        assert!(error("QueueDoesNotExist").is_not_found());
        assert!(error("AWS.SimpleQueueService.NonExistentQueue").is_not_found());
    }

    #[test]
    fn a_refused_secret_is_not_repeated() {
        let refused = "1 validation error detected: Value 'https://hooks.slack.com/s' at 'x/4711' at 'value' failed to \
                       satisfy constraint: Member must have length less than or equal to 4096";
        let shown = without_quotes(refused);
        assert!(!shown.contains("slack") && !shown.contains("4711"), "{shown}");
        assert_eq!(
            shown,
            "1 validation error detected: Value [secret] at 'value' failed to satisfy constraint: Member must have \
             length less than or equal to 4096"
        );
        assert_eq!(without_quotes("Rate exceeded"), "Rate exceeded");
    }
}
