"""Permissions that calls require, after AWS's service authorization reference.

https://docs.aws.amazon.com/service-authorization/latest/reference/
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from .calls import Call

Context = dict[str, Any]
"""Condition keys as they are spelt, with their values; one without a value is absent."""


@dataclass(frozen=True)
class Permission:
    """One action on one resource."""

    action: str
    resource: str
    context: Context = field(default_factory=dict)
    """The condition keys of this action."""
    open_to_account: bool = False
    """Whether the resource's own policy allows it to all of the account, within what bounds them."""


def arn_of(call: Call, service: str, resource: str) -> str:
    """The ARN of a resource of the caller's account and region."""
    return f"arn:aws:{service}:{call.region}:{call.account}:{resource}"


def to_pass(role_arn: str | None, service: str) -> list[Permission]:
    """What handing a role to a service requires."""
    return [Permission("iam:PassRole", role_arn, {"iam:PassedToService": service})] if role_arn else []


def request_tags(tags: Mapping[str, str] | None) -> Context:
    """The condition keys of tags that a call sets."""
    return {**{f"aws:RequestTag/{name}": value for name, value in tags.items()}, "aws:TagKeys": list(tags)} if tags else {}


def resource_tags(tags: Mapping[str, str] | None) -> Context:
    """The condition keys of the tags that a resource has."""
    return {f"aws:ResourceTag/{name}": value for name, value in (tags or {}).items()}


def removed_tags(params: Mapping[str, Any]) -> Context:
    """The condition keys of tags that a call removes."""
    return {"aws:TagKeys": params["TagKeys"]} if params.get("TagKeys") else {}


def by_key(tags: Iterable[Mapping[str, str]] | None) -> dict[str, str]:
    """Tags given as `Key` and `Value`, as a dict."""
    return {tag["Key"]: tag["Value"] for tag in tags or []}
