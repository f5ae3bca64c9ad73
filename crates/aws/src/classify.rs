//! Classifies AWS's error answers.

use pipeline_core::error_class::ErrorClass;

use super::operation::Operation;

/// Codes of refusals whose text says whether they last.
const UNCLEAR: [&str; 4] =
    ["ValidationException", "InvalidParameterValueException", "InvalidParameterValue", "MalformedPolicyDocument"];

/// Texts of refusals that end by themselves once AWS has spread a new role, policy or queue, or a queue's new attributes.
/// Collected from AWS's answers; AWS documents no codes for them.
const SPREADING: [&str; 9] = [
    NOT_ASSUMABLE,
    "execution role does not have permissions",
    "ensure the role can perform",
    "to assume the role",
    "Invalid principal in policy",
    // Of a new role's grant for environment variables. The words before it also begin refusals that last.
    "ARN does not refer to a valid principal",
    "Queue visibility timeout",
    // Always a queue of the same pipeline.
    "Dead letter target does not exist",
    "throttled by EC2",
];

/// What Lambda says of a new role, also with the code of a denial.
const NOT_ASSUMABLE: &str = "cannot be assumed by Lambda";

/// What Lambda says where a mapping's queue or function is not there. Both are the pipeline's own: AWS does not show them
/// yet, or they were deleted meanwhile, and the next reconcile makes them again.
const ENDS_OF_MAPPINGS: [&str; 2] = ["AWS.SimpleQueueService.NonExistentQueue", "Function does not exist"];

/// Whether a refusal ends by itself. What may be a user's is judged where that is known, in `resource/spreading.rs`.
fn is_spreading(operation: Operation, code: &str, message: &str) -> bool {
    let says = |texts: &[&str]| texts.iter().any(|text| message.contains(text));
    match operation {
        Operation::CreateEventSourceMapping | Operation::UpdateEventSourceMapping if says(&ENDS_OF_MAPPINGS) => true,
        Operation::Invoke if code == "AccessDeniedException" => says(&[NOT_ASSUMABLE]),
        _ => UNCLEAR.contains(&code) && says(&SPREADING),
    }
}

/// Whether an answer about a quota means a request rate rather than a number of resources.
fn is_about_a_rate(message: &str) -> bool {
    let mut words = message.split(|character: char| !character.is_ascii_alphanumeric());
    message.contains("per second") || words.any(|word| word.eq_ignore_ascii_case("rate"))
}

/// The class of an error answer. <https://docs.aws.amazon.com/IAM/latest/APIReference/CommonErrors.html>, and the lists
/// of errors of each operation.
pub(super) fn classify(operation: Operation, status: u16, code: &str, message: &str) -> ErrorClass {
    match code {
        _ if is_spreading(operation, code, message) => ErrorClass::Waiting,
        "ThrottlingException"
        | "ThrottledException"
        | "Throttling"
        | "TooManyRequestsException"
        | "RequestThrottled"
        | "RequestThrottledException"
        | "RequestLimitExceeded"
        | "BandwidthLimitExceeded"
        | "EC2ThrottledException"
        | "KMS.ThrottlingException"
        | "KmsThrottled"
        | "SlowDown" => ErrorClass::Throttled,
        "ResourceConflictException"
        | "ResourceInUseException"
        | "AWS.SimpleQueueService.QueueDeletedRecently"
        | "QueueDeletedRecently"
        | "ConflictException"
        | "ConcurrentModification"
        | "EntityTemporarilyUnmodifiable"
        | "OperationAbortedException"
        | "PreconditionFailedException"
        | "OperationAborted"
        // A new bucket, whose region S3's name servers do not know yet.
        | "TemporaryRedirect"
        // Transient after a policy was removed. If it persists, `role/foreign.rs` reports what is attached.
        | "DeleteConflict"
        | "TooManyUpdates" => ErrorClass::Waiting,
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
        | "InvalidToken"
        | "RequestTimeTooSkewed"
        | "RequestExpired" => ErrorClass::Credentials,
        "AccessDenied"
        | "AccessDeniedException"
        | "UnauthorizedOperation"
        | "NotAuthorized"
        | "OptInRequired"
        | "SubscriptionRequiredException"
        | "KMSAccessDeniedException"
        // SQS has two codes for each error of a key; the SDK tells the first, which stands in a header, where there is one.
        // <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SendMessage.html#API_SendMessage_Errors>
        | "KMS.AccessDeniedException"
        | "KMS.OptInRequired"
        | "KmsAccessDenied"
        | "KmsOptInRequired" => ErrorClass::Denied,
        "LimitExceeded" | "LimitExceededException" | "ServiceQuotaExceededException" | "OverLimit"
            if is_about_a_rate(message) =>
        {
            ErrorClass::Throttled
        }
        "LimitExceeded"
        | "LimitExceededException"
        | "ServiceQuotaExceededException"
        | "CodeStorageExceededException"
        | "ParameterLimitExceeded"
        | "ParameterMaxVersionLimitExceeded"
        | "OverLimit" => ErrorClass::Quota,
        "UnmodifiableEntity" | "QueueAlreadyExists" | "QueueNameExists" => ErrorClass::Conflict,
        // A resource that another needs was deleted meanwhile: the next reconcile makes it again.
        "ResourceNotFoundException"
        | "NoSuchEntity"
        | "QueueDoesNotExist"
        | "AWS.SimpleQueueService.NonExistentQueue"
        | "ParameterNotFound"
        // How SSM says that a parameter whose tags are to change is gone.
        | "InvalidResourceId"
            if operation.is_write() =>
        {
            ErrorClass::Waiting
        }
        // The last two: what arrived at S3 is not what was sent.
        "RequestTimeout" | "RequestTimeoutException" | "BadDigest" | "IncompleteBody" => ErrorClass::Transient,
        // A key that is disabled, being deleted, or gone, for which Lambda answers 502: that does not mend itself.
        _ if code.starts_with("KMS") || code.starts_with("Kms") => ErrorClass::Invalid,
        _ => by_status(status),
    }
}

