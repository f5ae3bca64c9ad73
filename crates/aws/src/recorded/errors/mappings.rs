//! Errors of layers and event source mappings.

use super::Reading::*;
use super::{FIELD, INVALID, NOT_FOUND, Refusal, VALIDATION};
use crate::Operation::*;

pub(super) const LAYERS_AND_MAPPINGS: &[Refusal] = &[
    (
        &[87, 88],
        UpdateFunctionConfiguration,
        400,
        INVALID,
        "Layer version arn:aws:lambda:eu-west-1:111122223333:layer:numpy:9 does not exist.",
        Invalid(FIELD),
    ),
    (
        &[90],
        UpdateFunctionConfiguration,
        400,
        INVALID,
        "Two different versions of the same layer are not allowed to be referenced in the same function. \
         arn:aws:lambda:eu-west-1:111122223333:layer:numpy:1 and arn:aws:lambda:eu-west-1:111122223333:layer:numpy:2 are \
         versions of the same layer.",
        Invalid(FIELD),
    ),
    (
        &[89],
        UpdateFunctionConfiguration,
        400,
        VALIDATION,
        "1 validation error detected: Value '[arn:aws:lambda:eu-west-1:111122223333:layer:numpy]' at 'layers' failed to \
         satisfy constraint: Member must satisfy constraint: [Member must have length greater than or equal to 1]",
        Invalid(FIELD),
    ),
    (
        &[91],
        CreateFunction,
        400,
        INVALID,
        "Layers are not in the same region as the function. Layers are expected to be in region eu-west-1.",
        Invalid(FIELD),
    ),
    (&[92], CreateFunction, 400, INVALID, "Cannot reference more than 5 layers.", Invalid(FIELD)),
    (
        &[81],
        PublishLayerVersion,
        400,
        VALIDATION,
        "2 validation errors detected: Value '[python2]' at 'compatibleRuntimes' failed to satisfy constraint: Member \
         must satisfy enum value set: [python3.13]",
        Invalid(FIELD),
    ),
    (&[94], GetEventSourceMapping, 404, NOT_FOUND, "The resource you requested does not exist.", Gone),
    (&[96], UpdateEventSourceMapping, 404, NOT_FOUND, "The resource you requested does not exist.", Gone),
    (&[95], DeleteEventSourceMapping, 404, NOT_FOUND, "The resource you requested does not exist.", Gone),
    (&[98], CreateEventSourceMapping, 400, INVALID, "Function does not exist", Waiting),
    (
        &[112],
        CreateEventSourceMapping,
        400,
        INVALID,
        "Error occurred while ReceiveMessage. SQS Error Code: AWS.SimpleQueueService.NonExistentQueue. SQS Error \
         Message: The specified queue does not exist.",
        Waiting,
    ),
    (
        &[215],
        CreateEventSourceMapping,
        400,
        INVALID,
        "The provided execution role does not have permissions to call ReceiveMessage on SQS",
        Waiting,
    ),
    (
        &[111],
        CreateEventSourceMapping,
        409,
        "ResourceConflictException",
        "An event source mapping with SQS arn (\" arn:aws:sqs:eu-west-1:111122223333:a-tasks \") and function (\" \
         a-runner \") already exists. Please update or delete the existing mapping with UUID 1",
        Exists,
    ),
    (
        &[216],
        DeleteEventSourceMapping,
        400,
        "ResourceInUseException",
        "Cannot delete the event source mapping because it is in use.",
        Waiting,
    ),
    (&[97], CreateEventSourceMapping, 400, INVALID, "Unrecognized event source.", Invalid(FIELD)),
    (&[113], CreateEventSourceMapping, 400, INVALID, "Invalid filter pattern definition.", Invalid(FIELD)),
    (
        &[105],
        UpdateEventSourceMapping,
        400,
        INVALID,
        "Maximum batch window in seconds must be greater than 0 if maximum batch size is greater than 10",
        Invalid(FIELD),
    ),
    (
        &[106],
        CreateEventSourceMapping,
        400,
        INVALID,
        "Maximum batch window in seconds must be greater than 0 if maximum batch size is greater than 10",
        Invalid(FIELD),
    ),
];
