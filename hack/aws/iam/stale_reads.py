"""Reads of IAM right after a write: for a while they return what was there before."""

from __future__ import annotations

import copy
import time
from collections import defaultdict
from collections.abc import Callable
from typing import TYPE_CHECKING

from ministack.services import iam

from ..answers import Answer
from ..rules import before
from ..state import STATE

if TYPE_CHECKING:
    from ..calls import Call
    from ..records import Record, Response

WRITES = ("CreateRole", "DeleteRole", "UpdateRole", "UpdateAssumeRolePolicy", "PutRolePolicy", "DeleteRolePolicy", "TagRole",
          "UntagRole", "AttachRolePolicy", "DetachRolePolicy", "PutRolePermissionsBoundary", "DeleteRolePermissionsBoundary")
READS = ("GetRole", "GetRolePolicy", "ListRolePolicies", "ListAttachedRolePolicies", "ListRoleTags")
_until: dict[tuple[str, str], list[tuple[float, Record | None]]] = defaultdict(list)
"""What each role (account, name) was until a time, oldest first; None where there was none."""


@before("iam", *WRITES)
def _remember(call: Call) -> None:
    delay, now = STATE.settings.of(call.account).iamReadSeconds, time.time()
    if delay:
        history = _until[call.account, call.params["RoleName"]]
        history[:] = [entry for entry in history if entry[0] > now - delay]
        history.append((now, copy.deepcopy(iam._roles.get(call.params["RoleName"]))))


@before("iam", *READS)
def _answer_from_the_past(call: Call) -> Answer | None:
    name, then = call.params["RoleName"], time.time() - STATE.settings.of(call.account).iamReadSeconds
    past = [role for until, role in _until.get((call.account, name), ()) if until > then]
    if not past or call.wire is None:
        return None
    handler: Callable[[dict[str, list[str]]], Response] = iam._IAM_HANDLERS[call.operation]
    present = iam._roles.pop(name, None)
    try:
        if past[0] is not None:
            iam._roles[name] = past[0]
        status, headers, body = handler(call.wire.query)
    finally:
        iam._roles.pop(name, None)
        if present is not None:
            iam._roles[name] = present
    return Answer(status, [(key.encode(), value.encode()) for key, value in headers.items()], body)
