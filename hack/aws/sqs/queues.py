"""Queues: validation of names and attributes, defaults, the pause before a deleted name is free, attributes that show late."""

from __future__ import annotations

import json
import re
import time
from collections import defaultdict
from typing import TYPE_CHECKING, Any

from ministack.services import sqs

from .. import answers
from ..deletions import Deletions
from ..patches import patch_value
from ..rules import Refused, after, before
from ..state import STATE

if TYPE_CHECKING:
    from collections.abc import Callable

    from ..answers import Answer
    from ..calls import Call
    from ..records import Record

SETTABLE = {"DelaySeconds", "MaximumMessageSize", "MessageRetentionPeriod", "Policy", "ReceiveMessageWaitTimeSeconds",
            "VisibilityTimeout", "RedrivePolicy", "RedriveAllowPolicy", "KmsMasterKeyId", "KmsDataKeyReusePeriodSeconds",
            "SqsManagedSseEnabled"}
ONLY_FIFO = {"FifoQueue", "ContentBasedDeduplication", "DeduplicationScope", "FifoThroughputLimit"}
OF_FIFO_QUEUES = {"DeduplicationScope", "FifoThroughputLimit"}
"""The attributes whose refusal on a standard queue says so."""
NAME_RULE = "Can only include alphanumeric characters, hyphens, or underscores. 1 to 80 in length"
FIFO_NAME_RULE = ("The name of a FIFO queue can only include alphanumeric characters, hyphens, or underscores, must end with "
                  ".fifo suffix and be 1 to 80 in length.")
DELETED_RECENTLY = "You must wait 60 seconds after deleting a queue before you can create another with the same name."
ONE_ENCRYPTION = ("You can use one type of server-side encryption (SSE) at one time. You can either enable KMS SSE or SQS "
                  "SSE.")
PURGE_SECONDS = 60
PURGED = "StrictPurged"
"""The key of a queue's record that holds when it was purged."""
ALL = tuple(sqs._HANDLERS)
_deleted: dict[tuple[str, str, str], float] = {}
"""When each name (account, region, name) was deleted."""
_made: dict[str, float] = {}
"""When the queue of each ARN was made."""
_deletions = Deletions("queueDeletingSeconds", lambda name: sqs._act_delete_queue({"QueueUrl": sqs._queue_url(name)}, ""))
_before_changes: dict[str, list[tuple[float, Record]]] = defaultdict(list)
"""The attributes that each queue's ARN had until a time, oldest first."""


def shown_attributes(queue: Record) -> Record:
    """The attributes that a read returns now: after a change the old ones, for as long as `queueAttributeSeconds` says."""
    now, attributes = time.time(), queue["attributes"]
    settings = STATE.settings.of(attributes["QueueArn"].split(":")[4])
    delay = settings.queueAttributeSeconds
    old = next((old for changed, old in _before_changes[attributes["QueueArn"]] if changed > now - delay), None)
    # What counts messages is behind by itself.
    counts = {key: value for key, value in attributes.items() if key.startswith("Approximate")}
    counts.update(_late_counts(queue, now - settings.queueCountSeconds) if settings.queueCountSeconds else {})
    return {**(attributes if old is None else old), **counts}


def _late_counts(queue: Record, until: float) -> Record:
    """The counts of the messages that came until then. What has left the queue since is not counted, other than on AWS."""
    known = [message for message in queue["messages"] if message.get("enqueued_at", message["sent_at"]) <= until]
    visible = sum(message["visible_at"] <= time.time() for message in known)
    return {"ApproximateNumberOfMessages": str(visible), "ApproximateNumberOfMessagesNotVisible": str(len(known) - visible)}


@before("tag", "GetResources")
@before("sqs", *ALL)
def _finish_deletions(_call: Call) -> None:
    _deletions.finish()


def by_arn(arn: str) -> Record | None:
    """The queue of an ARN, once it shows; None if there is none."""
    queue: Record | None = sqs._queue_by_arn(arn)
    return queue if queue is not None and _shows(arn) else None


@before("sqs", *(operation for operation in ALL if operation not in ("CreateQueue", "ListQueues")))
def _hide_new(call: Call) -> None:
    queue = _named(call) if "QueueUrl" in call.params else None
    if queue is not None and not _shows(queue["attributes"]["QueueArn"]):
        raise Refused(400, "QueueDoesNotExist", "The specified queue does not exist.")


