"""AWS's request rates, per account: calls beyond them are refused with the service's own error."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from .calls import is_write
from .rules import Refused
from .state import STATE

if TYPE_CHECKING:
    from .calls import Call

SLOW_LOGS = ("PutRetentionPolicy", "DeleteRetentionPolicy", "TagResource", "UntagResource", "ListTagsForResource")
SCHEDULES = ("CreateSchedule", "GetSchedule", "UpdateSchedule", "DeleteSchedule", "ListSchedules")
THROTTLED = {
    "iam": (400, "Throttling", "Rate exceeded"),
    "lambda": (429, "TooManyRequestsException", "Rate exceeded"),
    "logs": (400, "ThrottlingException", "Rate exceeded"),
    "scheduler": (429, "ThrottlingException", "Rate exceeded"),
    "sqs": (403, "RequestThrottled", "Request is throttled."),
    "ssm": (400, "ThrottlingException", "Rate exceeded"),
    "tag": (400, "ThrottledException", "Rate exceeded"),
}
_buckets: dict[tuple[str, str, str, str], Bucket] = {}


@dataclass
class Bucket:
    """A token bucket: it is refilled at a rate, and holds the tokens of one second, at least one."""

    rate: float
    at: float
    tokens: float = float("inf")

    def take(self, now: float) -> bool:
        """Takes a token; false where there is none."""
        self.tokens = min(max(self.rate, 1), self.tokens + (now - self.at) * self.rate)
        self.at = now
        if self.tokens < 1:
            return False
        self.tokens -= 1
        return True


def family(service: str, operation: str) -> tuple[str, int] | None:
    """The name and the requests a second of the limit that a call counts against; None where none is known.

    Lambda: https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html
    Logs: https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/cloudwatch_limits_cwl.html
    Scheduler: https://docs.aws.amazon.com/scheduler/latest/UserGuide/scheduler-quotas.html, outside the largest regions
    IAM publishes none: these are what people see.
    """
    if service == "lambda" and operation != "Invoke":
        return ("get", 100) if operation == "GetFunction" else ("control", 15)
    if service == "logs" and operation in ("CreateLogGroup", "DeleteLogGroup", "DescribeLogGroups"):
        return operation, 10
    if service == "logs" and operation in SLOW_LOGS:
        return operation, 5
    if service == "iam":
        return ("write", 8) if is_write(operation) else ("read", 15)
    if service == "sqs" and operation in ("TagQueue", "UntagQueue", "ListQueueTags"):
        return "tags", 30
    if service == "scheduler":
        return ("schedules", 250) if operation in SCHEDULES else ("groups", 10)
    if service == "ssm" and operation in ("GetParameter", "GetParameters"):
        return "get", 40
    return ("search", 15) if (service, operation) == ("tag", "GetResources") else None


def check(call: Call) -> None:
    """Raises `Refused` for a call beyond its rate, where rates are enforced."""
    factor = STATE.settings.of(call.account).rateLimit
    limit = family(call.service, call.operation) if factor else None
    if limit is None:
        return
    name, rate = limit
    region = "" if call.service == "iam" else call.region
    now = time.monotonic()
    bucket = _buckets.setdefault((call.account, region, call.service, name), Bucket(rate * factor, now))
    bucket.rate = rate * factor
    if not bucket.take(now):
        raise Refused(*THROTTLED[call.service])
