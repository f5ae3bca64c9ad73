"""IAM: what it refuses of roles, users and policies."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from ministack.services import iam

from .. import tagging
from ..rules import Refused, before, violated
from . import policy_documents

if TYPE_CHECKING:
    from ..calls import Call

# https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html
MAX_TRUST = 2_048
MAX_INLINE_ROLE = 10_240
MAX_INLINE_USER = 2_048
MAX_MANAGED = 6_144
MAX_TAGS = 50
NAME = r"[\w+=,.@-]"
TAG = r"[\w\s.:/=+\-@]*"


@before("iam", "CreateRole")
def _check_role(call: Call) -> None:
    params = call.params
    _check_name("roleName", params["RoleName"], 64)
    if any(name.lower() == params["RoleName"].lower() for name in iam._roles):
        raise Refused(409, "EntityAlreadyExists", f"Role with name {params['RoleName']} already exists.")
    if not re.fullmatch(r"/|/[!-~]+/", params.get("Path", "/")) or len(params.get("Path", "/")) > 512:
        raise _constraint("path", params["Path"], "begin and end with a slash")
    _check_trust(params["AssumeRolePolicyDocument"])
    if "MaxSessionDuration" in params and not 3600 <= int(params["MaxSessionDuration"]) <= 43200:
        raise _constraint("maxSessionDuration", params["MaxSessionDuration"], "be between 3600 and 43200")


@before("iam", "UpdateAssumeRolePolicy")
def _check_new_trust(call: Call) -> None:
    if call.params["RoleName"] in iam._roles:
        _check_trust(call.params["PolicyDocument"])


@before("iam", "CreateRole", "PutRolePermissionsBoundary", "CreateUser", "PutUserPermissionsBoundary")
def _check_boundary(call: Call) -> None:
    arn = call.params.get("PermissionsBoundary")
    if arn and not iam._policy_exists(arn):
        raise Refused(404, "NoSuchEntity", f"Scope ARN: {arn} does not exist or is not attachable.")


@before("iam", "CreateRole", "TagRole", "CreateUser", "CreatePolicy")
def _check_tags(call: Call) -> None:
    tags = call.params.get("Tags") or []
    for tag in tags:
        key, value = tag.get("Key", ""), tag.get("Value", "")
        if not re.fullmatch(TAG, key) or not re.fullmatch(TAG, value) or not 1 <= len(key) <= 128 or len(value) > 256:
            raise _constraint("tags", f"{key}={value}", r"match [\p{L}\p{Z}\p{N}_.:/=+\-@]*, a key of 1 to 128 characters, a "
                              "value of up to 256")
        if key.lower().startswith("aws:") and not tagging.stands_for_aws(call):
            raise Refused(400, "InvalidInput", "Tag keys may not begin with aws:.")
    held = iam._roles.get(call.params.get("RoleName", "")) or {}
    if len({tag["Key"] for tag in [*tags, *(held.get("Tags") or [])]}) > MAX_TAGS:
        raise Refused(409, "LimitExceeded", f"Cannot exceed quota for TagsPerRole: {MAX_TAGS}")


@before("iam", "PutRolePolicy")
def _check_role_policy(call: Call) -> None:
    name = call.params["RoleName"]
    if name in iam._roles:
        _check_inline(call, iam._roles[name]["InlinePolicies"], MAX_INLINE_ROLE, f"role {name}")


@before("iam", "PutUserPolicy")
def _check_user_policy(call: Call) -> None:
    name = call.params["UserName"]
    if name in iam._users:
        _check_inline(call, iam._user_inline_policies.get(name) or {}, MAX_INLINE_USER, f"user {name}")


@before("iam", "CreatePolicy", "CreatePolicyVersion")
def _check_managed(call: Call) -> None:
    policy_documents.check_permissions(call.params["PolicyDocument"])
    if policy_documents.size(call.params["PolicyDocument"]) > MAX_MANAGED:
        raise Refused(409, "LimitExceeded", f"Cannot exceed quota for PolicySize: {MAX_MANAGED}")


@before("iam", "AttachRolePolicy", "AttachUserPolicy")
def _check_attached(call: Call) -> None:
    arn = call.params["PolicyArn"]
    if not iam._policy_exists(arn):
        raise Refused(404, "NoSuchEntity", f"Policy {arn} does not exist or is not attachable.")


def _check_trust(document: str) -> None:
    policy_documents.check_trust(document)
    if policy_documents.size(document) > MAX_TRUST:
        raise Refused(409, "LimitExceeded", f"Cannot exceed quota for ACLSizePerRole: {MAX_TRUST}")


def _check_inline(call: Call, held: dict[str, str], limit: int, whose: str) -> None:
    document, name = call.params["PolicyDocument"], call.params["PolicyName"]
    _check_name("policyName", name, 128)
    policy_documents.check_permissions(document)
    others = sum(policy_documents.size(other) for key, other in held.items() if key != name)
    if others + policy_documents.size(document) > limit:
        raise Refused(409, "LimitExceeded", f"Maximum policy size of {limit} bytes exceeded for {whose}")


def _check_name(field: str, name: str, longest: int) -> None:
    if not re.fullmatch(NAME + f"{{1,{longest}}}", name, re.ASCII):
        raise _constraint(field, name, rf"satisfy regular expression pattern: [\w+=,.@-]+ and length up to {longest}")


def _constraint(field: str, value: object, rule: str) -> Refused:
    return violated(field, value, rule, "ValidationError")
