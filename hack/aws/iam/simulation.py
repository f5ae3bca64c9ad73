"""IAM's policy simulator: what a user or role may do, by the same evaluation as every call."""

from __future__ import annotations

from typing import TYPE_CHECKING
from xml.sax.saxutils import escape

from ministack.services import iam

from .. import answers
from ..permissions import Permission
from ..principals import Principal
from ..rules import Refused, before
from . import policy_evaluation, roles

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ..answers import Answer
    from ..calls import Call

MAX_ITEMS = 1_000
DECISIONS = ("allowed", "implicitDeny", "explicitDeny")
"""From the least to the most restrictive."""


@before("iam", "SimulatePrincipalPolicy")
def _simulate(call: Call) -> Answer:
    principal = _principal(call.params.get("PolicySourceArn", ""), call.account)
    context = {entry["ContextKeyName"]: _value(entry) for entry in call.params.get("ContextEntries", [])}
    resources = call.params.get("ResourceArns", ["*"])
    asked = [[Permission(action, resource, context) for resource in resources] for action in call.params.get("ActionNames", [])]
    begin, size = int(call.params.get("Marker", 0)), int(call.params.get("MaxItems", MAX_ITEMS))
    end = begin + size
    answered = [[(each, policy_evaluation.refusal(principal, each, call.region)) for each in of_one] for of_one in asked[begin:end]]
    results = "".join(_result(each) for each in answered)
    more = f"<IsTruncated>true</IsTruncated><Marker>{end}</Marker>" if end < len(asked) else "<IsTruncated>false</IsTruncated>"
    return answers.of_xml(200, '<SimulatePrincipalPolicyResponse xmlns="https://iam.amazonaws.com/doc/2010-05-08/">'
                          f"<SimulatePrincipalPolicyResult>{more}<EvaluationResults>{results}</EvaluationResults>"
                          "</SimulatePrincipalPolicyResult></SimulatePrincipalPolicyResponse>")


def _principal(arn: str, account: str) -> Principal:
    kind, _, name = arn.rpartition(":")[2].partition("/")
    user = iam._users.get(name.rpartition("/")[2]) if kind == "user" else None
    role = roles.by_arn(arn) if kind == "role" else None
    if kind not in ("user", "role", "group"):
        raise Refused(400, "InvalidInput", f"Invalid Entity Arn: {arn} does not clearly define entity type and name.")
    if user is None and role is None:
        raise Refused(404, "NoSuchEntity", f"The {kind} with name {name} cannot be found.")
    return Principal(account, arn, "", user=user, role=role)


def _value(entry: Mapping[str, list[str]]) -> str | list[str]:
    values = entry["ContextKeyValues"]
    return values[0] if len(values) == 1 else values


def _result(of_action: list[tuple[Permission, str | None]]) -> str:
    """One result for an action: the most restrictive decision, and that of each resource where there are several."""
    worst, why = max(of_action, key=lambda pair: DECISIONS.index(_decision(pair[1])))
    each = "".join(f"<member><EvalResourceName>{escape(permission.resource)}</EvalResourceName>"
                   f"<EvalResourceDecision>{_decision(reason)}</EvalResourceDecision>{_within(reason)}<MatchedStatements/></member>"
                   for permission, reason in of_action)
    specific = f"<ResourceSpecificResults>{each}</ResourceSpecificResults>" if len(of_action) > 1 else ""
    return (f"<member><EvalActionName>{escape(worst.action)}</EvalActionName>"
            f"<EvalResourceName>{escape(worst.resource)}</EvalResourceName><EvalDecision>{_decision(why)}</EvalDecision>"
            f"{_within(why)}<MatchedStatements/><MissingContextValues/>{specific}</member>")


def _decision(why: str | None) -> str:
    return "allowed" if why is None else "explicitDeny" if "explicit deny" in why else "implicitDeny"


def _within(why: str | None) -> str:
    if why is None:
        return ""
    return ("<PermissionsBoundaryDecisionDetail><AllowedByPermissionsBoundary>"
            f"{str('boundary' not in why).lower()}</AllowedByPermissionsBoundary></PermissionsBoundaryDecisionDetail>")
