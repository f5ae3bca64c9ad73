"""Authorization: who makes a call, which permissions it requires, and whether the caller has them."""

from __future__ import annotations

import contextvars
import re
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from ministack import app
from ministack.core import iam_actions
from ministack.core.responses import request_scope
from ministack.services import sqs

from . import answers, logs, rate_limits, ssm, sts, tag_rights
from .iam import permissions as of_iam
from .iam import policy_evaluation
from .lambda_ import permissions as of_lambda
from .patches import patch
from .permissions import Permission, request_tags
from .principals import Principal, account_of, principal_of
from .rules import Refused
from .scheduler import permissions as of_scheduler
from .sqs import permissions as of_sqs

if TYPE_CHECKING:
    from collections.abc import Callable

    from .answers import Answer
    from .calls import Call

DENIED = {
    **dict.fromkeys(("iam", "s3", "sts"), (403, "AccessDenied")),
    **dict.fromkeys(("ssm", "logs", "tag"), (400, "AccessDeniedException")),
}
"""Status and code of a denial; other services answer 403 and AccessDeniedException."""
KEY_DENIED = (400, "KmsAccessDenied")
"""How SQS says that a queue's key is denied."""
WITHOUT_RESOURCE = {"lambda:ListFunctions", "lambda:GetAccountSettings", "lambda:ListEventSourceMappings", "lambda:ListLayers",
                    "lambda:ListLayerVersions", "lambda:CreateEventSourceMapping", "scheduler:ListSchedules",
                    "scheduler:ListScheduleGroups", "sqs:ListQueues", "ssm:DescribeParameters",
                    "iam:GetAccountAuthorizationDetails", "iam:ListUsers", "iam:ListPolicies"}
_caller: contextvars.ContextVar[Principal | None] = contextvars.ContextVar("strict_caller", default=None)


def refusal(call: Call) -> Answer | None:
    """The answer to a call that is not allowed, or exceeds a rate; None for one that may go on."""
    try:
        principal = call.principal = principal_of(call.key, call.service)
        rate_limits.check(call)
    except Refused as refused:
        return answers.of_error(call.service, refused.status, refused.code, str(refused))
    _caller.set(principal)
    with request_scope(call.account, call.region):
        call.permissions = [tag_rights.as_known(call, each) for each in required(call)]
        for permission in call.permissions:
            why = policy_evaluation.refusal(principal, permission, call.region)
            if why is not None:
                of_service = DENIED.get(call.service, (403, "AccessDeniedException"))
                of_key = call.service == "sqs" and permission.action.startswith("kms:")
                status, code = KEY_DENIED if of_key else of_service
                return answers.of_error(call.service, status, code, why)
    return None


def required(call: Call) -> list[Permission]:
    """Everything that a call has to be allowed, the operation's own action first; nothing for what AWS never denies."""
    found = REQUIRED.get(call.service, _of_other_service)(call)
    return [replace(each, resource="*") if each.action in WITHOUT_RESOURCE else each for each in found]


def _of_sts(call: Call) -> list[Permission]:
    if call.operation == "AssumeRole":
        role, tags = call.params.get("RoleArn", "*"), sts.tags_of(call)
        found = [Permission("sts:AssumeRole", role, {"sts:ExternalId": call.params.get("ExternalId"), **request_tags(tags)})]
        return [*found, Permission("sts:TagSession", role, request_tags(tags))] if tags else found
    return [] if call.operation == "GetCallerIdentity" else [Permission(f"sts:{call.operation}", "*")]


def _of_tag_search(call: Call) -> list[Permission]:
    return [Permission(f"tag:{call.operation}", "*")]


def _of_other_service(call: Call) -> list[Permission]:
    """Services that only users' own functions call, as the emulator reads them."""
    wire = call.wire
    if wire is None:
        return []
    request = (wire.service, wire.method, wire.path, wire.headers, wire.body, wire.query)
    action = iam_actions.extract_iam_action(*request)
    if action is None or not re.fullmatch(r"[\w-]+:\w+", action):
        return []
    return [Permission(action, iam_actions.extract_resource_arn(*request, call.region, call.account))]


REQUIRED: dict[str, Callable[[Call], list[Permission]]] = {
    "iam": of_iam.required, "lambda": of_lambda.required, "logs": logs.required, "scheduler": of_scheduler.required,
    "sqs": of_sqs.required, "ssm": ssm.required, "sts": _of_sts, "tag": _of_tag_search,
}


@patch(app, "set_request_account_id", "users' keys act in their account")
def _act_in_account_of_key(original: Callable[[str], Any], key: str) -> Any:
    return original(account_of(key) or key)


@patch(sqs, "_build_send_sys_attrs", "messages say who sent them")
def _name_sender(original: Callable[..., dict[str, Any]], now: float, given: dict[str, Any]) -> dict[str, Any]:
    caller = _caller.get()
    return {**original(now, given), **({"SenderId": caller.id} if caller else {})}
