"""SQS's lists."""

from ministack.services import sqs

from .. import answers
from ..listings import Listing, listed


def _queues():
    for queue in sqs._queues.values():
        yield queue["name"], queue["name"]


def _queue_urls(call, names, token):
    urls = [f"http://{call.host}/{call.account}/{name}" for name in names]
    # Without MaxResults AWS never gives one.
    following = {"NextToken": token} if token and "MaxResults" in call.params else {}
    return answers.of_json(200, {"QueueUrls": urls, **following})


listed(Listing("sqs", "ListQueues", _queues, lambda call, name: name.startswith(call.params.get("QueueNamePrefix", "")),
        1000, "MaxResults", "NextToken", _queue_urls, too_large="InvalidParameterValue"))
