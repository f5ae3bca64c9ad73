"""Quotas of an account, as far as a test sets them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ministack.services import iam, lambda_svc, scheduler, ssm

from .lambda_.function_checks import zip_bytes
from .rules import Refused, before
from .state import STATE

if TYPE_CHECKING:
    from .calls import Call


@before("iam", "CreateRole")
def _roles(call: Call) -> None:
    if _reached(call, "maxRoles", len(list(iam._roles))):
        raise Refused(409, "LimitExceeded", f"Cannot exceed quota for RolesPerAccount: {_limit(call, 'maxRoles')}")


@before("lambda", "CreateFunction", "UpdateFunctionCode")
def _code(call: Call) -> None:
    held = sum(function["config"]["CodeSize"] for function in lambda_svc._functions.values())
    limit = _limit(call, "maxCodeBytes")
    if limit and held + zip_bytes(call) > limit:
        raise Refused(400, "CodeStorageExceededException", "Code storage limit exceeded.")


@before("scheduler", "CreateScheduleGroup")
def _groups(call: Call) -> None:
    held = scheduler._schedule_groups
    if call.params["Name"] not in held and _reached(call, "maxScheduleGroups", len(list(held))):
        raise _too_many(call, "maxScheduleGroups", "schedule groups")


@before("scheduler", "CreateSchedule")
def _schedules(call: Call) -> None:
    held, key = scheduler._schedules, f"{call.params.get('GroupName', 'default')}/{call.params['Name']}"
    if key not in held and _reached(call, "maxSchedules", len(list(held))):
        raise _too_many(call, "maxSchedules", "schedules")


@before("ssm", "PutParameter")
def _parameters(call: Call) -> None:
    if call.params.get("Name") not in ssm._parameters and _reached(call, "maxParameters", len(list(ssm._parameters))):
        raise Refused(400, "ParameterLimitExceeded", "The account has as many parameters as it may have.")


def _too_many(call: Call, name: str, kind: str) -> Refused:
    return Refused(402, "ServiceQuotaExceededException",
                   f"The request failed because it exceeded the account's quota of {_limit(call, name)} {kind}.")


def _reached(call: Call, name: str, held: int) -> bool:
    limit = _limit(call, name)
    return bool(limit) and held >= limit


def _limit(call: Call, name: str) -> int:
    return int(getattr(STATE.settings.of(call.account), name))
