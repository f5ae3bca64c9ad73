"""Roles and policies that take a while to count, as on AWS."""

import json
import time
from fnmatch import fnmatchcase

from ministack.core.responses import get_account_id
from ministack.services import iam

from state import STATE

HISTORY = "StrictHistory"
COMPARISONS = {"StringEquals": str.__eq__, "ArnEquals": fnmatchcase, "StringLike": fnmatchcase, "ArnLike": fnmatchcase}
TRUST = ""  # no policy can have this name


def install():
    """Notes when each role's trust and inline policies changed."""
    _noting("CreateRole", lambda role, p: _note(role, TRUST, role["AssumeRolePolicyDocument"]))
    _noting("UpdateAssumeRolePolicy", lambda role, p: _note(role, TRUST, role["AssumeRolePolicyDocument"]))
    _noting("PutRolePolicy", lambda role, p: _note(role, _policy(p), role["InlinePolicies"][_policy(p)]))
    _noting("DeleteRolePolicy", lambda role, p: _note(role, _policy(p), None))


def assumable(role_arn, service, source_arn=""):
    """Whether the role exists, trusts the service (`lambda.amazonaws.com`) for this source, and has long enough."""
    role = _role(role_arn)
    context = {"aws:SourceAccount": get_account_id(), "aws:SourceArn": source_arn}
    return role is not None and any(
        statement.get("Effect") == "Allow"
        and service in _many((statement.get("Principal") or {}).get("Service"))
        and "sts:AssumeRole" in _many(statement.get("Action"))
        and _holds(statement.get("Condition", {}), context)
        for statement in _statements(_effective(role, TRUST))
    )


def allows(role_arn, action, resource):
    """Whether the role's inline policies, as far as they count by now, allow the action; attached ones always do."""
    role = _role(role_arn)
    if role is None:
        return False
    if role["AttachedPolicies"]:
        return True
    return any(
        statement.get("Effect") == "Allow"
        and any(fnmatchcase(action.lower(), pattern.lower()) for pattern in _many(statement.get("Action")))
        and any(fnmatchcase(resource, pattern) for pattern in _many(statement.get("Resource")))
        for name in list(role.get(HISTORY, {})) if name != TRUST
        for statement in _statements(_effective(role, name))
    )


def settling(role_arn):
    """Whether a change of the role does not count yet."""
    role = _role(role_arn)
    now = time.time()
    return role is not None and any(since > now for history in role.get(HISTORY, {}).values() for since, _ in history)


def _noting(operation, note):
    original = iam._IAM_HANDLERS[operation]

    def handler(p):
        response = original(p)
        if response[0] == 200:
            note(iam._roles[iam._p(p, "RoleName")], p)
        return response

    iam._IAM_HANDLERS[operation] = handler


def _policy(p):
    return iam._p(p, "PolicyName")


def _note(role, name, document):
    delay = STATE.settings.of(get_account_id()).roleDelaySeconds
    history = role.setdefault(HISTORY, {}).setdefault(name, [])
    if not history or history[-1][1] != document:
        history.append((time.time() + delay, document))


def _effective(role, name):
    now = time.time()
    counted = [document for since, document in role.get(HISTORY, {}).get(name, []) if since <= now]
    return counted[-1] if counted else None


def _role(arn):
    role = iam._roles.get(arn.rsplit("/", 1)[-1])
    return role if role is not None and role["Arn"] == arn else None


def _holds(condition, context):
    """Whether all parts of a condition hold; one that this emulator does not know never does."""
    return all(
        operator in COMPARISONS and any(COMPARISONS[operator](context.get(key, ""), value) for value in _many(values))
        for operator, pairs in condition.items() for key, values in pairs.items()
    )


def _statements(document):
    return _many(json.loads(document).get("Statement")) if document else []


def _many(value):
    if value is None:
        return []
    return value if isinstance(value, list) else [value]