@before("sqs", "CreateQueue")
def _check_new(call: Call) -> None:
    name, attributes = call.params.get("QueueName", ""), call.params.get("Attributes") or {}
    if not re.fullmatch(r"[A-Za-z0-9_-]{1,80}|(?=.{1,80}$)[A-Za-z0-9_-]+\.fifo", name):
        raise Refused(400, "InvalidParameterValue", NAME_RULE)
    fifo = name.endswith(".fifo")
    if fifo != (attributes.get("FifoQueue") == "true"):
        raise Refused(400, "InvalidParameterValue", NAME_RULE if fifo else FIFO_NAME_RULE)
    _check_attributes(attributes, fifo)
    wait, key = STATE.settings.of(call.account).queueNameSeconds, (call.account, call.region, name)
    if _deletions.pending(name) or time.time() < _deleted.get(key, 0) + wait:
        raise Refused(400, "QueueDeletedRecently", DELETED_RECENTLY)
    existing = sqs._queues.get(sqs._queue_url(name))
    for key, value in attributes.items():
        if existing is not None and _comparable(existing["attributes"].get(key)) != _comparable(value):
            raise Refused(400, "QueueNameExists",
                          f"A queue already exists with the same name and a different value for attribute {key}")


@after("sqs", "CreateQueue")
def _fill_in(call: Call, _answer: Answer) -> None:
    """Sets the defaults that AWS sets and returns."""
    attributes = sqs._queues[sqs._queue_url(call.params["QueueName"])]["attributes"]
    attributes.setdefault("SqsManagedSseEnabled", "false" if attributes.get("KmsMasterKeyId") else "true")
    _reuse_data_keys(attributes)
    _made.setdefault(attributes["QueueArn"], time.time())
    if attributes.get("FifoQueue") == "true":
        attributes.setdefault("DeduplicationScope", "queue")
        attributes.setdefault("FifoThroughputLimit", "perQueue")


@before("sqs", "SetQueueAttributes")
def _check_change(call: Call) -> None:
    queue = _named(call)
    if queue is None:
        return
    changes = call.params.get("Attributes") or {}
    if "FifoQueue" in changes and not queue["is_fifo"]:
        raise Refused(400, "InvalidAttributeName", "Unknown Attribute FifoQueue.")
    if changes.get("FifoQueue", "true") != "true":
        raise Refused(400, "InvalidAttributeValue",
                      "Invalid value for the parameter FifoQueue. Reason: Modifying queue type is not supported.")
    _check_attributes(changes, queue["is_fifo"])
    history, now = _before_changes[queue["attributes"]["QueueArn"]], time.time()
    delay = STATE.settings.of(call.account).queueAttributeSeconds
    history[:] = [entry for entry in history if entry[0] > now - delay]
    if delay:
        history.append((now, dict(queue["attributes"])))


@after("sqs", "SetQueueAttributes")
def _one_encryption(call: Call, _answer: Answer) -> None:
    queue = _named(call)
    if queue is None:
        return
    attributes = queue["attributes"]
    if call.params["Attributes"].get("KmsMasterKeyId") == "":
        attributes.pop("KmsMasterKeyId", None)
    elif attributes.get("KmsMasterKeyId"):
        attributes["SqsManagedSseEnabled"] = "false"
    _reuse_data_keys(attributes)


@after("sqs", "GetQueueAttributes")
def _show(call: Call, answer: Answer) -> None:
    names, queue = call.params.get("AttributeNames") or [], _named(call)
    if queue is not None:
        shown = {key: value for key, value in shown_attributes(queue).items() if "All" in names or key in names}
        answer.rewrite({"Attributes": shown} if shown else {})


@before("sqs", "DeleteQueue")
def _delete(call: Call) -> Answer | None:
    queue = _named(call)
    if queue is None:
        return None
    if not _deletions.pending(queue["name"]):
        _deleted[call.account, call.region, queue["name"]] = time.time()
        _before_changes.pop(queue["attributes"]["QueueArn"], None)
        _made.pop(queue["attributes"]["QueueArn"], None)
    return answers.of_json(200, {}) if _deletions.begin(queue["name"]) else None


