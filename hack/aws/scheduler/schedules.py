"""EventBridge Scheduler's checks, defaults and clock, in place of the emulator's own."""

from __future__ import annotations

import functools
import json
import logging
import re
import threading
import time
from collections.abc import Callable
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any

from ministack.core.responses import get_account_id, get_region, request_scope
from ministack.services import scheduler

from ..iam import roles
from ..patches import patch, patch_value
from ..state import STATE
from . import firing
from .expressions import At, Cron, InvalidExpression, Rate, parse, time_zone

if TYPE_CHECKING:
    from ..records import Record, Response

logger = logging.getLogger("strict.schedules")

SWEEP_SECONDS = 1
START_IN_PAST_SECONDS = 5 * 60  # https://github.com/getmoto/moto/issues/8172
IN_PAST = "Invalid Schedule Expression {}. The time you specify must be in the future."  # a guess, like where it is said
NOT_ASSUMABLE = "The execution role you provide must allow AWS EventBridge Scheduler to assume the role."
RETRY_POLICY = {"MaximumEventAgeInSeconds": 86400, "MaximumRetryAttempts": 185}
STANDARD_QUEUE = r"arn:aws[a-z-]*:sqs:[a-z0-9-]+:\d{12}:[a-zA-Z0-9_-]+"
CLOCK = "Strict"  # the key of a schedule's record that holds when it fires
_answered: dict[tuple[str, str, str, str, str], Response] = {}
"""The answer to each request that had a ClientToken."""


class Refused(Exception):
    """A request that AWS answers with ValidationException."""


patch_value(scheduler, "_SCHEDULE_TICK_INTERVAL", SWEEP_SECONDS, "schedules fire on the second")


@patch(scheduler, "_create_schedule", "a schedule is checked, and made once for each ClientToken")
def _create(original: Callable[[str, Record], Response], name: str, body: Record) -> Response:
    return _once("create", name, body, functools.partial(_write, original, True))


@patch(scheduler, "_update_schedule", "a schedule is checked, and written once for each ClientToken")
def _update(original: Callable[[str, Record], Response], name: str, body: Record) -> Response:
    return _once("update", name, body, functools.partial(_write, original, False))


@patch(scheduler, "_delete_schedule", "a ClientToken counts once")
def _delete(original: Callable[[str, Record], Response], name: str, query: Record) -> Response:
    return _once("delete", name, query, original)


@patch(scheduler, "_create_schedule_group", "a ClientToken counts once")
def _create_group(original: Callable[[str, Record], Response], name: str, body: Record) -> Response:
    return _once("create-group", name, body, original)


@patch(scheduler, "_delete_schedule_group", "a ClientToken counts once")
def _delete_group(original: Callable[[str, Record], Response], name: str, query: Record) -> Response:
    return _once("delete-group", name, query, original)


def _once(operation: str, name: str, body: Record, carry_out: Callable[[str, Record], Response]) -> Response:
    """The same ClientToken again gets the same answer, and does nothing."""
    token = body.get("ClientToken") or body.get("clientToken")
    if not token:
        return carry_out(name, body)
    key = (get_account_id(), get_region(), operation, name, token)
    if key not in _answered:
        response = carry_out(name, body)
        if response[0] != 200:
            return response
        _answered[key] = response
    return _answered[key]


def _write(original: Callable[[str, Record], Response], is_new: bool, name: str, body: Record) -> Response:
    key = f"{body.get('GroupName', 'default')}/{name}"
    try:
        _check(name, body)
        if not is_new or STATE.settings.of(get_account_id()).refusePastTimes:
            _check_future(body)
        group_arn = scheduler._group_arn(body.get("GroupName", "default"))
        if not roles.assumable(body["Target"]["RoleArn"], "scheduler.amazonaws.com", group_arn):
            raise Refused(NOT_ASSUMABLE)
    except (Refused, InvalidExpression) as refusal:
        return _error(400, "ValidationException", str(refusal))
    response = original(name, body)
    if response[0] == 200:
        record = scheduler._schedules[key]
        record[CLOCK] = _clock(record, is_new)
    return response


def _error(status: int, code: str, message: str) -> Response:
    response: Response = scheduler._error(status, code, message)
    return response


def _check(name: str, body: Record) -> None:
    if not re.fullmatch(r"[0-9a-zA-Z_.-]{1,64}", name):
        raise Refused("Value at 'name' failed to satisfy constraint: pattern [0-9a-zA-Z-_.]+ of at most 64 characters.")
    for key in ("ScheduleExpression", "FlexibleTimeWindow", "Target"):
        if not body.get(key):
            raise Refused(f"Value null at '{key[0].lower()}{key[1:]}' failed to satisfy constraint: must not be null.")
    parse(body["ScheduleExpression"], time_zone(body.get("ScheduleExpressionTimezone", "UTC")))
    if len(body.get("Description", "")) > 512:
        raise Refused("Value at 'description' failed to satisfy constraint: at most 512 characters.")
    for key, allowed in {"State": ("ENABLED", "DISABLED"), "ActionAfterCompletion": ("NONE", "DELETE")}.items():
        if body.get(key, allowed[0]) not in allowed:
            raise Refused(f"Value '{body[key]}' at '{key}' failed to satisfy constraint: one of {', '.join(allowed)}.")
    _check_window(body["FlexibleTimeWindow"])
    start, end = (scheduler._to_epoch(body.get(key)) for key in ("StartDate", "EndDate"))
    if start is not None and start < time.time() - START_IN_PAST_SECONDS:
        raise Refused("The StartDate you specify cannot be earlier than 5 minutes ago.")
    if start is not None and end is not None and end <= start:
        raise Refused("The EndDate you specify must come after the StartDate.")
    _check_target(body["Target"])


