"""Log groups: what is refused, lists, permissions."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

from ministack.services import cloudwatch_logs

from . import answers
from .listings import Listing, as_json, listed
from .permissions import Permission, arn_of, resource_tags
from .rules import Refused, before, violated

if TYPE_CHECKING:
    from .answers import Answer
    from .calls import Call
    from .permissions import Context
    from .records import Record

PROTECTED = "deletionProtectionEnabled"
RETENTION_DAYS = (1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653)
"""https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_PutRetentionPolicy.html"""


@before("logs", "CreateLogGroup")
def _check_log_group(call: Call) -> None:
    name = call.params.get("logGroupName", "")
    if len(name) > 512:
        raise Refused(400, "InvalidParameterException", "Invalid LogGroup or LogStream, both must have length less than or equal "
                      "to 512.")
    if not re.fullmatch(r"[.\-_/#A-Za-z0-9]+", name) or name.startswith("aws/"):
        raise violated("logGroupName", name, r"satisfy regular expression pattern: [\.\-_/#A-Za-z0-9]+",
                       "InvalidParameterException")


@before("logs", "ListTagsForResource", "TagResource", "UntagResource")
def _check_arn(call: Call) -> None:
    if call.params.get("resourceArn", "").endswith(":*"):
        raise Refused(400, "ValidationException", "Invalid resourceArn")


@before("logs", "PutLogGroupDeletionProtection")
def _protect(call: Call) -> Answer:
    group = cloudwatch_logs._log_groups.get(call.params["logGroupIdentifier"].partition(":log-group:")[2]
                                            or call.params["logGroupIdentifier"])
    if group is None:
        raise Refused(400, "ResourceNotFoundException", "The specified log group does not exist.")
    group[PROTECTED] = call.params["deletionProtectionEnabled"]
    return answers.of_json(200, {})


@before("logs", "DeleteLogGroup")
def _check_protection(call: Call) -> None:
    group = cloudwatch_logs._log_groups.get(call.params.get("logGroupName", ""))
    if group is not None and group.get(PROTECTED):
        # Which of the operation's errors it is, AWS does not say.
        raise Refused(400, "ValidationException", "The log group is protected from deletion.")


@before("logs", "PutRetentionPolicy")
def _check_retention(call: Call) -> None:
    days = call.params.get("retentionInDays")
    if days not in RETENTION_DAYS:
        raise violated("retentionInDays", days, f"satisfy enum value set: {list(RETENTION_DAYS)}", "InvalidParameterException")


def required(call: Call) -> list[Permission]:
    """What a call has to be allowed, the operation's own permission first.

    CloudWatch Logs knows conditions on the tags of a group, and none on those of a request:
    https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/iam-identity-based-access-control-cwl.html
    """
    params, action = call.params, f"logs:{call.operation}"
    if "resourceArn" in params:
        name = params["resourceArn"].partition(":log-group:")[2]
        return [Permission(action, params["resourceArn"], _tags_of_log_group(name))]
    name = params.get("logGroupName") or params.get("logGroupIdentifier", "").rpartition(":log-group:")[2]
    # All but the tags are asked for in this form, which `log-group:NAME:*` covers and `log-group:NAME` does not.
    arn = arn_of(call, "logs", f"log-group:{name}:log-stream:{params.get('logStreamName', '')}")
    found = [Permission(action, arn, _tags_of_log_group(name))]
    return [*found, Permission("logs:TagResource", arn_of(call, "logs", f"log-group:{name}"))] if params.get("tags") else found


def _tags_of_log_group(name: str) -> Context:
    return resource_tags((cloudwatch_logs._log_groups.get(name) or {}).get("tags"))


def _log_groups() -> Iterator[tuple[str, Record]]:
    token = None
    while True:
        page = json.loads(cloudwatch_logs._describe_log_groups({"nextToken": token})[2])
        for group in page["logGroups"]:
            name = group["logGroupName"]
            yield name, {**group, PROTECTED: cloudwatch_logs._log_groups[name].get(PROTECTED, False)}
        token = page.get("nextToken")
        if not token:
            return


def _of_log_group(call: Call, group: Record) -> bool:
    name = group["logGroupName"]
    return (name.startswith(call.params.get("logGroupNamePrefix", ""))
            and call.params.get("logGroupNamePattern", "").lower() in name.lower())


listed(Listing("logs", "DescribeLogGroups", _log_groups, _of_log_group, 50, "limit", "nextToken",
               as_json("logGroups", "nextToken"), too_large="InvalidParameterException"))
