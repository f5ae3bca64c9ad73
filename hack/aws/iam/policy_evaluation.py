"""What a principal may do: identity-based policies, the permissions boundary, explicit denials."""

from __future__ import annotations

import functools
import json
from collections.abc import Iterable
from typing import TYPE_CHECKING

from ministack.core.iam_evaluator import EvalContext, ParsedStatement, evaluate, parse_policy_document
from ministack.core.iam_evaluator import _resolve_managed_policy_document as managed_document
from ministack.services import iam

from . import propagation

if TYPE_CHECKING:
    from ..permissions import Permission
    from ..principals import Principal

ACROSS_ACCOUNTS = ("sts:AssumeRole", "sts:TagSession", "lambda:GetLayerVersion", "kms:GenerateDataKey", "kms:Decrypt")
"""Actions that are allowed on resources of another account: that account decides, or nobody here does."""


def refusal(principal: Principal, permission: Permission, region: str) -> str | None:
    """Why a principal may not, as AWS words it; None if it may."""
    # SQS alone writes actions in small letters.
    action = permission.action.lower() if permission.action.startswith("sqs:") else permission.action
    denied = f"User: {principal.arn} is not authorized to perform: {action} on resource: {permission.resource} "
    owner = permission.resource.split(":")[4] if permission.resource.count(":") >= 5 else ""
    if owner not in ("", "aws", "*", principal.account) and permission.action not in ACROSS_ACCOUNTS:
        return f"{denied}because no resource-based policy allows the {action} action"
    if principal.user is None and principal.role is None:
        return None
    policies, boundary = _policies(principal)
    context = _context(principal, permission, region)
    by_identity = evaluate(context, policies).decision
    by_boundary = "Allow" if boundary is None else evaluate(context, [boundary]).decision
    if permission.open_to_account and by_identity != "Deny":
        by_identity = "Allow"
        if by_boundary == "Allow":
            return None
    if evaluate(context, policies, *([] if boundary is None else [[boundary]])).decision == "Allow":
        return None
    return denied + _reason(action, by_identity, by_boundary)


def _reason(action: str, by_identity: str, by_boundary: str) -> str:
    if by_identity == "Deny":
        return "with an explicit deny in an identity-based policy"
    if by_boundary == "Deny":
        return "with an explicit deny in a permissions boundary"
    kind = "identity-based policy" if by_identity != "Allow" else "permissions boundary"
    return f"because no {kind} allows the {action} action"


def _policies(principal: Principal) -> tuple[list[list[ParsedStatement]], list[ParsedStatement] | None]:
    """The statements of each identity-based policy, and those of the boundary or None."""
    record = principal.user or principal.role or {}
    inline: Iterable[str]
    if principal.user is None:
        inline = propagation.inline_documents(record)
    else:
        inline = (iam._user_inline_policies.get_scoped(principal.account, "", record["UserName"]) or {}).values()
    attached = (_managed(arn, principal.account) for arn in record.get("AttachedPolicies", []))
    boundary = record.get("PermissionsBoundary")
    policies = [_statements(document) for document in (*inline, *attached) if document]
    return policies, _statements(_managed(boundary, principal.account) or "{}") if boundary else None


def _managed(arn: str, account: str) -> str:
    """The document of a managed policy as text, whatever the emulator keeps it as; empty for none."""
    document = managed_document(arn, account) or ""
    return document if isinstance(document, str) else json.dumps(document)


@functools.lru_cache(maxsize=4096)
def _statements(document: str) -> list[ParsedStatement]:
    return parse_policy_document(document)


def _context(principal: Principal, permission: Permission, region: str) -> EvalContext:
    given = {"aws:TagKeys": None, "aws:SourceAccount": None, **permission.context}
    return EvalContext(
        principal_arn=principal.arn, principal_type="User" if principal.user else "AssumedRole",
        principal_account=principal.account, action=permission.action, resource_arn=permission.resource, region=region,
        service_context={key.lower(): value for key, value in given.items()},
    )
