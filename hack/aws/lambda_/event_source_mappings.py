"""Event source mappings: validation, changes and deletions that take a while, and polling only as the function's role allows."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING

from ministack.core.responses import get_account_id, request_scope
from ministack.services import lambda_svc

from .. import answers
from ..deletions import Deletions
from ..iam import roles
from ..patches import patch
from ..rules import Refused, after, before
from ..sqs import queues
from ..state import STATE
from . import functions
from .executions import POLLING

if TYPE_CHECKING:
    from ..answers import Answer
    from ..calls import Call
    from ..records import Record

CHANGE = "Strict"
"""The key of a mapping's record that holds the state it is passing through, and until when."""
_deletions = Deletions("mappingSeconds", lambda_svc._delete_esm)


@patch(lambda_svc, "_esm_response", "a mapping shows the state that it is passing through")
def _response(original: Callable[[Record], Record], mapping: Record) -> Record:
    visible = {key: value for key, value in original(mapping).items() if key != CHANGE}
    return {**visible, "State": passing(mapping) or mapping["State"]}


@patch(lambda_svc, "_iter_all_esms", "only mappings in force are polled for, and only while their role may")
def _in_force(original: Callable[[], Iterable[tuple[str, str, Record]]]) -> Iterator[tuple[str, str, Record]]:
    for account, region, mapping in original():
        with request_scope(account, region):
            polls = passing(mapping) not in ("Creating", "Deleting") and _role_may_poll(mapping)
        if polls:
            yield account, region, mapping


def passing(mapping: Record) -> str | None:
    """The state that a mapping is passing through; None for one that is settled."""
    if _deletions.pending(mapping["UUID"]):
        return "Deleting"
    state, until = mapping.get(CHANGE, (None, 0))
    return state if until > time.time() else None


@before("tag", "GetResources")
@before("lambda", "CreateEventSourceMapping", "GetEventSourceMapping", "ListEventSourceMappings",
        "UpdateEventSourceMapping", "DeleteEventSourceMapping", "ListTags", "TagResource", "UntagResource")
def _finish_deletions(_call: Call) -> None:
    _deletions.finish()


@before("lambda", "UpdateEventSourceMapping", "DeleteEventSourceMapping")
def _in_use(call: Call) -> None:
    mapping = lambda_svc._esms.get(call.params["UUID"])
    state = passing(mapping) if mapping else None
    if state is not None:
        raise Refused(400, "ResourceInUseException", "Cannot update the event source mapping because it is in use."
                      if state != "Deleting" else "The event source mapping is being deleted.")


@before("lambda", "DeleteEventSourceMapping")
def _delete(call: Call) -> Answer | None:
    mapping = lambda_svc._esms.get(call.params["UUID"])
    if mapping is None or not _deletions.begin(mapping["UUID"]):
        return None
    return answers.of_json(202, lambda_svc._esm_response(mapping))


@after("lambda", "CreateEventSourceMapping", "UpdateEventSourceMapping")
def _changing(call: Call, answer: Answer) -> None:
    uuid = answer.value()["UUID"]
    state = "Creating" if call.operation.startswith("Create") else "Updating"
    _pass_through(lambda_svc._esms[uuid], state)
    answer.rewrite({**answer.value(), "State": state})


@before("lambda", "CreateEventSourceMapping")
def _check(call: Call) -> None:
    name, _ = lambda_svc._resolve_request_scoped_name_and_qualifier(call.params.get("FunctionName", ""))
    config, queue_arn = functions.config(name), call.params.get("EventSourceArn", "")
    if ":sqs:" not in queue_arn:
        return
    if config is None:
        raise functions.invalid("Function does not exist")
    functions.refuse_pending(config)
    for mapping in lambda_svc._esms.values():
        if mapping["FunctionName"] == name and mapping["EventSourceArn"] == queue_arn:
            raise functions.conflict(
                f'An event source mapping with SQS arn (" {queue_arn} ") and function (" {name} ") already exists. '
                f"Please update or delete the existing mapping with UUID {mapping['UUID']}")
    for action in POLLING:
        if not roles.allows(config["Role"], f"sqs:{action}", queue_arn):
            raise functions.invalid(f"The provided execution role does not have permissions to call {action} on SQS")
    _check_queue(config, queue_arn)
    _check_batches(call.params, queue_arn)


@before("lambda", "UpdateEventSourceMapping")
def _check_update(call: Call) -> None:
    mapping = lambda_svc._esms.get(call.params["UUID"])
    config = functions.config(mapping["FunctionName"]) if mapping else None
    if config is not None and ":sqs:" in mapping["EventSourceArn"]:
        _check_queue(config, mapping["EventSourceArn"])
        _check_batches({**mapping, **call.params}, mapping["EventSourceArn"])


def _check_queue(config: Record, queue_arn: str) -> None:
    queue = queues.by_arn(queue_arn)
    if queue is None:
        raise functions.invalid(
            "Error occurred while ReceiveMessage. SQS Error Code: AWS.SimpleQueueService.NonExistentQueue. "
            "SQS Error Message: The specified queue does not exist.")
    visibility = int(queues.shown_attributes(queue).get("VisibilityTimeout", "30"))
    if visibility < config["Timeout"]:
        raise functions.invalid(f"Queue visibility timeout: {visibility} seconds is less than "
                                f"Function timeout: {config['Timeout']} seconds")


def _check_batches(params: Record, queue_arn: str) -> None:
    size, window = params.get("BatchSize") or 10, params.get("MaximumBatchingWindowInSeconds") or 0
    if queue_arn.endswith(".fifo"):
        if size > 10:
            raise functions.invalid("Maximum batch size for FIFO queues is 10.")
        if window:
            raise functions.invalid("Batching window is not supported for FIFO queues.")
    elif size > 10 and not window:
        raise functions.invalid("Maximum batch window in seconds must be greater than 0 if maximum batch size is greater than "
                                "10")


def _pass_through(mapping: Record, state: str) -> None:
    mapping[CHANGE] = (state, time.time() + STATE.settings.of(get_account_id()).mappingSeconds)


def _role_may_poll(mapping: Record) -> bool:
    config, queue_arn = functions.config(mapping["FunctionName"]), mapping["EventSourceArn"]
    if config is None or ":sqs:" not in queue_arn:
        return True
    missing = next((action for action in POLLING if not roles.allows(config["Role"], f"sqs:{action}", queue_arn)), None)
    if missing is not None:
        mapping["LastProcessingResult"] = f"PROBLEM: The function's execution role may not call {missing} on SQS."
    return missing is None
