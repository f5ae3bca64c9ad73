"""What calls of SQS have to be allowed."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from ministack.services import sqs

from ..permissions import Permission, arn_of, removed_tags, request_tags, resource_tags
from . import kms_keys

if TYPE_CHECKING:
    from ..calls import Call


def required(call: Call) -> list[Permission]:
    """The permissions, the operation's own first."""
    params = call.params
    if "SourceArn" in params:
        return _to_move(call.operation, params["SourceArn"], params.get("DestinationArn"))
    url = re.search(r"/(\d{12})/([^/]+)$", params.get("QueueUrl", ""))
    arn = f"arn:aws:sqs:{call.region}:{url[1]}:{url[2]}" if url else arn_of(call, "sqs", str(params.get("QueueName")))
    queue = sqs._queue_by_arn(arn) or {}
    created = params.get("tags") or {}
    tags = request_tags(created or params.get("Tags"))
    context = {**resource_tags(queue.get("tags")), **tags, **removed_tags(params)}
    action = f"sqs:{call.operation.removesuffix('Batch')}"
    found = [Permission(action, arn, context), *kms_keys.required(action, arn)]
    return [*found, Permission("sqs:TagQueue", arn, tags)] if created else found


def _to_move(operation: str, source: str, destination: str | None) -> list[Permission]:
    """The caller receives the messages from the one queue and sends them to the other."""
    found = [Permission(f"sqs:{operation}", source)]
    if operation == "StartMessageMoveTask":
        found += [Permission(f"sqs:{each}", source) for each in ("ReceiveMessage", "DeleteMessage", "GetQueueAttributes")]
        found += [Permission("sqs:SendMessage", destination)] if destination else []
    return found
