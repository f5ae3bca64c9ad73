"""Scheduler's lists."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from ministack.services import scheduler

from ..listings import EVERYTHING, Listing, as_json, items_of, listed

if TYPE_CHECKING:
    from ..calls import Call
    from ..records import Record


def _schedules() -> Iterator[tuple[str, Record]]:
    for schedule in items_of(scheduler._list_schedules({"MaxResults": EVERYTHING}), "Schedules"):
        yield f"{schedule['GroupName']}/{schedule['Name']}", schedule


def _of_schedule(call: Call, schedule: Record) -> bool:
    return (call.params.get("GroupName") in (None, schedule["GroupName"])
            and call.params.get("State") in (None, schedule["State"])
            and schedule["Name"].startswith(call.params.get("NamePrefix", "")))


def _groups() -> Iterator[tuple[str, Record]]:
    for group in items_of(scheduler._list_schedule_groups({"MaxResults": EVERYTHING}), "ScheduleGroups"):
        yield group["Name"], group


for listing in (
    Listing("scheduler", "ListSchedules", _schedules, _of_schedule, 100, "MaxResults", "NextToken",
            as_json("Schedules", "NextToken"), too_large="ValidationException"),
    Listing("scheduler", "ListScheduleGroups", _groups,
            lambda call, group: group["Name"].startswith(call.params.get("NamePrefix", "")), 100, "MaxResults", "NextToken",
            as_json("ScheduleGroups", "NextToken"), too_large="ValidationException"),
):
    listed(listing)
