"""Roles that are passed to a service: whether it can assume them, and what it may then do."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from ministack.core.iam_evaluator import EvalContext, _conditions_met
from ministack.core.responses import get_account_id, get_region
from ministack.services import iam

from ..permissions import Permission
from ..principals import Principal
from ..sqs import kms_keys
from . import policy_evaluation, propagation

if TYPE_CHECKING:
    from ..records import Record


def assumable(role_arn: str, service: str, source_arn: str = "") -> bool:
    """Whether the role exists and trusts the service, such as `lambda.amazonaws.com`, for this source, in effect by now."""
    role = by_arn(role_arn)
    return role is not None and any(
        statement.get("Effect") == "Allow"
        and service in _many((statement.get("Principal") or {}).get("Service"))
        and "sts:AssumeRole" in _many(statement.get("Action"))
        and _holds(statement.get("Condition"), source_arn)
        for statement in _many(json.loads(propagation.trust_document(role)).get("Statement"))
    )


def allows(role_arn: str, action: str, resource: str) -> bool:
    """Whether the role is allowed this by now; a service that acts with it is bound by its policies."""
    role = by_arn(role_arn)
    if role is None:
        return False
    session = Principal(get_account_id(), f"{role_arn}/service", role["RoleId"], role=role)
    required = [Permission(action, resource), *kms_keys.required(action, resource)]
    return all(policy_evaluation.refusal(session, each, get_region()) is None for each in required)


def settling(role_arn: str) -> bool:
    """Whether a change of the role is not in effect yet."""
    role = by_arn(role_arn)
    return role is not None and propagation.settling(role)


def unknown_to_kms(role_arn: str) -> bool:
    """Whether the role is so new that KMS grants it nothing: the first half of the time until it can be assumed."""
    role = by_arn(role_arn)
    return role is not None and propagation.age(role) < propagation.delay() / 2


def by_arn(arn: str, account: str | None = None) -> Record | None:
    """The role of an ARN, in the account of the request or another; None if there is none."""
    role = iam._roles.get_scoped(account or get_account_id(), "", arn.rsplit("/", 1)[-1])
    return role if role is not None and role["Arn"] == arn else None


def _holds(condition: Any, source_arn: str) -> bool:
    context = EvalContext("", "Service", "", "sts:AssumeRole", "*", get_region(),
                          service_context={"aws:sourceaccount": get_account_id(), "aws:sourcearn": source_arn})
    return _conditions_met(condition or {}, context)


def _many(value: Any) -> list[Any]:
    if value is None:
        return []
    return value if isinstance(value, list) else [value]