def _locked(handler: Callable[[dict[str, Any], str], Any]) -> Callable[[dict[str, Any], str], Any]:
    def with_lock(data: dict[str, Any], url: str) -> Any:
        with sqs._queues_lock:
            return handler(data, url)

    return with_lock


CHANGES_OF_MESSAGES = ("SendMessage", "SendMessageBatch", "DeleteMessage", "DeleteMessageBatch", "ChangeMessageVisibility",
                       "ChangeMessageVisibilityBatch", "PurgeQueue")
patch_value(sqs, "_HANDLERS", {**sqs._HANDLERS, **{name: _locked(sqs._HANDLERS[name]) for name in CHANGES_OF_MESSAGES}},
            "a call and the thread of a mapping do not both replace a queue's messages, and lose or bring back some")


@after("sqs", "ChangeMessageVisibility")
def _show_earlier(call: Call, _answer: Answer) -> None:
    longest = STATE.settings.of(call.account).hiddenSeconds
    queue = _named(call)
    for message in queue["messages"] if queue is not None and longest else ():
        if message["receipt_handle"] == call.params["ReceiptHandle"]:
            message["visible_at"] = min(message["visible_at"], time.time() + longest)


@before("sqs", "PurgeQueue")
def _purge(call: Call) -> None:
    queue = _named(call)
    if queue is not None and time.time() < queue.get(PURGED, 0) + PURGE_SECONDS:
        raise Refused(403, "PurgeQueueInProgress",
                      f"Only one PurgeQueue operation on {queue['name']} is allowed every 60 seconds.")
    if queue is not None:
        queue[PURGED] = time.time()


def _shows(arn: str) -> bool:
    delay = STATE.settings.of(arn.split(":")[4]).newQueueSeconds
    return time.time() >= _made.get(arn, 0) + delay


def _reuse_data_keys(attributes: Record) -> None:
    """A queue with a key has this attribute: https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_CreateQueue.html"""
    if attributes.get("KmsMasterKeyId"):
        attributes.setdefault("KmsDataKeyReusePeriodSeconds", "300")


def _check_attributes(attributes: Record, fifo: bool) -> None:
    for key, value in attributes.items():
        if key in OF_FIFO_QUEUES and not fifo:
            raise Refused(400, "InvalidAttributeName", f"You can specify the {key} only when FifoQueue is set to true.")
        if key not in SETTABLE and not (key in ONLY_FIFO and (fifo or key == "FifoQueue")):
            raise Refused(400, "InvalidAttributeName", f"Unknown Attribute {key}.")
        if key in ("FifoQueue", "ContentBasedDeduplication", "SqsManagedSseEnabled") and value not in ("true", "false"):
            raise Refused(400, "InvalidAttributeValue", f"Invalid value for the parameter {key}.")
    if attributes.get("FifoQueue") == "false":
        raise Refused(400, "InvalidAttributeName", "Unknown Attribute FifoQueue.")
    if attributes.get("KmsMasterKeyId") and attributes.get("SqsManagedSseEnabled") == "true":
        raise Refused(400, "InvalidAttributeName", ONE_ENCRYPTION)
    if attributes.get("RedrivePolicy"):
        _check_redrive(attributes["RedrivePolicy"], fifo)


def _check_redrive(policy: str, fifo: bool) -> None:
    try:
        target = json.loads(policy).get("deadLetterTargetArn", "")
    except (ValueError, AttributeError):
        return  # the emulator refuses it
    reason = None
    if by_arn(target) is None:
        reason = "Dead letter target does not exist."
    elif target.endswith(".fifo") != fifo:
        reason = f"Dead-letter queue must be same type of queue as the source queue: {'FIFO' if fifo else 'standard'}."
    if reason:
        raise Refused(400, "InvalidParameterValue",
                      f"Value {policy} for parameter RedrivePolicy is invalid. Reason: {reason}")


def _named(call: Call) -> Record | None:
    queue: Record | None = sqs._queues.get(sqs._queue_url(call.params.get("QueueUrl", "").rsplit("/", 1)[-1]))
    return queue


def _comparable(value: str | None) -> object:
    try:
        return value if value is None else json.loads(value)
    except ValueError:
        return value
