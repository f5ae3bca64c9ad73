//! Errors of queues.

use super::Reading::*;
use super::{FIELD, NO_QUEUE, Refusal};
use crate::Operation::*;

pub(super) const QUEUES: &[Refusal] = &[
    (&[133, 134, 147, 222], GetQueueAttributes, 400, NO_QUEUE, "The specified queue does not exist.", Gone),
    (&[222], ListQueueTags, 400, NO_QUEUE, "The specified queue does not exist.", Gone),
    (&[135], ReceiveMessage, 400, NO_QUEUE, "The specified queue does not exist for this wsdl version.", Gone),
    (
        &[122, 123],
        CreateQueue,
        400,
        "QueueAlreadyExists",
        "A queue already exists with the same name and a different value for attribute DelaySeconds",
        Exists,
    ),
    (
        &[124],
        CreateQueue,
        400,
        "QueueAlreadyExists",
        "A queue already exists with the same name and a different value for attribute ContentBasedDeduplication",
        Exists,
    ),
    (
        &[221],
        CreateQueue,
        400,
        "AWS.SimpleQueueService.QueueDeletedRecently",
        "You must wait 60 seconds after deleting a queue before you can create another with the same name.",
        Waiting,
    ),
    (
        &[220],
        CreateQueue,
        400,
        "InvalidParameterValue",
        "Value {\"deadLetterTargetArn\":\"arn:aws:sqs:eu-west-1:111122223333:a-tasks-dlq\",\"maxReceiveCount\":25} for \
         parameter RedrivePolicy is invalid. Reason: Dead letter target does not exist.",
        Waiting,
    ),
    (
        &[220],
        SetQueueAttributes,
        400,
        "InvalidParameterValue",
        "Value {\"deadLetterTargetArn\":\"arn:aws:sqs:eu-west-1:111122223333:a-tasks-dlq\",\"maxReceiveCount\":25} for \
         parameter RedrivePolicy is invalid. Reason: Dead letter target does not exist.",
        Waiting,
    ),
    (
        &[140],
        ReceiveMessage,
        400,
        "InvalidParameterValue",
        "Value 21 for parameter WaitTimeSeconds is invalid. Reason: Must be >= 0 and <= 20, if provided.",
        Invalid(FIELD),
    ),
    (&[125], CreateQueue, 400, "InvalidAttributeName", "Unknown Attribute FifoQueue.", Invalid(FIELD)),
    (&[129, 131, 132], SetQueueAttributes, 400, "InvalidAttributeName", "Unknown Attribute FifoQueue.", Invalid(FIELD)),
    (&[126], CreateQueue, 400, "InvalidAttributeName", "Unknown Attribute ContentBasedDeduplication.", Invalid(FIELD)),
    (
        &[127],
        CreateQueue,
        400,
        "InvalidAttributeName",
        "You can specify the DeduplicationScope only when FifoQueue is set to true.",
        Invalid(FIELD),
    ),
    (
        &[128],
        CreateQueue,
        400,
        "InvalidAttributeName",
        "You can specify the FifoThroughputLimit only when FifoQueue is set to true.",
        Invalid(FIELD),
    ),
    (
        &[121],
        SetQueueAttributes,
        400,
        "InvalidAttributeName",
        "You can use one type of server-side encryption (SSE) at one time. You can either enable KMS SSE or SQS SSE.",
        Invalid(FIELD),
    ),
    (
        &[130],
        SetQueueAttributes,
        400,
        "InvalidAttributeValue",
        "Invalid value for the parameter FifoQueue. Reason: Modifying queue type is not supported.",
        Invalid(FIELD),
    ),
    (&[223], ListQueueTags, 500, "InternalFailure", "", Transient),
    (&[224], ReceiveMessage, 400, "KMS.AccessDeniedException", "", Denied("allow the use of the KMS key")),
    (&[224], ReceiveMessage, 400, "KMS.OptInRequired", "", Denied("allow the use of the KMS key")),
    (&[224], ReceiveMessage, 400, "KMS.ThrottlingException", "", Throttled),
    (&[224], ReceiveMessage, 400, "KMS.DisabledException", "", Invalid("check the KMS key")),
    (&[224], ReceiveMessage, 400, "KMS.NotFoundException", "", Invalid("check the KMS key")),
    (&[224], ReceiveMessage, 400, "KMS.InvalidStateException", "", Invalid("check the KMS key")),
    (&[224], ReceiveMessage, 400, "KMS.InvalidKeyUsageException", "", Invalid("check the KMS key")),
];
