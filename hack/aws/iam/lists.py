"""IAM's lists: many roles at once, in IAM's XML."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any
from urllib.parse import quote
from xml.sax.saxutils import escape

from ministack.services import iam

from ..answers import Answer
from ..listings import Listing, listed

if TYPE_CHECKING:
    from ..calls import Call
    from ..records import Record


def _roles() -> Iterator[tuple[str, Record]]:
    for name, role in iam._roles.items():
        yield name, copy.deepcopy(role)


def _below_path(call: Call, role: Record) -> bool:
    return str(role["Path"]).startswith(call.params.get("PathPrefix", "/"))


def _listed_role(role: Record) -> dict[str, Any]:
    """Without boundary, tags and last use: https://docs.aws.amazon.com/IAM/latest/APIReference/API_ListRoles.html"""
    return {**_identity(role), "Description": role.get("Description") or None,
            "MaxSessionDuration": role.get("MaxSessionDuration", 3600)}


def _detail(role: Record) -> dict[str, Any]:
    arn = role.get("PermissionsBoundary")
    boundary = {"PermissionsBoundaryType": "Policy", "PermissionsBoundaryArn": arn} if arn else None
    return {
        **_identity(role),
        "RolePolicyList": [{"PolicyName": name, "PolicyDocument": _encoded(document)}
                           for name, document in role["InlinePolicies"].items()],
        "AttachedManagedPolicies": [{"PolicyName": arn.rsplit("/", 1)[-1], "PolicyArn": arn}
                                    for arn in role["AttachedPolicies"]],
        "InstanceProfileList": [],
        "PermissionsBoundary": boundary,
        "Tags": role.get("Tags") or [],
    }


def _identity(role: Record) -> dict[str, Any]:
    return {**{key: role[key] for key in ("RoleName", "RoleId", "Arn", "Path", "CreateDate")},
            "AssumeRolePolicyDocument": _encoded(role["AssumeRolePolicyDocument"])}


def _encoded(document: str) -> str:
    return quote(document, safe="")


def _render(operation: str, member: str, shown: Callable[[Record], Record]) -> Callable[..., Answer]:
    def render(_call: Call, roles: list[Record], token: str) -> Answer:
        result = {member: [shown(role) for role in roles], "IsTruncated": str(bool(token)).lower(), "Marker": token or None}
        body = (f'<{operation}Response xmlns="https://iam.amazonaws.com/doc/2010-05-08/"><{operation}Result>{_xml(result)}'
                f"</{operation}Result><ResponseMetadata><RequestId>00000000-0000-0000-0000-000000000000</RequestId>"
                f"</ResponseMetadata></{operation}Response>").encode()
        return Answer(200, [(b"content-type", b"text/xml"), (b"content-length", str(len(body)).encode())], body)

    return render


def _xml(value: Any) -> str:
    if isinstance(value, dict):
        return "".join(f"<{key}>{_xml(item)}</{key}>" for key, item in value.items() if item is not None)
    if isinstance(value, list):
        return "".join(f"<member>{_xml(item)}</member>" for item in value)
    return escape(str(value))


def _anything(_call: Call, _role: Record) -> bool:
    return True


# Users, groups and policies are the emulator's own, unpaged.
listed(Listing("iam", "GetAccountAuthorizationDetails", _roles, _anything, 1000, "MaxItems", "Marker",
               _render("GetAccountAuthorizationDetails", "RoleDetailList", _detail), default=100,
               too_large="ValidationError"),
       when=lambda call: call.params.get("Filter") == ["Role"])
listed(Listing("iam", "ListRoles", _roles, _below_path, 1000, "MaxItems", "Marker",
               _render("ListRoles", "Roles", _listed_role), default=100, too_large="ValidationError"))
