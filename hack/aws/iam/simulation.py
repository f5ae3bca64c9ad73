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


@before("iam", "SimulatePrincipalPolicy")
def _simulate(call: Call) -> Answer:
    principal = _principal(call.params.get("PolicySourceArn", ""), call.account)
    context = {entry["ContextKeyName"]: _value(entry) for entry in call.params.get("ContextEntries", [])}
    asked = [Permission(action, resource, context)
             for action in call.params.get("ActionNames", []) for resource in call.params.get("ResourceArns", ["*"])]
    begin, size = int(call.params.get("Marker", 0)), int(call.params.get("MaxItems", MAX_ITEMS))
    end = begin + size
    results = "".join(_result(each, policy_evaluation.refusal(principal, each, call.region)) for each in asked[begin:end])
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


def _result(permission: Permission, why: str | None) -> str:
    decision = "allowed" if why is None else "explicitDeny" if "explicit deny" in why else "implicitDeny"
    within = "" if why is None else ("<PermissionsBoundaryDecisionDetail><AllowedByPermissionsBoundary>"
                                     f"{str('boundary' not in why).lower()}"
                                     "</AllowedByPermissionsBoundary></PermissionsBoundaryDecisionDetail>")
    return (f"<member><EvalActionName>{escape(permission.action)}</EvalActionName>"
            f"<EvalResourceName>{escape(permission.resource)}</EvalResourceName>"
            f"<EvalDecision>{decision}</EvalDecision>{within}<MatchedStatements/><MissingContextValues/></member>")
