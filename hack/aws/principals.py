"""Who signed a call: the root of an account, a user, or a session of a role."""

from __future__ import annotations

import re
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from ministack.core import iam_evaluator
from ministack.services import iam, sts

from .rules import Refused

if TYPE_CHECKING:
    from collections.abc import Mapping

    from .records import Record

ROOT = re.compile(r"\d{12}")
"""Access keys of 12 digits: the root of that account, who may do everything."""
QUERY_SERVICES = ("iam", "sts")
"""Services that name bad credentials by the codes of the query protocol."""
TRANSITIVE = "StrictTransitiveTags"
"""The key of a session's record that holds the tags which it hands on."""


@dataclass(frozen=True)
class Principal:
    """A caller. `user` or `role` is the record with its policies; root has neither."""

    account: str
    arn: str
    id: str
    """What SQS calls the sender: the account, the user's id, or `role id:session`."""
    user: Record | None = None
    role: Record | None = None
    transitive: Mapping[str, str] = field(default_factory=dict)
    """The tags that a session hands on to those of the roles that it assumes."""


def account_of(key: str) -> str:
    """The account that a key acts in; empty for a key that nobody has."""
    if ROOT.fullmatch(key):
        return key
    session = sts._sessions.get(key)
    if session is not None:
        return str(session["Arn"]).split(":")[4]
    return iam_evaluator.find_iam_access_key_account(key) or ""


def principal_of(key: str, service: str) -> Principal:
    """The caller that a key belongs to; `Refused` for a key that nobody has any more."""
    if ROOT.fullmatch(key):
        return Principal(key, f"arn:aws:iam::{key}:root", key)
    account = account_of(key)
    session = sts._sessions.get(key)
    if session is not None:
        if session.get("Expiration", float("inf")) < time.time():
            raise _refused(service, "ExpiredToken", "ExpiredTokenException",
                           "The security token included in the request is expired")
        role = iam._roles.get_scoped(account, "", session["Arn"].split("/")[1])
        return Principal(account, session["Arn"], session["UserId"], role=role or {}, transitive=session.get(TRANSITIVE, {}))
    record = iam._access_keys.get_scoped(account, "", key) if account else None
    user = iam._users.get_scoped(account, "", record["UserName"]) if record else None
    if record is None or user is None or record["Status"] != "Active":
        raise _refused(service, "InvalidClientTokenId", "UnrecognizedClientException",
                       "The security token included in the request is invalid.")
    return Principal(account, user["Arn"], user["UserId"], user=user)


def _refused(service: str, in_query: str, in_json: str, message: str) -> Refused:
    return Refused(403, in_query if service in QUERY_SERVICES else in_json, message)
