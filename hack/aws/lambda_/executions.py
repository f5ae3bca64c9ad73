"""What Lambda does with a function's role: it polls queues, writes logs, hands on events that failed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ministack.core.arn import parse_arn
from ministack.core.responses import get_account_id, get_region
from ministack.services import cloudwatch_logs, lambda_svc

from ..patches import patch
from ..role_calls import call_as_role
from ..rules import after
from ..state import STATE

if TYPE_CHECKING:
    from collections.abc import Callable

    from ..answers import Answer
    from ..calls import Call
    from ..records import Record

INVOCATIONS = 1000
"""At the same time, of an account: https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html"""
POLLING = ("ReceiveMessage", "DeleteMessage", "GetQueueAttributes")
"""What a mapping does with its queue."""


@patch(lambda_svc, "_run_sqs_batch", "a batch counts as polled by the function's role")
def _poll_as_role(original: Callable[..., None], mapping: Record, function: Record, *args: Any) -> None:
    for action in POLLING:
        call_as_role(function["config"]["Role"], f"sqs:{action}", mapping["EventSourceArn"])
    original(mapping, function, *args)


@patch(lambda_svc, "_emit_lambda_logs", "a function writes logs only where its role may")
def _log_as_role(original: Callable[..., None], function: Record, *args: Any, **options: Any) -> None:
    if _may_log(function.get("config") or function):
        original(function, *args, **options)


@patch(lambda_svc, "_acquire_execution_slot", "the invocations of an account have a limit")
def _within_the_account(original: Callable[..., Any], function: Record, config: Record) -> Any:
    settings = STATE.settings.of(get_account_id())
    if settings.noRunners and config["FunctionName"].endswith("-runner"):
        return None, "account"
    limit = settings.maxInvocations
    with lambda_svc._inflight_lock:
        own = sum(count for key, count in lambda_svc._inflight.items() if key.startswith(f"{get_account_id()}:"))
    return (None, "account") if limit and own >= limit else original(function, config)


@after("lambda", "GetAccountSettings")
def _tell_the_limit(_call: Call, answer: Answer) -> None:
    """The emulator's own limit is what this machine can take."""
    settings = answer.value()
    settings["AccountLimit"]["ConcurrentExecutions"] = int(STATE.settings.of(get_account_id()).maxInvocations) or INVOCATIONS
    answer.rewrite(settings)


@patch(lambda_svc, "_route_async_failure", "what failed reaches its destination only where the function's role may send it")
def _hand_on_as_role(original: Callable[..., None], destination: str, name: str, event: Any, result: Any) -> None:
    role = lambda_svc._functions[name]["config"]["Role"] if name in lambda_svc._functions else ""
    action = {"sqs": "sqs:SendMessage", "lambda": "lambda:InvokeFunction"}.get(parse_arn(destination).service)
    if action is None or call_as_role(role, action, destination):
        original(destination, name, event, result)


def _may_log(config: Record) -> bool:
    """Whether the role may write the function's log; a log group that does not exist has to be created first."""
    group = (config.get("LoggingConfig") or {}).get("LogGroup") or f"/aws/lambda/{config['FunctionName']}"
    arn = f"arn:aws:logs:{get_region()}:{get_account_id()}:log-group:{group}:log-stream:"
    if group not in cloudwatch_logs._log_groups and not call_as_role(config["Role"], "logs:CreateLogGroup", arn):
        return False
    return all(call_as_role(config["Role"], f"logs:{action}", arn) for action in ("CreateLogStream", "PutLogEvents"))
