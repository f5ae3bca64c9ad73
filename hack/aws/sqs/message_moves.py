"""Message move tasks: dead letters go back to their source queues, or to a named queue. Here a task is done at once.

https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_StartMessageMoveTask.html
"""

from __future__ import annotations

import base64
import json
import time
from collections import defaultdict
from typing import TYPE_CHECKING

from ministack.core.concurrency import esm_wake
from ministack.services import sqs

from .. import answers
from ..rules import Refused, before

if TYPE_CHECKING:
    from ..answers import Answer
    from ..calls import Call
    from ..records import Record

_done: dict[str, list[Record]] = defaultdict(list)
"""The tasks of each queue's ARN, oldest first."""


@before("sqs", "StartMessageMoveTask")
def _start(call: Call) -> Answer:
    source_arn, destination_arn = call.params.get("SourceArn", ""), call.params.get("DestinationArn")
    source = _existing(source_arn)
    if not _sources(source_arn):
        raise Refused(400, "InvalidParameterValue", "Source queue must be configured as a Dead Letter Queue.")
    if destination_arn:
        _existing(destination_arn)
    moved, kept = 0, []
    with sqs._queues_lock:
        for message in source["messages"]:
            target = sqs._queue_by_arn(destination_arn or message["sys"].get("DeadLetterQueueSourceArn", ""))
            if target is None or message["visible_at"] > time.time():
                kept.append(message)
                continue
            system = {key: value for key, value in message["sys"].items() if key != "DeadLetterQueueSourceArn"}
            target["messages"].append({**message, "sys": system, "receipt_handle": None, "receive_count": 0,
                                       "first_receive_at": None, "visible_at": time.time()})
            moved += 1
        source["messages"] = kept
    esm_wake.set()
    handle = base64.b64encode(json.dumps({"taskId": str(call.request), "sourceArn": source_arn}).encode()).decode()
    _done[source_arn].append({"Status": "COMPLETED", "SourceArn": source_arn, "ApproximateNumberOfMessagesMoved": moved,
                              "ApproximateNumberOfMessagesToMove": moved, "StartedTimestamp": int(time.time() * 1000),
                              **({"DestinationArn": destination_arn} if destination_arn else {})})
    return answers.of_json(200, {"TaskHandle": handle})


@before("sqs", "ListMessageMoveTasks")
def _list(call: Call) -> Answer:
    arn = call.params.get("SourceArn", "")
    _existing(arn)
    newest_first = _done[arn][::-1]
    return answers.of_json(200, {"Results": newest_first[:call.params.get("MaxResults", 1)]})


@before("sqs", "ListDeadLetterSourceQueues")
def _list_sources(call: Call) -> Answer:
    name = call.params.get("QueueUrl", "").rsplit("/", 1)[-1]
    queue = sqs._queues.get(sqs._queue_url(name))
    if queue is None:
        raise Refused(400, "QueueDoesNotExist", "The specified queue does not exist.")
    urls = [f"http://{call.host}/{call.account}/{source['name']}" for source in _sources(queue["attributes"]["QueueArn"])]
    return answers.of_json(200, {"queueUrls": sorted(urls)})


def _existing(arn: str) -> Record:
    queue = sqs._queue_by_arn(arn)
    if queue is None:
        raise Refused(404, "ResourceNotFoundException", "The resource that you specified for the SourceArn parameter doesn't exist.")
    return queue


def _sources(arn: str) -> list[Record]:
    """The queues that have this one as their dead-letter queue."""
    return [queue for queue in sqs._queues.values()
            if json.loads(queue["attributes"].get("RedrivePolicy") or "{}").get("deadLetterTargetArn") == arn]
