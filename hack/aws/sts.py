"""Sessions of roles: whether the trust policy lets the caller have one, and the tags that sessions hand on.

Whoever sets tags, or hands them on, needs `sts:TagSession` too: in its own policies, and in the role's trust policy.
https://docs.aws.amazon.com/IAM/latest/UserGuide/id_session-tags.html
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

from ministack.core.iam_evaluator import EvalContext, evaluate_trust_policy
from ministack.services import sts

from .iam import propagation, roles
from .permissions import by_key
from .principals import TRANSITIVE
from .rules import Refused, after, before

if TYPE_CHECKING:
    from .answers import Answer
    from .calls import Call
    from .records import Record


def tags_of(call: Call) -> dict[str, str]:
    """The tags of the session that a call asks for: those handed on by the caller's, and those that it names."""
    return {**by_key(call.params.get("Tags")), **call.caller.transitive}


@before("sts", "AssumeRole")
def _trusted(call: Call) -> None:
    arn, caller = call.params.get("RoleArn", ""), call.caller
    role = roles.by_arn(arn, arn.split(":")[4]) if arn.count(":") == 5 else None
    for action in ("sts:AssumeRole", *(["sts:TagSession"] if tags_of(call) else [])):
        if role is None or not _lets(role, action, call):
            # A role that does not exist sounds the same, so that nobody can find out.
            raise Refused(403, "AccessDenied", f"User: {caller.arn} is not authorized to perform: {action} on resource: {arn}")


def _lets(role: Record, action: str, call: Call) -> bool:
    """Whether the trust policy of a role lets the caller do this."""
    context = EvalContext(
        principal_arn=call.caller.arn, principal_type="", principal_account=call.caller.account, action=action,
        resource_arn=role["Arn"], region=call.region, request_tags=tags_of(call),
        service_context={"sts:externalid": call.params.get("ExternalId"),
                         "sts:rolesessionname": call.params.get("RoleSessionName")},
    )
    return bool(evaluate_trust_policy(_for_callers(propagation.trust_document(role)), call.caller.arn, context))


@after("sts", "AssumeRole")
def _hand_on(call: Call, answer: Answer) -> None:
    found = re.search(rb"<AccessKeyId>([^<]+)<", answer.body)
    session = sts._sessions.get(found[1].decode()) if found else None
    if session is not None:
        named = call.params.get("TransitiveTagKeys") or []
        own = {key: value for key, value in by_key(call.params.get("Tags")).items() if key in named}
        session[TRANSITIVE] = {**own, **call.caller.transitive}


def _for_callers(document: str) -> dict[str, Any]:
    """A trust policy without the services that it trusts, whose principals the emulator takes for root."""
    parsed = json.loads(document)
    statements = parsed.get("Statement", [])
    statements = statements if isinstance(statements, list) else [statements]
    return {**parsed, "Statement": [
        {**statement, "Principal": {"AWS": principal["AWS"]} if isinstance(principal, dict) else principal}
        for statement in statements
        if not isinstance(principal := statement.get("Principal"), dict) or "AWS" in principal
    ]}
