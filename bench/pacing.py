"""How long calls take at least at the pace that the operator keeps by default (`per_second` in crates/aws/src/pacing/pacer.rs)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Any

LOG_GROUP_CALLS = ("CreateLogGroup", "DeleteLogGroup", "DescribeLogGroups")
SCHEDULE_CALLS = ("CreateSchedule", "DeleteSchedule", "GetSchedule", "ListSchedules", "UpdateSchedule")
RATES = {"lambda get": 60, "lambda": 10, "iam read": 10, "iam write": 6, "log groups": 7, "log settings": 4, "sqs": 20,
         "ssm read": 20, "ssm write": 3, "schedule groups": 7, "schedules": 50}


def least_seconds(calls: Iterable[dict[str, Any]]) -> float:
    """What a client needs that makes these calls as fast as it may, each kind beside the others: a second's worth at
    once, then one after the other."""
    counts = Counter(bucket for bucket in map(_bucket, calls) if bucket)
    return max((max(0, count / RATES[bucket] - 1) for bucket, count in counts.items()), default=0)


def _bucket(call: dict[str, Any]) -> str | None:
    """The rate limit that a call counts against; nothing where none matters."""
    service, operation, kind = call["service"], call["operation"], "write" if call["write"] else "read"
    if service == "lambda":
        return "lambda get" if operation == "GetFunction" else "lambda"
    if service == "logs":
        return "log groups" if operation in LOG_GROUP_CALLS else "log settings"
    if service == "scheduler":
        return "schedules" if operation in SCHEDULE_CALLS else "schedule groups"
    if service in ("iam", "ssm"):
        return f"{service} {kind}"
    return service if service in RATES else None
