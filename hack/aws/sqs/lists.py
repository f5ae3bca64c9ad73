"""SQS's lists."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from ministack.services import sqs

from .. import answers
from ..listings import Listing, listed

if TYPE_CHECKING:
    from ..answers import Answer
    from ..calls import Call


def _queues() -> Iterator[tuple[str, str]]:
    for queue in sqs._queues.values():
        yield queue["name"], queue["name"]


def _queue_urls(call: Call, names: list[str], token: str) -> Answer:
    urls = [f"http://{call.host}/{call.account}/{name}" for name in names]
    # Without MaxResults AWS never gives one.
    following = {"NextToken": token} if token and "MaxResults" in call.params else {}
    return answers.of_json(200, {"QueueUrls": urls, **following})


listed(Listing("sqs", "ListQueues", _queues, lambda call, name: name.startswith(call.params.get("QueueNamePrefix", "")),
               1000, "MaxResults", "NextToken", _queue_urls, too_large="InvalidParameterValue"))