/// The class of an unknown error code, by its HTTP status.
const fn by_status(status: u16) -> ErrorClass {
    match status {
        500.. | 408 => ErrorClass::Transient,
        429 => ErrorClass::Throttled,
        403 => ErrorClass::Denied,
        402 => ErrorClass::Quota,
        _ => ErrorClass::Invalid,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(operation: Operation, status: u16, code: &str, message: &str, expected: ErrorClass) {
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
            ErrorClass::Waiting,
        );
        let denied = "The provided execution role does not have permissions to call ReceiveMessage on SQS";
        check(CreateEventSourceMapping, 400, invalid, denied, ErrorClass::Waiting);
        let hidden = "Queue visibility timeout: 30 seconds is less than Function timeout: 60 seconds";
        check(CreateEventSourceMapping, 400, invalid, hidden, ErrorClass::Waiting);
        let trust = "The execution role you provide must allow AWS EventBridge Scheduler to assume the role.";
        check(CreateSchedule, 400, "ValidationException", trust, ErrorClass::Waiting);
        check(
            CreateRole,
            400,
            "MalformedPolicyDocument",
            "Invalid principal in policy: \"AWS\":\"x\"",
            ErrorClass::Waiting,
        );
        let busy = "The operation cannot be performed at this time. An update is in progress";
        check(UpdateFunctionCode, 409, "ResourceConflictException", busy, ErrorClass::Waiting);
        check(DeleteEventSourceMapping, 400, "ResourceInUseException", "", ErrorClass::Waiting);
        check(CreateQueue, 400, "AWS.SimpleQueueService.QueueDeletedRecently", "", ErrorClass::Waiting);
        check(CreateRole, 409, "EntityTemporarilyUnmodifiable", "", ErrorClass::Waiting);
        check(
            DeleteRole,
            409,
            "DeleteConflict",
            "Cannot delete entity, must detach all policies first.",
            ErrorClass::Waiting,
        );
        check(UpdateFunctionCode, 412, "PreconditionFailedException", "", ErrorClass::Waiting);
        check(CreateScheduleGroup, 409, "ConflictException", "", ErrorClass::Waiting);
        check(PutRetentionPolicy, 400, "OperationAbortedException", "", ErrorClass::Waiting);
        check(AddTagsToResource, 400, "InvalidResourceId", "", ErrorClass::Waiting);
        check(UpdateSchedule, 404, "ResourceNotFoundException", "", ErrorClass::Waiting);
    }

    #[test]
    fn a_quota_of_calls_is_throttling_and_one_of_things_is_not() {
        use Operation::*;
        check(CreateRole, 400, "Throttling", "Rate exceeded", ErrorClass::Throttled);
        check(CreateFunction, 429, "TooManyRequestsException", "", ErrorClass::Throttled);
        check(CreateSchedule, 429, "Unheard", "", ErrorClass::Throttled);
        let quota = "ServiceQuotaExceededException";
        check(CreateSchedule, 402, quota, "The request rate exceeds the account's limit", ErrorClass::Throttled);
        check(CreateScheduleGroup, 402, quota, "Account has reached its limit of schedule groups", ErrorClass::Quota);
        check(CreateSchedule, 402, quota, "Too many schedules were generated", ErrorClass::Quota);
        check(CreateScheduleGroup, 402, "Unheard", "", ErrorClass::Quota);
        check(CreateRole, 409, "LimitExceeded", "Cannot exceed quota for RolesPerAccount: 1000", ErrorClass::Quota);
        check(CreateFunction, 400, "CodeStorageExceededException", "", ErrorClass::Quota);
        check(PutParameter, 400, "ParameterLimitExceeded", "", ErrorClass::Quota);
        check(CreateLogGroup, 400, "LimitExceededException", "", ErrorClass::Quota);
    }

    #[test]
    fn what_only_a_person_can_mend_is_told_apart() {
        use Operation::*;
        check(CreateQueue, 403, "AccessDenied", "not authorized", ErrorClass::Denied);
        check(GetQueueAttributes, 403, "Unheard", "", ErrorClass::Denied);
        check(CreateFunction, 502, "KMSAccessDeniedException", "", ErrorClass::Denied);
        check(CreateFunction, 502, "KMSDisabledException", "", ErrorClass::Invalid);
        check(CreateQueue, 400, "KmsNotFound", "", ErrorClass::Invalid);
        check(PutParameter, 400, "InvalidKeyId", "", ErrorClass::Invalid);
        for code in ["ExpiredToken", "InvalidClientTokenId", "UnrecognizedClientException", "SignatureDoesNotMatch"] {
            check(CreateQueue, 403, code, "", ErrorClass::Credentials);
        }
        check(
            CreateSchedule,
            400,
            "ValidationException",
            "Invalid Schedule Expression cron(99 * * * ? *).",
            ErrorClass::Invalid,
        );
        check(UpdateAssumeRolePolicy, 400, "UnmodifiableEntity", "", ErrorClass::Conflict);
        check(CreateQueue, 418, "Teapot", "", ErrorClass::Invalid);
    }

    /// <https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html>
    #[test]
    fn what_s3_answers_is_told_apart() {
        use Operation::*;
        check(DeleteObject, 404, "NoSuchBucket", "The specified bucket does not exist", ErrorClass::Invalid);
        check(DeleteObject, 301, "PermanentRedirect", "", ErrorClass::Invalid);
        check(
            PutObject,
            400,
            "AuthorizationHeaderMalformed",
            "the region 'a' is wrong; expecting 'b'",
            ErrorClass::Invalid,
        );
        check(PutObject, 307, "TemporaryRedirect", "", ErrorClass::Waiting);
        check(PutObject, 409, "OperationAborted", "", ErrorClass::Waiting);
        check(PutObject, 403, "AccessDenied", "Access Denied", ErrorClass::Denied);
        check(PutObject, 400, "KMS.DisabledException", "", ErrorClass::Invalid);
        check(PutObject, 503, "SlowDown", "Please reduce your request rate.", ErrorClass::Throttled);
        check(PutObject, 503, "ServiceUnavailable", "", ErrorClass::Transient);
        check(PutObject, 400, "RequestTimeout", "", ErrorClass::Transient);
        check(PutObject, 400, "BadDigest", "The sha256 you specified did not match", ErrorClass::Transient);
        check(PutObject, 403, "RequestTimeTooSkewed", "", ErrorClass::Credentials);
    }

    #[test]
    fn what_aws_failed_at_is_transient() {
        use Operation::*;
        check(GetQueueAttributes, 503, "", "no message", ErrorClass::Transient);
        check(CreateRole, 500, "ServiceFailure", "", ErrorClass::Transient);
        check(CreateFunction, 500, "ServiceException", "", ErrorClass::Transient);
        check(CreateQueue, 400, "RequestTimeout", "", ErrorClass::Transient);
    }
}
