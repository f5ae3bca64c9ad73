"""Changes of a role's trust policy and inline policies take effect after a while."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from ministack.core.responses import get_account_id
from ministack.services import iam

from ..rules import after
from ..state import STATE

if TYPE_CHECKING:
    from ..answers import Answer
    from ..calls import Call
    from ..records import Record

HISTORY = "StrictHistory"
"""The key of a role's record that holds each document's versions, and when each takes effect."""
MADE = "StrictMade"
"""The key of a role's record that holds when it was made."""
TRUST = ""  # no policy can have this name


@after("iam", "CreateRole", "UpdateAssumeRolePolicy")
def _trust_changed(call: Call, _answer: Answer) -> None:
    role = iam._roles[call.params["RoleName"]]
    role.setdefault(MADE, time.time())
    _note(role, TRUST, role["AssumeRolePolicyDocument"])


@after("iam", "PutRolePolicy", "DeleteRolePolicy")
def _policy_changed(call: Call, _answer: Answer) -> None:
    role, name = iam._roles[call.params["RoleName"]], call.params["PolicyName"]
    _note(role, name, role["InlinePolicies"].get(name))


def inline_documents(role: Record) -> list[str]:
    """The inline policies that are in effect."""
    names = [name for name in list(role.get(HISTORY, {})) if name != TRUST]
    return [document for name in names if (document := _effective(role, name))]


def trust_document(role: Record) -> str:
    """The trust policy that is in effect; an empty one for a role that is too new."""
    return _effective(role, TRUST) or "{}"


def settling(role: Record) -> bool:
    """Whether a change is not in effect yet."""
    now = time.time()
    return any(since > now for history in role.get(HISTORY, {}).values() for since, _ in history)


def delay() -> float:
    """Seconds until a change takes effect."""
    return STATE.settings.of(get_account_id()).roleDelaySeconds


def age(role: Record) -> float:
    """Seconds since the role was made."""
    return time.time() - float(role.get(MADE, 0))


def _note(role: Record, name: str, document: str | None) -> None:
    history = role.setdefault(HISTORY, {}).setdefault(name, [])
    if not history or history[-1][1] != document:
        history.append((time.time() + delay(), document))


def _effective(role: Record, name: str) -> str | None:
    now = time.time()
    counted = [document for since, document in role.get(HISTORY, {}).get(name, []) if since <= now]
    return counted[-1] if counted else None
