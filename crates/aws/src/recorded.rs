//! Answers that AWS gave, each with the class that it falls in. Account numbers and names are made up.

use aws_smithy_types::error::metadata::ErrorMetadata;

use crate::{AwsError, Operation};
use pipeline_core::error_class::ErrorClass;

/// What is made of an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Reading {
    /// It is there no more, or not yet.
    Gone,
    /// A resource of that name is there.
    Exists,
    /// It ends by itself.
    Waiting,
    /// Fewer calls are asked for.
    Throttled,
    /// AWS failed.
    Transient,
    /// A person has to allow something; these words say what.
    Denied(&'static str),
    /// A person has to correct something; these words say what.
    Invalid(&'static str),
}

use Operation::*;
use Reading::*;

/// What is said of an answer that names what is wrong.
const FIELD: &str = "correct the field that AWS names";

const INVALID: &str = "InvalidParameterValueException";
const VALIDATION: &str = "ValidationException";
const NOT_FOUND: &str = "ResourceNotFoundException";
const NO_QUEUE: &str = "AWS.SimpleQueueService.NonExistentQueue";

type Answer = (Operation, u16, &'static str, &'static str, Reading);

const FUNCTIONS: &[Answer] = &[
    (GetFunction, 404, NOT_FOUND, "Function not found: arn:aws:lambda:eu-west-1:111122223333:function:a", Gone),
    (DeleteFunction, 404, NOT_FOUND, "Function not found: arn:aws:lambda:eu-west-1:111122223333:function:a", Gone),
    (LambdaListTags, 404, NOT_FOUND, "Function not found: arn:aws:lambda:eu-west-1:111122223333:function:a", Gone),
    (LambdaTagResource, 404, NOT_FOUND, "Function not found: arn:aws:lambda:eu-west-1:111122223333:function:a", Gone),
    (
        GetFunctionEventInvokeConfig,
        404,
        NOT_FOUND,
        "The function arn:aws:lambda:eu-west-1:111122223333:function:a:$LATEST doesn't have an EventInvokeConfig",
        Gone,
    ),
    (
        DeleteFunctionEventInvokeConfig,
        404,
        NOT_FOUND,
        "The function arn:aws:lambda:eu-west-1:111122223333:function:a:$LATEST doesn't have an EventInvokeConfig",
        Gone,
    ),
    (PutFunctionEventInvokeConfig, 404, NOT_FOUND, "The function doesn't exist.", Gone),
    (CreateFunction, 409, "ResourceConflictException", "Function already exist: a", Exists),
    (
        UpdateFunctionConfiguration,
        409,
        "ResourceConflictException",
        "The operation cannot be performed at this time. An update is in progress for resource: \
         arn:aws:lambda:eu-west-1:111122223333:function:a",
        Waiting,
    ),
    (
        UpdateFunctionCode,
        409,
        "ResourceConflictException",
        "The operation cannot be performed at this time. The function is currently in the following state: Pending",
        Waiting,
    ),
    (CreateFunction, 400, INVALID, "The role defined for the function cannot be assumed by Lambda.", Waiting),
    (Invoke, 403, "AccessDeniedException", "The role defined for the function cannot be assumed by Lambda.", Waiting),
    (
        CreateFunction,
        400,
        INVALID,
        "Lambda was unable to configure access to your environment variables because the KMS key is invalid for \
         CreateGrant. Please check your KMS key settings. KMS Exception: InvalidArnException KMS Message: ARN does not \
         refer to a valid principal: arn:aws:sts::111122223333:assumed-role/a-sender/a-sender",
        Waiting,
    ),
    (
        UpdateFunctionConfiguration,
        400,
        INVALID,
        "Lambda was unable to configure access to your environment variables because the KMS key is invalid for \
         CreateGrant. Please check your KMS key settings. KMS Exception: InvalidArnException KMS Message: Key Aliases \
         are not supported",
        Invalid(FIELD),
    ),
    (
        CreateFunction,
        400,
        INVALID,
        "The provided execution role does not have permissions to call CreateNetworkInterface on EC2",
        Waiting,
    ),
    (CreateFunction, 400, INVALID, "Lambda was throttled by EC2 while setting up the function", Waiting),
    (
        PutFunctionEventInvokeConfig,
        400,
        INVALID,
        "The function's execution role does not have permissions to call SendMessage on \
         arn:aws:sqs:eu-west-1:111122223333:a",
        Waiting,
    ),
    (
        CreateFunction,
        403,
        "AccessDeniedException",
        "Lambda does not have permission to access the ECR image. Check the ECR permissions.",
        Denied("allow ecr:BatchGetImage and ecr:GetDownloadUrlForLayer to lambda.amazonaws.com in the policy of"),
    ),
    (
        CreateFunction,
        403,
        "AccessDeniedException",
        "Your access has been denied by S3, please make sure your request credentials have permission to GetObject for \
         b/k.zip. S3 Error Code: AccessDenied. S3 Error Message: Access Denied",
        Denied("allow s3:GetObject on the object"),
    ),
    (
        GetFunction,
        403,
        "AccessDeniedException",
        "",
        Denied("AWS does not say what is missing: check that lambda:GetFunction"),
    ),
    (
        Invoke,
        502,
        "KMSAccessDeniedException",
        "Lambda was unable to decrypt the environment variables because KMS access was denied. Please check the \
         function's KMS key settings. KMS Exception: AccessDeniedException KMS Message: User: \
         arn:aws:sts::111122223333:assumed-role/a-sender/a-sender is not authorized to perform: kms:Decrypt on resource: \
         arn:aws:kms:eu-west-1:111122223333:key/1",
        Denied("delete the function, which the operator then makes anew"),
    ),
    (
        Invoke,
        502,
        "KMSAccessDeniedException",
        "Lambda was unable to decrypt the environment variables because KMS access was denied. KMS Exception: \
         UnrecognizedClientExceptionKMS Message: The security token included in the request is invalid.",
        Denied("delete the function, which the operator then makes anew"),
    ),
    (CreateFunction, 429, "TooManyRequestsException", "Rate Exceeded.", Throttled),
    (
        CreateFunction,
        413,
        "RequestEntityTooLargeException",
        "Request must be smaller than 70167211 bytes for the CreateFunction operation",
        Invalid(FIELD),
    ),
    (CreateFunction, 400, INVALID, "Unzipped size must be smaller than 262144000 bytes", Invalid(FIELD)),
    (
        CreateFunction,
        400,
        INVALID,
        "Could not unzip uploaded file. Please check your file, then try to upload again.",
        Invalid(FIELD),
    ),
    (
        CreateFunction,
        400,
        INVALID,
        "Error occurred while GetObject. S3 Error Code: NoSuchBucket. S3 Error Message: The specified bucket does not exist",
        Invalid(FIELD),
    ),
    (
        UpdateFunctionCode,
        400,
        INVALID,
        "Error occurred while GetObject. S3 Error Code: NoSuchKey. S3 Error Message: The specified key does not exist.",
        Invalid(FIELD),
    ),
    (
        CreateFunction,
        400,
        INVALID,
        "Error occurred while DescribeSubnets. EC2 Error Code: InvalidSubnetID.NotFound. EC2 Error Message: The subnet \
         ID 'subnet-1' does not exist",
        Invalid(FIELD),
    ),
    (
        CreateFunction,
        400,
        INVALID,
        "Lambda was unable to configure your environment variables because the environment variables you have provided \
         exceeded the 4KB limit. String measured: {\"LARGE\":\"x\"}",
        Invalid(FIELD),
    ),
    (
        CreateFunction,
        400,
        VALIDATION,
        "1 validation error detected: Value 'r1' at 'role' failed to satisfy constraint: Member must satisfy regular \
         expression pattern: arn:(aws[a-zA-Z-]*)?:iam::\\d{12}:role/?[a-zA-Z_0-9+=,.@\\-_/]+",
        Invalid(FIELD),
    ),
    (
        UpdateFunctionConfiguration,
        400,
        INVALID,
        "Value python2 at 'runtime' failed to satisfy constraint: Member must satisfy enum value set: [python3.13] or be \
         a valid ARN",
        Invalid(FIELD),
    ),
    (
        CreateFunction,
        400,
        VALIDATION,
        "1 validation error detected: Value '[x86_64, arm64]' at 'architectures' failed to satisfy constraint: Member \
         must have length less than or equal to 1",
        Invalid(FIELD),
    ),
    (
        UpdateFunctionCode,
        400,
        INVALID,
        "Please provide ImageUri when updating a function with packageType Image.",
        Invalid(FIELD),
    ),
    (
        UpdateFunctionCode,
        400,
        INVALID,
        "Please don't provide ImageUri when updating a function with packageType Zip.",
        Invalid(FIELD),
    ),
    (LambdaTagResource, 400, INVALID, "Number of tags exceeds resource tag limit.", Invalid(FIELD)),
    (CreateFunction, 400, INVALID, "Number of tags exceeds resource tag limit.", Invalid(FIELD)),
    (
        LambdaTagResource,
        400,
        VALIDATION,
        "1 validation error detected: Value 'arn:aws:something' at 'resource' failed to satisfy constraint: Member must \
         satisfy regular expression pattern: arn:(aws[a-zA-Z-]*):lambda",
        Invalid(FIELD),
    ),
    (
        LambdaUntagResource,
        400,
        VALIDATION,
        "1 validation error detected: Value null at 'tagKeys' failed to satisfy constraint: Member must not be null",
        Invalid(FIELD),
    ),
    // A user's may be wrong for good; one of the pipeline's own is told apart by `resource/spreading.rs`.
    (
        PutFunctionEventInvokeConfig,
        400,
        INVALID,
        "The destination ARN arn:aws:sqs:eu-west-1:111122223333:theirs is invalid.",
        Invalid(FIELD),
    ),
    (
        PutFunctionEventInvokeConfig,
        400,
        INVALID,
        "You can't specify the function as a destination for itself.",
        Invalid(FIELD),
    ),
    (
        PutFunctionEventInvokeConfig,
        400,
        INVALID,
        "You must specify at least one of error handling or destination setting.",
        Invalid(FIELD),
    ),
];

const LAYERS_AND_MAPPINGS: &[Answer] = &[
    (
        UpdateFunctionConfiguration,
        400,
        INVALID,
        "Layer version arn:aws:lambda:eu-west-1:111122223333:layer:numpy:9 does not exist.",
        Invalid(FIELD),
    ),
    (
        UpdateFunctionConfiguration,
        400,
        INVALID,
        "Two different versions of the same layer are not allowed to be referenced in the same function. \
         arn:aws:lambda:eu-west-1:111122223333:layer:numpy:1 and arn:aws:lambda:eu-west-1:111122223333:layer:numpy:2 are \
         versions of the same layer.",
        Invalid(FIELD),
    ),
    (
        CreateFunction,
        400,
        INVALID,
        "Layers are not in the same region as the function. Layers are expected to be in region eu-west-1.",
        Invalid(FIELD),
    ),
    (CreateFunction, 400, INVALID, "Cannot reference more than 5 layers.", Invalid(FIELD)),
    (
        PublishLayerVersion,
        400,
        VALIDATION,
        "2 validation errors detected: Value '[python2]' at 'compatibleRuntimes' failed to satisfy constraint: Member \
         must satisfy enum value set: [python3.13]",
        Invalid(FIELD),
    ),
    (GetEventSourceMapping, 404, NOT_FOUND, "The resource you requested does not exist.", Gone),
    (UpdateEventSourceMapping, 404, NOT_FOUND, "The resource you requested does not exist.", Gone),
    (DeleteEventSourceMapping, 404, NOT_FOUND, "The resource you requested does not exist.", Gone),
    (CreateEventSourceMapping, 400, INVALID, "Function does not exist", Waiting),
    (
        CreateEventSourceMapping,
        400,
        INVALID,
        "Error occurred while ReceiveMessage. SQS Error Code: AWS.SimpleQueueService.NonExistentQueue. SQS Error \
         Message: The specified queue does not exist.",
        Waiting,
    ),
    (
        CreateEventSourceMapping,
        400,
        INVALID,
        "The provided execution role does not have permissions to call ReceiveMessage on SQS",
        Waiting,
    ),
    (
        CreateEventSourceMapping,
        409,
        "ResourceConflictException",
        "An event source mapping with SQS arn (\" arn:aws:sqs:eu-west-1:111122223333:a-tasks \") and function (\" \
         a-runner \") already exists. Please update or delete the existing mapping with UUID 1",
        Exists,
    ),
    (
        DeleteEventSourceMapping,
        400,
        "ResourceInUseException",
        "Cannot delete the event source mapping because it is in use.",
        Waiting,
    ),
    (CreateEventSourceMapping, 400, INVALID, "Unrecognized event source.", Invalid(FIELD)),
    (CreateEventSourceMapping, 400, INVALID, "Invalid filter pattern definition.", Invalid(FIELD)),
    (
        UpdateEventSourceMapping,
        400,
        INVALID,
        "Maximum batch window in seconds must be greater than 0 if maximum batch size is greater than 10",
        Invalid(FIELD),
    ),
];

const QUEUES: &[Answer] = &[
    (GetQueueAttributes, 400, NO_QUEUE, "The specified queue does not exist.", Gone),
    (ListQueueTags, 400, NO_QUEUE, "The specified queue does not exist.", Gone),
    (ReceiveMessage, 400, NO_QUEUE, "The specified queue does not exist for this wsdl version.", Gone),
    (
        CreateQueue,
        400,
        "QueueAlreadyExists",
        "A queue already exists with the same name and a different value for attribute DelaySeconds",
        Exists,
    ),
    (
        CreateQueue,
        400,
        "AWS.SimpleQueueService.QueueDeletedRecently",
        "You must wait 60 seconds after deleting a queue before you can create another with the same name.",
        Waiting,
    ),
    (
        CreateQueue,
        400,
        "InvalidParameterValue",
        "Value {\"deadLetterTargetArn\":\"arn:aws:sqs:eu-west-1:111122223333:a-tasks-dlq\",\"maxReceiveCount\":25} for \
         parameter RedrivePolicy is invalid. Reason: Dead letter target does not exist.",
        Waiting,
    ),
    (
        SetQueueAttributes,
        400,
        "InvalidParameterValue",
        "Value {\"deadLetterTargetArn\":\"arn:aws:sqs:eu-west-1:111122223333:a-tasks-dlq\",\"maxReceiveCount\":25} for \
         parameter RedrivePolicy is invalid. Reason: Dead letter target does not exist.",
        Waiting,
    ),
    (
        ReceiveMessage,
        400,
        "InvalidParameterValue",
        "Value 21 for parameter WaitTimeSeconds is invalid. Reason: Must be >= 0 and <= 20, if provided.",
        Invalid(FIELD),
    ),
    (CreateQueue, 400, "InvalidAttributeName", "Unknown Attribute FifoQueue.", Invalid(FIELD)),
    (
        CreateQueue,
        400,
        "InvalidAttributeName",
        "You can specify the DeduplicationScope only when FifoQueue is set to true.",
        Invalid(FIELD),
    ),
    (
        SetQueueAttributes,
        400,
        "InvalidAttributeValue",
        "Invalid value for the parameter FifoQueue. Reason: Modifying queue type is not supported.",
        Invalid(FIELD),
    ),
    (ListQueueTags, 500, "InternalFailure", "", Transient),
    (ReceiveMessage, 400, "KMS.AccessDeniedException", "", Denied("allow the use of the KMS key")),
    (ReceiveMessage, 400, "KMS.OptInRequired", "", Denied("allow the use of the KMS key")),
    (ReceiveMessage, 400, "KMS.ThrottlingException", "", Throttled),
    (ReceiveMessage, 400, "KMS.DisabledException", "", Invalid("check the KMS key")),
    (ReceiveMessage, 400, "KMS.NotFoundException", "", Invalid("check the KMS key")),
    (ReceiveMessage, 400, "KMS.InvalidStateException", "", Invalid("check the KMS key")),
    (ReceiveMessage, 400, "KMS.InvalidKeyUsageException", "", Invalid("check the KMS key")),
];

const OTHERS: &[Answer] = &[
    (CreateRole, 400, "MalformedPolicyDocument", "This policy contains invalid Json", Invalid(FIELD)),
    (
        UpdateAssumeRolePolicy,
        400,
        "MalformedPolicyDocument",
        "Invalid principal in policy: \"AWS\":\"arn:aws:iam::111122223333:role/operator\"",
        Waiting,
    ),
    (PutRolePolicy, 409, "ConcurrentModification", "", Waiting),
    (AssumeRole, 400, "ValidationError", "arn::b:::something/test-role is invalid", Invalid(FIELD)),
    (
        AssumeRole,
        400,
        "ValidationError",
        "1 validation error detected: Value 'a:2' at 'roleSessionName' failed to satisfy constraint: Member must satisfy \
         regular expression pattern: [\\w+=,.@-]*",
        Invalid(FIELD),
    ),
    (CreateLogGroup, 400, "ResourceAlreadyExistsException", "The specified log group already exists", Exists),
    (
        CreateLogGroup,
        400,
        "InvalidParameterException",
        "Invalid LogGroup or LogStream, both must have length less than or equal to 512.",
        Invalid(FIELD),
    ),
    (PutRetentionPolicy, 400, NOT_FOUND, "The specified log group does not exist.", Gone),
    (DeleteLogGroup, 400, NOT_FOUND, "The specified log group does not exist.", Gone),
    (
        DeleteLogGroup,
        400,
        "OperationAbortedException",
        "A conflicting operation is currently in progress against this resource. Please try again.",
        Waiting,
    ),
    (
        PutRetentionPolicy,
        400,
        "AccessDeniedException",
        "User: arn:aws:sts::111122223333:assumed-role/operator/a is not authorized to perform: logs:PutRetentionPolicy \
         on resource: arn:aws:logs:eu-west-1:111122223333:log-group:/aws/lambda/a:log-stream:",
        Denied(
            "allow logs:PutRetentionPolicy on arn:aws:logs:eu-west-1:111122223333:log-group:/aws/lambda/a:log-stream:",
        ),
    ),
    (LogsListTagsForResource, 400, VALIDATION, "Invalid resourceArn", Invalid(FIELD)),
    (
        CreateSchedule,
        400,
        VALIDATION,
        "The execution role you provide must allow AWS EventBridge Scheduler to assume the role.",
        Waiting,
    ),
    (CreateSchedule, 400, VALIDATION, "Invalid Schedule Expression cron(0 1 * * * *).", Invalid(FIELD)),
    (UpdateSchedule, 400, VALIDATION, "Invalid Schedule Expression rate(10 seconds).", Invalid(FIELD)),
    (CreateSchedule, 400, VALIDATION, "Invalid Schedule Expression at(2021-12-31).", Invalid(FIELD)),
    (GetParameter, 400, "ParameterNotFound", "", Gone),
    // `parameter.rs` puts it again, in the tier that it has.
    (
        PutParameter,
        400,
        VALIDATION,
        "This parameter uses the advanced-parameter tier. You can't downgrade a parameter from the advanced-parameter \
         tier to the standard-parameter tier. If necessary, you can delete the advanced parameter and recreate it as a \
         standard parameter.",
        Invalid(FIELD),
    ),
    (PutParameter, 400, VALIDATION, "Tier is not supported", Invalid(FIELD)),
    (GetResources, 400, "InvalidParameterException", "Unsupported service=x in ResourceTypeFilter", Invalid(FIELD)),
];

/// Whether an error is met as an answer should be.
fn is_met(error: &AwsError, expected: Reading) -> bool {
    let is = |class: ErrorClass| error.class == class && !error.is_not_found() && !error.is_already_exists();
    match expected {
        Gone => error.is_not_found(),
        Exists => error.is_already_exists(),
        Waiting => is(ErrorClass::Waiting),
        Throttled => is(ErrorClass::Throttled),
        Transient => is(ErrorClass::Transient),
        Denied(words) => is(ErrorClass::Denied) && error.remedy().contains(words),
        Invalid(words) => is(ErrorClass::Invalid) && error.remedy().contains(words),
    }
}

#[test]
fn what_aws_has_answered_is_met_as_it_should_be() {
    for (operation, status, code, message, expected) in [FUNCTIONS, LAYERS_AND_MAPPINGS, QUEUES, OTHERS].concat() {
        let metadata = ErrorMetadata::builder().code(code).message(message).build();
        let error = AwsError::answered(operation, status, &metadata);
        let (class, remedy) = (error.class, error.remedy());
        assert!(is_met(&error, expected), "{error}: {class} and not {expected:?}; {remedy}");
    }
}
