"""What calls of IAM have to be allowed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ministack.services import iam

from ..permissions import Permission, by_key, removed_tags, request_tags, resource_tags

if TYPE_CHECKING:
    from ..calls import Call


def required(call: Call) -> list[Permission]:
    """The permissions, the operation's own first."""
    params, action = call.params, f"iam:{call.operation}"
    if action == "iam:ListRoles":
        return [Permission(action, f"arn:aws:iam::{call.account}:role{params.get('PathPrefix', '/')}")]
    if action == "iam:SimulatePrincipalPolicy":
        return [Permission(action, params.get("PolicySourceArn", "*"))]
    target = _target(params)
    if target is None:
        return [Permission(action, "*")]
    kind, name, record = target
    arn = record.get("Arn") or f"arn:aws:iam::{call.account}:{kind}{params.get('Path', '/')}{name}"
    # What is asked for where a boundary is set, else what the role has.
    boundary = params.get("PermissionsBoundary")
    if boundary is None and action != "iam:CreateRole":
        boundary = record.get("PermissionsBoundary")
    tags, held = request_tags(by_key(params.get("Tags"))), resource_tags(by_key(record.get("Tags")))
    context = {**held, **tags, **removed_tags(params), "iam:PermissionsBoundary": boundary or None,
               "iam:PolicyARN": params.get("PolicyArn")}
    context |= {key.replace("aws:", "iam:", 1): value for key, value in held.items()}
    found = [Permission(action, arn, context)]
    if tags and call.operation.startswith("Create"):
        found.append(Permission(f"iam:Tag{kind.capitalize()}", arn, tags))
    return found


def _target(params: dict[str, Any]) -> tuple[str, str, dict[str, Any]] | None:
    """The kind, the name and the record of what a call acts on; None where it names nothing."""
    if "RoleName" in params:
        return "role", params["RoleName"], iam._roles.get(params["RoleName"]) or {}
    if "PolicyArn" in params and "UserName" not in params:
        return "policy", "", {"Arn": params["PolicyArn"]}
    if "UserName" in params:
        return "user", params["UserName"], iam._users.get(params["UserName"]) or {}
    return ("policy", params["PolicyName"], {}) if "PolicyName" in params else None
