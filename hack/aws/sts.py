"""Sessions of roles: whether the trust policy lets the caller have one."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from ministack.core.iam_evaluator import EvalContext, evaluate_trust_policy

from .iam import propagation, roles
from .rules import Refused, before

if TYPE_CHECKING:
    from .calls import Call


@before("sts", "AssumeRole")
def _trusted(call: Call) -> None:
    arn, caller = call.params.get("RoleArn", ""), call.caller
    role = roles.by_arn(arn, arn.split(":")[4]) if arn.count(":") == 5 else None
    context = EvalContext(
        principal_arn=caller.arn, principal_type="", principal_account=caller.account, action="sts:AssumeRole",
        resource_arn=arn, region=call.region,
        service_context={"sts:externalid": call.params.get("ExternalId"),
                         "sts:rolesessionname": call.params.get("RoleSessionName")},
    )
    if role is None or not evaluate_trust_policy(_for_callers(propagation.trust_document(role)), caller.arn, context):
        # A role that does not exist sounds the same, so that nobody can find out.
        raise Refused(403, "AccessDenied",
                      f"User: {caller.arn} is not authorized to perform: sts:AssumeRole on resource: {arn}")


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
