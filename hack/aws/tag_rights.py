"""Rights by tags of a resource that was just made: AWS may not know its tags yet.

Seen of log groups (hashicorp/terraform-provider-aws#27028); of functions and schedule groups it is a guess.
"""

from __future__ import annotations

import time
from dataclasses import replace
from typing import TYPE_CHECKING

from .rules import after
from .state import STATE

if TYPE_CHECKING:
    from .answers import Answer
    from .calls import Call
    from .permissions import Permission

_made: dict[str, float] = {}
"""When each resource, by its ARN, was made."""


@after("lambda", "CreateFunction")
@after("logs", "CreateLogGroup")
@after("scheduler", "CreateScheduleGroup")
def _note(call: Call, _answer: Answer) -> None:
    _made[_arn(call.permissions[0])] = time.time()


def as_known(call: Call, permission: Permission) -> Permission:
    """The permission without the tags that its resource has, as long as AWS does not know them."""
    known = _made.get(_arn(permission), 0) + STATE.settings.of(call.account).tagRightsSeconds
    if time.time() >= known:
        return permission
    return replace(permission, context={key: value for key, value in permission.context.items()
                                        if not key.startswith("aws:ResourceTag/")})


def _arn(permission: Permission) -> str:
    return permission.resource.partition(":log-stream:")[0]
