"""One firing of a schedule: sent to its target, retried, and put into the dead-letter queue if all attempts fail."""

from __future__ import annotations

import json
import logging
import secrets
import time
import uuid
from typing import TYPE_CHECKING

from ministack.core.arn import parse_arn
from ministack.core.responses import request_scope
from ministack.services import eventbridge, lambda_svc, sqs

from ..iam import roles
from ..role_calls import call_as_role

if TYPE_CHECKING:
    from ..records import Record

logger = logging.getLogger("strict.firing")

RETRY_SECONDS = 0.2  # AWS backs off up to its event age; here hours become a second
MAX_RETRIES = 5
PENDING_POLL_SECONDS = 0.1


class Failed(Exception):
    """An attempt failed."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


def deliver(schedule_arn: str, target: Record, scheduled_time: str, account: str, region: str) -> None:
    """Tries until an attempt succeeds or the retries are used up."""
    with request_scope(account, region):
        retries = min(target["RetryPolicy"]["MaximumRetryAttempts"], MAX_RETRIES)
        for attempt in range(1, retries + 2):
            execution = secrets.token_hex(8)
            text = _input(schedule_arn, target, scheduled_time, execution, attempt, account, region)
            try:
                _hand_over(schedule_arn, target, text)
                return
            except Failed as failure:
                logger.info("%s: attempt %d failed: %s", schedule_arn, attempt, failure)
                last = failure
            if attempt <= retries:
                time.sleep(RETRY_SECONDS)
        _dead_letter(schedule_arn, target, scheduled_time, execution, retries, text, last)


def _input(schedule_arn: str, target: Record, scheduled_time: str, execution: str, attempt: int, account: str,
           region: str) -> str:
    text: str | None = target.get("Input")
    if text is None:
        return json.dumps({
            "version": "0", "id": str(uuid.uuid4()), "detail-type": "Scheduled Event", "source": "aws.scheduler",
            "account": account, "time": scheduled_time, "region": region, "resources": [schedule_arn], "detail": "{}",
        })
    for name, value in (("schedule-arn", schedule_arn), ("scheduled-time", scheduled_time),
                        ("execution-id", execution), ("attempt-number", str(attempt))):
        text = text.replace(f"<aws.scheduler.{name}>", value)
    return text


def _hand_over(schedule_arn: str, target: Record, text: str) -> None:
    group_arn = schedule_arn.rsplit("/", 1)[0].replace(":schedule/", ":schedule-group/")
    if not roles.assumable(target["RoleArn"], "scheduler.amazonaws.com", group_arn):
        raise Failed("AccessDeniedException", "Scheduler cannot assume the target's role.")
    service = parse_arn(target["Arn"]).service
    if service == "lambda":
        _invoke(target, text)
    elif service == "sqs":
        if sqs._queue_by_arn(target["Arn"]) is None:
            raise Failed("AWS.SimpleQueueService.NonExistentQueue", "The specified queue does not exist.")
        if not call_as_role(target["RoleArn"], "sqs:SendMessage", target["Arn"]):
            raise Failed("AccessDenied", f"The role is not authorized to perform sqs:SendMessage on {target['Arn']}.")
        eventbridge._dispatch_to_sqs(parse_arn(target["Arn"]), text, target.get("SqsParameters"))
    else:
        raise Failed("ValidationException", f"This emulator has no {service} targets.")


def _invoke(target: Record, text: str) -> None:
    arn = target["Arn"]
    while True:
        function, config, _ = lambda_svc._get_func_record_for_ref(arn)
        if not function or not config:
            raise Failed("ResourceNotFoundException", f"Function not found: {arn}")
        if config.get("State") != "Pending" and not roles.settling(target["RoleArn"]):
            break
        time.sleep(PENDING_POLL_SECONDS)
    if not call_as_role(target["RoleArn"], "lambda:InvokeFunction", arn):
        raise Failed("AccessDeniedException", f"The role is not authorized to perform lambda:InvokeFunction on {arn}.")
    lambda_svc.invoke_async_with_retry(lambda_svc._execution_record_for_config(function, config), json.loads(text))


def _dead_letter(schedule_arn: str, target: Record, scheduled_time: str, execution: str, retries: int, text: str,
                 failure: Failed) -> None:
    queue_arn: str = (target.get("DeadLetterConfig") or {}).get("Arn", "")
    queue = sqs._queue_by_arn(queue_arn) if queue_arn else None
    if queue is None or not call_as_role(target["RoleArn"], "sqs:SendMessage", queue_arn):
        logger.warning("%s: a firing is lost: no dead-letter queue that the role may send to", schedule_arn)
        return
    attributes = {
        "ERROR_CODE": failure.code, "ERROR_MESSAGE": str(failure), "EXECUTION_ID": execution,
        "EXHAUSTED_RETRY_CONDITION": "MaximumRetryAttempts", "IS_PAYLOAD_TRUNCATED": "false",
        "RETRY_ATTEMPTS": str(retries), "SCHEDULED_TIME": scheduled_time, "SCHEDULE_ARN": schedule_arn,
        "TARGET_ARN": target["Arn"],
    }
    body = json.dumps({"FunctionName": target["Arn"], "InvocationType": "Event", "Payload": text})
    url = sqs._queue_url(queue_arn.rsplit(":", 1)[-1])
    typed = {name: {"DataType": "String", "StringValue": value} for name, value in attributes.items()}
    sqs._act_send_message({"QueueUrl": url, "MessageBody": body, "MessageAttributes": typed}, url)
