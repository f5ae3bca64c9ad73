"""Functions: states in passing, and what Lambda refuses in them; roles that cannot be assumed yet; sessions of roles."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import TYPE_CHECKING

import botocore.session
from ministack.core import lambda_runtime
from ministack.core.arn import parse_arn
from ministack.core.responses import get_account_id
from ministack.services import iam, lambda_svc, sts

from ..answers import Answer
from ..deletions import Deletions
from ..iam import roles
from ..patches import patch
from ..rules import Refused, after, before
from ..sqs import queues
from ..state import STATE

if TYPE_CHECKING:
    from ..calls import Call
    from ..records import Record

NOT_ASSUMABLE = "The role defined for the function cannot be assumed by Lambda."
NO_GRANT = ("Lambda was unable to configure access to your environment variables because the KMS key is invalid for CreateGrant. "
            "Please check your KMS key settings. KMS Exception: InvalidArnException KMS Message: ARN does not refer to a valid "
            "principal: ")
NOT_NOW = "The operation cannot be performed at this time. "
ALL = tuple(botocore.session.get_session().get_service_model("lambda").operation_names)
issued: set[str] = set()  # the access keys of functions
_deletions = Deletions("functionDeletingSeconds", lambda name: lambda_svc._delete_function(name, {}))


def config(name: str) -> Record | None:
    """The configuration of a function; None if there is none of this name."""
    return (lambda_svc._functions.get(name) or {}).get("config")


def named(call: Call) -> Record | None:
    """The configuration of the function that a call names, if there is one."""
    return config(lambda_svc._resolve_request_scoped_name_and_qualifier(call.params.get("FunctionName", ""))[0])


def invalid(message: str) -> Refused:
    """Lambda's refusal of a parameter's value."""
    return Refused(400, "InvalidParameterValueException", message)


def conflict(message: str) -> Refused:
    """Lambda's refusal because of a resource's state."""
    return Refused(409, "ResourceConflictException", message)


def refuse_pending(function: Record | None) -> None:
    """Raises `Refused` for a function that is Pending or Deleting."""
    if function is not None and function.get("State") in ("Pending", "Deleting"):
        raise conflict(f"{NOT_NOW}The function is currently in the following state: {function['State']}")


@before("tag", "GetResources")
@before("lambda", *ALL)
def _finish_deletions(_call: Call) -> None:
    _deletions.finish()


@before("lambda", "DeleteFunction")
def _delete(call: Call) -> Answer | None:
    function = named(call)
    if function is None or "Qualifier" in call.params or not _deletions.begin(function["FunctionName"]):
        return None
    function["State"] = "Deleting"
    return Answer(204, [(b"content-length", b"0")])


@before("lambda", "CreateFunction", "UpdateFunctionConfiguration")
def _check_role(call: Call) -> None:
    role_arn = call.params.get("Role")
    if role_arn is not None and (call.params.get("Environment") or {}).get("Variables") and roles.unknown_to_kms(role_arn):
        name = role_arn.rsplit("/", 1)[-1]
        raise invalid(f"{NO_GRANT}arn:aws:sts::{get_account_id()}:assumed-role/{name}/{call.params['FunctionName']}")
    if role_arn is not None and not roles.assumable(role_arn, "lambda.amazonaws.com"):
        raise invalid(NOT_ASSUMABLE)


@before("lambda", "UpdateFunctionConfiguration", "UpdateFunctionCode")
def _refuse_busy(call: Call) -> None:
    function = named(call)
    refuse_pending(function)
    if function is not None and function.get("LastUpdateStatus") == "InProgress":
        raise conflict(f"{NOT_NOW}An update is in progress for resource: {function['FunctionArn']}")


@before("lambda", "Invoke", "PutFunctionEventInvokeConfig")
def _refuse_pending(call: Call) -> None:
    refuse_pending(named(call))


@after("lambda", "UpdateFunctionConfiguration", "UpdateFunctionCode")
def _stay_active(call: Call, answer: Answer) -> None:
    """An updated function is InProgress, yet Active: it goes on being invoked."""
    active = {"State": "Active", "StateReason": "", "StateReasonCode": ""}
    function = named(call)
    if function is not None:
        function.update(active)
    answer.rewrite({**answer.value(), **active})


@before("lambda", "PutFunctionEventInvokeConfig")
def _check_destination(call: Call) -> None:
    function = named(call)
    destination = ((call.params.get("DestinationConfig") or {}).get("OnFailure") or {}).get("Destination")
    if function is None or not destination or parse_arn(destination).service != "sqs":
        return
    if not roles.allows(function["Role"], "sqs:SendMessage", destination):
        raise invalid("The provided execution role does not have permissions to call SendMessage on SQS")
    if queues.by_arn(destination) is None:
        raise invalid(f"The destination ARN {destination} is invalid.")


@patch(lambda_svc, "_schedule_state_transition", "a function stays Pending for as long as is set")
def _activate_later(original: Callable[[str, float], None], name: str, _delay: float) -> None:
    original(name, STATE.settings.of(get_account_id()).pendingSeconds)


@patch(lambda_svc, "execution_credentials", "a function's calls are those of its role")
@patch(lambda_runtime, "execution_credentials", "a function's calls are those of its role")
def _session(_original: object, function: Record) -> dict[str, str]:
    """A session of the function's own role, so that its calls can be told from the operator's."""
    account, _ = lambda_svc._account_region_from_function_config(function)
    role_name = function["Role"].rsplit("/", 1)[-1]
    role = iam._roles.get_scoped(account, "", role_name) or {}
    digest = hashlib.sha256(f"{function['FunctionArn']}:{function['Role']}".encode()).hexdigest()
    key = f"ASIA{digest[:16].upper()}"
    issued.add(key)
    session = {"SecretAccessKey": digest, "SessionToken": digest[::-1],
               "UserId": f"{role.get('RoleId', role_name)}:{function['FunctionName']}",
               "Arn": f"arn:aws:sts::{account}:assumed-role/{role_name}/{function['FunctionName']}"}
    sts.register_session(key, session)
    return {"AWS_ACCESS_KEY_ID": key, "AWS_SECRET_ACCESS_KEY": digest, "AWS_SESSION_TOKEN": digest[::-1]}
