"""Schedule groups, whose deletion takes a while; schedules that refuse a write right after another."""

from __future__ import annotations

import re
import time
from typing import TYPE_CHECKING

from ministack.services import scheduler

from .. import answers
from ..deletions import Deletions
from ..rules import Refused, after, before, violated
from ..state import STATE

if TYPE_CHECKING:
    from ..answers import Answer
    from ..calls import Call

TAGGING = ("TagResource", "UntagResource", "ListTagsForResource")
ALL = ("CreateSchedule", "GetSchedule", "UpdateSchedule", "DeleteSchedule", "ListSchedules", "CreateScheduleGroup",
       "GetScheduleGroup", "DeleteScheduleGroup", "ListScheduleGroups", *TAGGING)
_deletions = Deletions("groupDeletingSeconds", lambda name: scheduler._delete_schedule_group(name, {}))
_written: dict[tuple[str, str, str, str], float] = {}
"""When each schedule (account, region, group, name) was written last."""


@before("tag", "GetResources")
@before("scheduler", *ALL)
def _finish_deletions(_call: Call) -> None:
    _deletions.finish()


@before("scheduler", "CreateScheduleGroup")
def _check_new(call: Call) -> None:
    name, tags = call.params["Name"], call.params.get("Tags") or []
    if not re.fullmatch(r"[0-9a-zA-Z_.-]{1,64}", name):
        raise violated("name", name, "satisfy regular expression pattern: ^[0-9a-zA-Z-_.]+$")
    for tag in tags:
        if not 1 <= len(tag["Value"]) <= 256 or not 1 <= len(tag["Key"]) <= 128:
            raise violated("tags", f"{tag['Key']}={tag['Value']}", "have a key of 1 to 128 and a value of 1 to 256 characters")
    _refuse_deleting(name)


@before("scheduler", "CreateSchedule", "UpdateSchedule")
def _check_group(call: Call) -> None:
    _refuse_deleting(call.params.get("GroupName", "default"))


@before("scheduler", *TAGGING)
def _only_groups_have_tags(call: Call) -> None:
    if ":schedule-group/" not in call.params["ResourceArn"]:
        raise violated("resourceArn", call.params["ResourceArn"], "be the ARN of a schedule group")


@before("scheduler", "DeleteScheduleGroup")
def _delete(call: Call) -> Answer | None:
    name = call.params["Name"]
    group = scheduler._schedule_groups.get(name)
    _refuse_deleting(name)
    if name == "default" or group is None or not _deletions.begin(name):
        return None
    group.update(State="DELETING", LastModificationDate=time.time())
    return answers.of_json(200, {})


@before("scheduler", "CreateSchedule", "UpdateSchedule", "DeleteSchedule")
def _refuse_quick_successor(call: Call) -> None:
    pause = STATE.settings.of(call.account).scheduleConflictSeconds
    if time.time() < _written.get(_key(call), 0) + pause:
        raise Refused(409, "ConflictException", f"The schedule {call.params['Name']} was changed a moment ago. Try again.")


@after("scheduler", "CreateSchedule", "UpdateSchedule", "DeleteSchedule")
def _note_write(call: Call, _answer: Answer) -> None:
    _written[_key(call)] = time.time()


def _key(call: Call) -> tuple[str, str, str, str]:
    return call.account, call.region, call.params.get("GroupName", "default"), call.params["Name"]


def _refuse_deleting(name: str) -> None:
    if _deletions.pending(name):
        raise Refused(409, "ConflictException", f"Schedule group {name} is being deleted.")