def _check_future(body: Record) -> None:
    """Times that have passed: whether an update refuses them is a guess; a creation was seen to accept a past `at()`."""
    text, now = body["ScheduleExpression"], time.time()
    expression = parse(text, time_zone(body.get("ScheduleExpressionTimezone", "UTC")))
    if isinstance(expression, At) and expression.moment < now:
        raise Refused(IN_PAST.format(text))
    end = scheduler._to_epoch(body.get("EndDate"))
    if end is not None and end < now:
        raise Refused("The EndDate you specify must be in the future.")


def _check_window(window: Record) -> None:
    mode, minutes = window.get("Mode"), window.get("MaximumWindowInMinutes")
    if mode not in ("OFF", "FLEXIBLE"):
        raise Refused("Value at 'flexibleTimeWindow.mode' failed to satisfy constraint: one of OFF, FLEXIBLE.")
    if mode == "FLEXIBLE" and not (isinstance(minutes, int) and 1 <= minutes <= 1440):
        raise Refused("A flexible time window needs MaximumWindowInMinutes between 1 and 1440.")
    if mode == "OFF" and minutes is not None:
        raise Refused("MaximumWindowInMinutes is for a flexible time window only.")


def _check_target(target: Record) -> None:
    for key in ("Arn", "RoleArn"):
        if not target.get(key):
            raise Refused(f"Value null at 'target.{key}' failed to satisfy constraint: must not be null.")
    retry = target.get("RetryPolicy") or {}
    if not 0 <= retry.get("MaximumRetryAttempts", 185) <= 185:
        raise Refused("Value at 'target.retryPolicy.maximumRetryAttempts' must be between 0 and 185.")
    if not 60 <= retry.get("MaximumEventAgeInSeconds", 86400) <= 86400:
        raise Refused("Value at 'target.retryPolicy.maximumEventAgeInSeconds' must be between 60 and 86400.")
    dead_letter = (target.get("DeadLetterConfig") or {}).get("Arn")
    if dead_letter is not None and not re.fullmatch(STANDARD_QUEUE, dead_letter):
        raise Refused(f"Value '{dead_letter}' at 'target.deadLetterConfig.arn' must be a standard queue's ARN.")
    if ":lambda:" in target["Arn"] and "Input" in target:
        try:
            json.loads(target["Input"])
        except ValueError:
            raise Refused("Invalid Input: it must be well-formed JSON for a Lambda target.") from None


@patch(scheduler, "_get_schedule", "a schedule is shown with its defaults, and without what was never given")
def _get(_original: object, name: str, query: Record) -> Response:
    record = scheduler._schedules.get(f"{query.get('groupName', 'default')}/{name}")
    if record is None:
        return _error(404, "ResourceNotFoundException", f"Schedule {name} does not exist.")
    shown = {key: value for key, value in record.items() if value not in (None, "") and key != CLOCK}
    shown["Target"] = {**record["Target"], "RetryPolicy": {**RETRY_POLICY, **record["Target"].get("RetryPolicy", {})}}
    response: Response = scheduler._json_resp(200, shown)
    return response


def _clock(record: Record, is_new: bool) -> dict[str, Any]:
    """When a schedule just written fires.

    A rate's start date is its first firing, and without one it fires at once. That an update counts as such a beginning,
    whatever it changes, is a guess: an update replaces all of the schedule.
    """
    now = time.time()
    start = scheduler._to_epoch(record.get("StartDate"))
    anchor = start if start is not None else now
    begins = is_new or isinstance(_expression(record), Rate)
    return {"anchor": anchor, "next": _next(record, anchor, anchor - 1 if begins else now)}


def _next(record: Record, anchor: float, after: float) -> float | None:
    expression = _expression(record)
    if isinstance(expression, At):
        return expression.next(after, anchor)
    start, end = (scheduler._to_epoch(record.get(key)) for key in ("StartDate", "EndDate"))
    if start is not None and not isinstance(expression, Rate):
        after = max(after, start - 1)
    moment = expression.next(after, anchor)
    return None if moment is None or (end is not None and moment > end) else moment


def _expression(record: Record) -> Cron | Rate | At:
    return parse(record["ScheduleExpression"], time_zone(record["ScheduleExpressionTimezone"]))


@patch(scheduler, "_tick_schedules", "schedules fire by AWS's expressions, in their time zones")
def _sweep(_original: object) -> None:
    """Fires what is due; deletes a schedule without a firing left, if it has ActionAfterCompletion DELETE."""
    now = time.time()
    for state_key, record in list(scheduler._schedules._data.items()):
        account, region, _ = state_key
        clock = record.get(CLOCK)
        if clock is None or record["State"] != "ENABLED":
            continue
        if clock["next"] is not None and clock["next"] <= now:
            due, clock["next"] = clock["next"], _next(record, clock["anchor"], now)
            with request_scope(account, region):
                _fire(record, due)
        is_over = clock["next"] is None and record["ActionAfterCompletion"] == "DELETE"
        if is_over and scheduler._schedules._data.get(state_key) is record:
            del scheduler._schedules._data[state_key]


def _fire(record: Record, due: float) -> None:
    moment = datetime.fromtimestamp(due, timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
    target = {**record["Target"], "RetryPolicy": {**RETRY_POLICY, **record["Target"].get("RetryPolicy", {})}}
    work = functools.partial(firing.deliver, record["Arn"], target, moment, get_account_id(), get_region())
    threading.Thread(target=work, daemon=True, name="strict-firing").start()
