"""What calls of EventBridge Scheduler have to be allowed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ministack.services import scheduler

from ..permissions import Permission, arn_of, by_key, removed_tags, request_tags, resource_tags, to_pass

if TYPE_CHECKING:
    from ..calls import Call


def required(call: Call) -> list[Permission]:
    """The permissions, the operation's own first."""
    params, operation = call.params, call.operation
    group = params.get("Name") if operation.endswith("ScheduleGroup") else params.get("GroupName", "default")
    if "ResourceArn" in params:
        group = params["ResourceArn"].rsplit("/", 1)[-1]
    group_arn = arn_of(call, "scheduler", f"schedule-group/{group}")
    held = resource_tags(scheduler._tags.get(group_arn))
    tags = request_tags(by_key(params.get("Tags")))
    action = f"scheduler:{operation}"
    if "ResourceArn" in params:
        return [Permission(action, params["ResourceArn"], {**held, **tags, **removed_tags(params)})]
    if operation.endswith("ScheduleGroup"):
        found = [Permission(action, group_arn, {**held, **tags})]
        if tags:
            found.append(Permission("scheduler:TagResource", group_arn, tags))
        if operation == "DeleteScheduleGroup":
            found.append(Permission("scheduler:DeleteSchedule", arn_of(call, "scheduler", f"schedule/{group}/*")))
        return found
    # Schedules have no tags, and those of their group are not theirs.
    arn = arn_of(call, "scheduler", f"schedule/{group}/{params.get('Name')}")
    role = (params.get("Target") or {}).get("RoleArn")
    return [Permission(action, arn), *to_pass(role, "scheduler.amazonaws.com")]
