//! Errors of roles, log groups, schedules, parameters and the index of tags.

use super::Reading::*;
use super::{FIELD, NOT_FOUND, Refusal, VALIDATION};
use crate::Operation::*;

pub(super) const OTHERS: &[Refusal] = &[
    (&[156], CreateRole, 400, "MalformedPolicyDocument", "This policy contains invalid Json", Invalid(FIELD)),
    (
        &[232],
        UpdateAssumeRolePolicy,
        400,
        "MalformedPolicyDocument",
        "Invalid principal in policy: \"AWS\":\"arn:aws:iam::111122223333:role/operator\"",
        Waiting,
    ),
    (&[233], PutRolePolicy, 409, "ConcurrentModification", "", Waiting),
    (&[162], AssumeRole, 400, "ValidationError", "arn::b:::something/test-role is invalid", Invalid(FIELD)),
    (&[161], AssumeRole, 400, "ValidationError", "nothing-valid-in-here is invalid", Invalid(FIELD)),
    (
        &[163],
        AssumeRole,
        400,
        "ValidationError",
        "1 validation error detected: Value 'a:2' at 'roleSessionName' failed to satisfy constraint: Member must satisfy \
         regular expression pattern: [\\w+=,.@-]*",
        Invalid(FIELD),
    ),
    (&[165], CreateLogGroup, 400, "ResourceAlreadyExistsException", "The specified log group already exists", Exists),
    (
        &[166],
        CreateLogGroup,
        400,
        "InvalidParameterException",
        "Invalid LogGroup or LogStream, both must have length less than or equal to 512.",
        Invalid(FIELD),
    ),
    (&[170], PutRetentionPolicy, 400, NOT_FOUND, "The specified log group does not exist.", Gone),
    (&[170], DeleteLogGroup, 400, NOT_FOUND, "The specified log group does not exist.", Gone),
    (
        &[236],
        DeleteLogGroup,
        400,
        "OperationAbortedException",
        "A conflicting operation is currently in progress against this resource. Please try again.",
        Waiting,
    ),
    (
        &[236],
        CreateLogGroup,
        400,
        "OperationAbortedException",
        "A conflicting operation is currently in progress against this resource. Please try again.",
        Waiting,
    ),
    (
        &[235],
        PutRetentionPolicy,
        400,
        "AccessDeniedException",
        "User: arn:aws:sts::111122223333:assumed-role/operator/a is not authorized to perform: logs:PutRetentionPolicy \
         on resource: arn:aws:logs:eu-west-1:111122223333:log-group:/aws/lambda/a:log-stream:",
        Denied(
            "allow logs:PutRetentionPolicy on arn:aws:logs:eu-west-1:111122223333:log-group:/aws/lambda/a:log-stream:",
        ),
    ),
    (&[238], LogsListTagsForResource, 400, VALIDATION, "Invalid resourceArn", Invalid(FIELD)),
    (
        &[226, 227],
        CreateSchedule,
        400,
        VALIDATION,
        "The execution role you provide must allow AWS EventBridge Scheduler to assume the role.",
        Waiting,
    ),
    (&[230], GetParameter, 400, "ParameterNotFound", "", Gone),
    // `parameter.rs` puts it again, in the tier that it has.
    (
        &[228],
        PutParameter,
        400,
        VALIDATION,
        "This parameter uses the advanced-parameter tier. You can't downgrade a parameter from the advanced-parameter \
         tier to the standard-parameter tier. If necessary, you can delete the advanced parameter and recreate it as a \
         standard parameter.",
        Invalid(FIELD),
    ),
    (&[229], PutParameter, 400, VALIDATION, "Tier is not supported", Invalid(FIELD)),
    (
        &[239],
        GetResources,
        400,
        "InvalidParameterException",
        "Unsupported service=x in ResourceTypeFilter",
        Invalid(FIELD),
    ),
];
