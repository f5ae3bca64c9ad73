"""The sender in Python and boto3, for comparison: one firing becomes one message a task, as the Rust one does it."""

from __future__ import annotations

import base64
import hashlib
import json
import os
from typing import Any

import boto3

BATCH = 10
SQS = boto3.client("sqs")


def handler(event: Any, _context: Any) -> dict[str, Any]:
    digest = hashlib.sha256(f"{event['scheduleArn']}\0{event['scheduledTime']}".encode()).digest()
    run_id = base64.b32encode(digest[:10]).decode().lower()
    messages = [json.dumps(_run(event, run_id, task)) for task in event["tasks"]]
    for start in range(0, len(messages), BATCH):
        entries = [{"Id": str(at), "MessageBody": body} for at, body in enumerate(messages[start:start + BATCH])]
        answer = SQS.send_message_batch(QueueUrl=os.environ["QUEUE_URL"], Entries=entries)
        if answer.get("Failed"):
            raise RuntimeError(f"not accepted by the queue: {answer['Failed']}")
    return {"runId": run_id, "sent": len(messages)}


def _run(event: Any, run_id: str, task: dict[str, Any]) -> dict[str, Any]:
    channels = [channel for channel in event.get("channels", []) if channel["name"] in task.get("notify", [])]
    return {"kind": "run", "runId": run_id, "scheduledTime": event["scheduledTime"], "trigger": "Schedule",
            "pipeline": event["pipeline"], "parameter": event.get("parameter"), "task": task, "channels": channels}
