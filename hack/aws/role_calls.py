"""Calls that AWS itself makes with a role: polling a queue, writing logs, handing on what failed, firing a schedule."""

from __future__ import annotations

from ministack.core.responses import get_account_id, get_region

from .calls import Call
from .iam import roles
from .permissions import Permission
from .principals import Principal
from .state import STATE


def call_as_role(role_arn: str, action: str, resource: str) -> bool:
    """Whether the role may do this by now; notes it in the log of calls, as refused where it may not."""
    allowed = roles.allows(role_arn, action, resource)
    service, _, operation = action.partition(":")
    role = roles.by_arn(role_arn) or {}
    call = Call(account=get_account_id(), region=get_region(), service=service, operation=operation, params={}, key="",
                host="", by="service", principal=Principal(get_account_id(), role_arn, role.get("RoleId", "")),
                permissions=[Permission(action, resource)])
    name = resource.rsplit("/" if service == "scheduler" else ":", 1)[-1]
    STATE.calls.record(call, 200 if allowed else 403, "" if allowed else "AccessDenied", resource=name)
    return allowed
