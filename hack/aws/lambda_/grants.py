"""The grant that lets a function's role decrypt its environment: it is made for that very role, not for its name."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ministack.services import lambda_svc

from ..iam import roles
from ..patches import patch
from ..rules import Refused, after, before
from .functions import named

if TYPE_CHECKING:
    from collections.abc import Callable

    from ..answers import Answer
    from ..calls import Call
    from ..records import Record

CODE = "KMSAccessDeniedException"
MESSAGE = ("Lambda was unable to decrypt the environment variables because KMS access was denied. "
           "Please check the function's KMS key settings.")
_grants: dict[str, tuple[str, str]] = {}
"""By a function's ARN, the ARN and the id of the role for which its grant was made."""


@after("lambda", "CreateFunction")
def _grant(call: Call, _answer: Answer) -> None:
    function = named(call)
    if function is not None:
        _make(function)


@after("lambda", "UpdateFunctionConfiguration")
def _grant_another(call: Call, _answer: Answer) -> None:
    """The grant is made anew for another role; the same ARN leaves it alone."""
    function = named(call)
    if function is not None and _grants.get(function["FunctionArn"], ("", ""))[0] != function["Role"]:
        _make(function)


@before("lambda", "Invoke")
def _refuse(call: Call) -> None:
    function = named(call)
    if function is not None and not _may_decrypt(function) and not _is_asynchronous(call):
        raise Refused(502, CODE, MESSAGE)


@patch(lambda_svc, "_execute_function_dispatch", "a function whose role cannot decrypt its environment does not begin")
def _fail(original: Callable[..., Record], function: Record, config: Record, *args: Any) -> Record:
    if _may_decrypt(config):
        return original(function, config, *args)
    return {"error": True, "body": {"errorType": CODE, "errorMessage": MESSAGE}, "log": ""}


def _make(function: Record) -> None:
    role = roles.by_arn(function["Role"])
    if role is not None and _has_environment(function):
        _grants[function["FunctionArn"]] = (function["Role"], role["RoleId"])
    else:
        _grants.pop(function["FunctionArn"], None)


def _may_decrypt(config: Record) -> bool:
    """Whether the role of a function is still the one that its grant was made for."""
    granted = _grants.get(config["FunctionArn"])
    role = roles.by_arn(config["Role"])
    return not _has_environment(config) or granted is None or (role is not None and role["RoleId"] == granted[1])


def _has_environment(config: Record) -> bool:
    return bool((config.get("Environment") or {}).get("Variables"))


def _is_asynchronous(call: Call) -> bool:
    return call.wire is not None and call.wire.headers.get("x-amz-invocation-type") == "Event"
