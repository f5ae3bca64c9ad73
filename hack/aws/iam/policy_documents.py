"""IAM policy documents: which ones IAM refuses, and how it measures them."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

from ministack.services import iam

from ..rules import Refused

if TYPE_CHECKING:
    from ..records import Record

ELEMENTS = {"Sid", "Effect", "Action", "NotAction", "Resource", "NotResource", "Condition", "Principal", "NotPrincipal"}
OPERATORS = re.compile(
    r"(ForAllValues:|ForAnyValue:)?(String(Not)?(Equals(IgnoreCase)?|Like)|Numeric(Not)?(Equals)|"
    r"Numeric(Less|Greater)Than(Equals)?|Date(Not)?Equals|Date(Less|Greater)Than(Equals)?|Bool|BinaryEquals|"
    r"(Not)?IpAddress|Arn(Not)?(Equals|Like))(IfExists)?|Null")


def size(document: str) -> int:
    """Its characters without white space, which is what the quotas count."""
    return len(re.sub(r"\s", "", document))


def check_permissions(document: str) -> None:
    """Raises `Refused` for a document that is not an identity-based policy."""
    for statement in _statements(document):
        if "Principal" in statement or "NotPrincipal" in statement:
            raise _malformed("Policy document should not specify a principal.")
        if ("Resource" in statement) == ("NotResource" in statement):
            raise _malformed("Policy statement must contain resources.")
        for resource in _many(statement.get("Resource", statement.get("NotResource"))):
            if resource != "*" and not re.fullmatch(r"arn:[^:]*:[^:]*:[^:]*:[^:]*:.+", resource):
                raise _malformed(f'Resource {resource} must be in ARN format or "*".')


def check_trust(document: str) -> None:
    """Raises `Refused` for a document that is not a trust policy, or trusts a principal that does not exist."""
    for statement in _statements(document):
        if "Resource" in statement or "NotResource" in statement:
            raise _malformed("Has prohibited field Resource")
        principal = statement.get("Principal")
        if not principal:
            raise _malformed("AssumeRolepolicy contained an invalid principal: missing Principal.")
        if any(not action.startswith("sts:") for action in _many(statement.get("Action"))):
            raise _malformed("AssumeRole policy may only specify STS AssumeRole actions.")
        for arn in _many(principal.get("AWS")) if isinstance(principal, dict) else ():
            if not _exists(arn):
                raise _malformed(f'Invalid principal in policy: "AWS":"{arn}"')


def _statements(document: str) -> list[Record]:
    try:
        parsed = json.loads(document)
    except ValueError:
        raise _malformed("This policy contains invalid Json") from None
    if not isinstance(parsed, dict) or set(parsed) - {"Version", "Id", "Statement"}:
        raise _malformed("Syntax errors in policy.")
    if parsed.get("Version", "2012-10-17") not in ("2012-10-17", "2008-10-17"):
        raise _malformed("The policy must contain a valid version string")
    statements = _many(parsed.get("Statement"))
    if not statements:
        raise _malformed("Syntax errors in policy.")
    sids = [statement["Sid"] for statement in statements if isinstance(statement, dict) and "Sid" in statement]
    if len(sids) != len(set(sids)):
        raise _malformed("Statement IDs (SID) in a single policy must be unique.")
    for statement in statements:
        _check_statement(statement)
    return statements


def _check_statement(statement: Any) -> None:
    if not isinstance(statement, dict) or set(statement) - ELEMENTS or statement.get("Effect") not in ("Allow", "Deny"):
        raise _malformed("Syntax errors in policy.")
    if ("Action" in statement) == ("NotAction" in statement):
        raise _malformed("Policy statement must contain actions.")
    actions = _many(statement.get("Action", statement.get("NotAction")))
    if not actions:
        raise _malformed("Policy statement must contain actions.")
    for action in actions:
        if action != "*" and not re.fullmatch(r"[\w-]+:[\w*?]+", action):
            raise _malformed("Actions/Conditions must be prefaced by a vendor, e.g., iam, sdb, ec2, etc.")
    for operator in statement.get("Condition") or {}:
        if not OPERATORS.fullmatch(operator):
            raise _malformed(f"Invalid Condition type : {operator}.")


def _exists(principal: str) -> bool:
    """Whether a principal is `*`, an account, or a user or role that exists."""
    found = re.fullmatch(r"arn:aws:iam::(\d{12}):(user|role)/(.+)", principal)
    if found is None:
        return bool(re.fullmatch(r"\*|\d{12}|arn:aws:iam::\d{12}:root|arn:aws:sts::\d{12}:assumed-role/.+", principal))
    store = iam._users if found[2] == "user" else iam._roles
    record = store.get_scoped(found[1], "", found[3].rsplit("/", 1)[-1])
    return record is not None and record["Arn"] == principal


def _malformed(message: str) -> Refused:
    return Refused(400, "MalformedPolicyDocument", message)


def _many(value: Any) -> list[Any]:
    if value is None:
        return []
    return value if isinstance(value, list) else [value]
