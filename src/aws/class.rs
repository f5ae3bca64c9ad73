//! The eight ways to meet what AWS answers when it does not do what was asked.

use strum::{Display, EnumMessage, VariantArray};

use super::operation::Operation;

/// How a failure is met: one class, one way. The names are the reasons in conditions.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Display, EnumMessage, VariantArray)]
pub enum Class {
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

impl Class {
    /// Whether only a person can mend it.
    pub const fn needs_a_person(self) -> bool {
        match self {
            Self::Waiting | Self::Throttled | Self::Transient => false,
            Self::Denied | Self::Conflict | Self::Invalid | Self::Quota | Self::Credentials => true,
        }
    }
}

/// Texts of refusals that end by themselves once AWS has spread a new role, a new policy or a queue's new attributes.
/// Collected from AWS's answers; AWS documents no codes for them.
const PROPAGATING: [&str; 6] = [
    "cannot be assumed by Lambda",
    "execution role does not have permissions",
    "ensure the role can perform",
    "to assume the role",
    "Invalid principal in policy",
    "Queue visibility timeout",
];

/// Whether an answer that names a quota means a rate: then it is no count that is full.
fn is_about_a_rate(message: &str) -> bool {
    let mut words = message.split(|character: char| !character.is_ascii_alphanumeric());
    message.contains("per second") || words.any(|word| word.eq_ignore_ascii_case("rate"))
}

/// The class of an error answer. <https://docs.aws.amazon.com/IAM/latest/APIReference/CommonErrors.html>, and the lists
/// of errors of each operation.
pub(super) fn classify(operation: Operation, status: u16, code: &str, message: &str) -> Class {
    match code {
        "ThrottlingException"
        | "ThrottledException"
        | "Throttling"
        | "TooManyRequestsException"
        | "RequestThrottled"
        | "RequestThrottledException"
        | "RequestLimitExceeded"
        | "BandwidthLimitExceeded"
        | "EC2ThrottledException"
        | "KmsThrottled"
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
        // For moments after a policy was taken off; where it lasts, `role.rs` says what is on the role.
        | "DeleteConflict"
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
        | "IncompleteSignature"
        | "IncompleteSignatureException"
        | "MissingAuthenticationToken"
        | "MissingAuthenticationTokenException"
        | "InvalidAccessKeyId"
        | "RequestExpired" => Class::Credentials,
        "AccessDenied"
        | "AccessDeniedException"
        | "UnauthorizedOperation"
        | "NotAuthorized"
        | "OptInRequired"
        | "SubscriptionRequiredException"
        | "KMSAccessDeniedException"
        | "KmsAccessDenied" => Class::Denied,
        "LimitExceeded" | "LimitExceededException" | "ServiceQuotaExceededException" | "OverLimit"
            if is_about_a_rate(message) =>
        {
            Class::Throttled
        }
        "LimitExceeded"
        | "LimitExceededException"
        | "ServiceQuotaExceededException"
        | "CodeStorageExceededException"
        | "ParameterLimitExceeded"
        | "ParameterMaxVersionLimitExceeded"
        | "OverLimit" => Class::Quota,
        "UnmodifiableEntity" | "QueueAlreadyExists" | "QueueNameExists" => Class::Conflict,
        // A resource that another needs was deleted meanwhile: the next look makes it again.
        "ResourceNotFoundException"
        | "NoSuchEntity"
        | "QueueDoesNotExist"
        | "AWS.SimpleQueueService.NonExistentQueue"
        | "ParameterNotFound"
        // How SSM says that a parameter whose tags are to change is gone.
        | "InvalidResourceId"
            if operation.is_write() =>
        {
            Class::Waiting
        }
        "RequestTimeout" | "RequestTimeoutException" => Class::Transient,
        // Lambda answers 502 for a key that is disabled, being deleted, or gone: that does not mend itself.
        _ if code.starts_with("KMS") || code.starts_with("Kms") => Class::Invalid,
        _ => by_status(status),
    }
}

/// The class of a code that is not known.
const fn by_status(status: u16) -> Class {
    match status {
        500.. | 408 => Class::Transient,
        429 => Class::Throttled,
        403 => Class::Denied,
        402 => Class::Quota,
        _ => Class::Invalid,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(operation: Operation, status: u16, code: &str, message: &str, expected: Class) {
        assert_eq!(classify(operation, status, code, message), expected, "{operation} {code}: {message}");
    }

    #[test]
    fn what_ends_by_itself_is_waited_for() {
        use Operation::*;
        let invalid = "InvalidParameterValueException";
        check(
            CreateFunction,
            400,
            invalid,
            "The role defined for the function cannot be assumed by Lambda.",
            Class::Waiting,
        );
        let denied = "The provided execution role does not have permissions to call ReceiveMessage on SQS";
        check(CreateEventSourceMapping, 400, invalid, denied, Class::Waiting);
        let hidden = "Queue visibility timeout: 30 seconds is less than Function timeout: 60 seconds";
        check(CreateEventSourceMapping, 400, invalid, hidden, Class::Waiting);
        let trust = "The execution role you provide must allow AWS EventBridge Scheduler to assume the role.";
        check(CreateSchedule, 400, "ValidationException", trust, Class::Waiting);
        check(CreateRole, 400, "MalformedPolicyDocument", "Invalid principal in policy: \"AWS\":\"x\"", Class::Waiting);
        let busy = "The operation cannot be performed at this time. An update is in progress";
        check(UpdateFunctionCode, 409, "ResourceConflictException", busy, Class::Waiting);
        check(DeleteEventSourceMapping, 400, "ResourceInUseException", "", Class::Waiting);
        check(CreateQueue, 400, "AWS.SimpleQueueService.QueueDeletedRecently", "", Class::Waiting);
        check(CreateRole, 409, "EntityTemporarilyUnmodifiable", "", Class::Waiting);
        check(
            DeleteRole,
            409,
            "DeleteConflict",
            "Cannot delete entity, must detach all policies first.",
            Class::Waiting,
        );
        check(UpdateFunctionCode, 412, "PreconditionFailedException", "", Class::Waiting);
        check(CreateScheduleGroup, 409, "ConflictException", "", Class::Waiting);
        check(PutRetentionPolicy, 400, "OperationAbortedException", "", Class::Waiting);
        check(AddTagsToResource, 400, "InvalidResourceId", "", Class::Waiting);
        check(UpdateSchedule, 404, "ResourceNotFoundException", "", Class::Waiting);
    }

    #[test]
    fn a_quota_of_calls_is_throttling_and_one_of_things_is_not() {
        use Operation::*;
        check(CreateRole, 400, "Throttling", "Rate exceeded", Class::Throttled);
        check(CreateFunction, 429, "TooManyRequestsException", "", Class::Throttled);
        check(CreateSchedule, 429, "Unheard", "", Class::Throttled);
        let quota = "ServiceQuotaExceededException";
        check(CreateSchedule, 402, quota, "The request rate exceeds the account's limit", Class::Throttled);
        check(CreateScheduleGroup, 402, quota, "Account has reached its limit of schedule groups", Class::Quota);
        check(CreateSchedule, 402, quota, "Too many schedules were generated", Class::Quota);
        check(CreateScheduleGroup, 402, "Unheard", "", Class::Quota);
        check(CreateRole, 409, "LimitExceeded", "Cannot exceed quota for RolesPerAccount: 1000", Class::Quota);
        check(CreateFunction, 400, "CodeStorageExceededException", "", Class::Quota);
        check(PutParameter, 400, "ParameterLimitExceeded", "", Class::Quota);
        check(CreateLogGroup, 400, "LimitExceededException", "", Class::Quota);
    }

    #[test]
    fn what_only_a_person_can_mend_is_told_apart() {
        use Operation::*;
        check(CreateQueue, 403, "AccessDenied", "not authorized", Class::Denied);
        check(GetQueueAttributes, 403, "Unheard", "", Class::Denied);
        check(CreateFunction, 502, "KMSAccessDeniedException", "", Class::Denied);
        check(CreateFunction, 502, "KMSDisabledException", "", Class::Invalid);
        check(CreateQueue, 400, "KmsNotFound", "", Class::Invalid);
        check(PutParameter, 400, "InvalidKeyId", "", Class::Invalid);
        for code in ["ExpiredToken", "InvalidClientTokenId", "UnrecognizedClientException", "SignatureDoesNotMatch"] {
            check(CreateQueue, 403, code, "", Class::Credentials);
        }
        check(
            CreateSchedule,
            400,
            "ValidationException",
            "Invalid Schedule Expression cron(99 * * * ? *).",
            Class::Invalid,
        );
        check(UpdateAssumeRolePolicy, 400, "UnmodifiableEntity", "", Class::Conflict);
        check(CreateQueue, 418, "Teapot", "", Class::Invalid);
    }

    #[test]
    fn what_aws_failed_at_is_transient() {
        use Operation::*;
        check(GetQueueAttributes, 503, "", "no message", Class::Transient);
        check(CreateRole, 500, "ServiceFailure", "", Class::Transient);
        check(CreateFunction, 500, "ServiceException", "", Class::Transient);
        check(CreateQueue, 400, "RequestTimeout", "", Class::Transient);
    }
}
