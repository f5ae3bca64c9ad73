"""Prints as JSON how long cold invocations of the sender take, in milliseconds: `{"rust": […], "python": […]}`.

Run with the environment's Python and AWS variables: `cold_starts.py ZIP RUNS`.
"""

from __future__ import annotations

import io
import json
import platform
import sys
import time
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import boto3

LAMBDA = boto3.client("lambda")
SQS = boto3.client("sqs")
IAM = boto3.client("iam")
TASKS = 3
SPREAD_SECONDS = 60
"""How long a new role and its policy may take until they count."""
POLL_SECONDS = 0.5
TRUST = {"Version": "2012-10-17", "Statement": [
    {"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}]}
TASK = {"action": "message", "notify": ["chat"], "timeoutSeconds": 10, "attempts": 1, "backoffSeconds": 30}
FIRING = {
    "scheduleArn": "arn:aws:scheduler:eu-central-1:123456789012:schedule/bench/bench",
    "scheduledTime": "2026-01-01T09:00:00Z", "pipeline": {"namespace": "bench", "name": "bench"}, "parameter": "/bench",
    "tasks": [{"name": f"task-{at}", **TASK} for at in range(TASKS)],
    "channels": [{"name": "chat", "target": {"slack": {"url": "chat"}}}],
}


class Failed(Exception):
    """A function whose role Lambda cannot assume, or whose invocation failed."""


def main() -> None:
    archive, runs = Path(sys.argv[1]).read_bytes(), int(sys.argv[2])
    queue_url = SQS.create_queue(QueueName="bench")["QueueUrl"]
    role = _role(queue_url)
    major, minor, _ = platform.python_version_tuple()
    kinds: dict[str, dict[str, Any]] = {
        "rust": {"Runtime": "provided.al2023", "Handler": "bootstrap", "Code": {"ZipFile": archive}},
        "python": {"Runtime": f"python{major}.{minor}", "Handler": "index.handler", "Code": {"ZipFile": _packed()}},
    }
    for settings in kinds.values():
        settings |= {"Role": role, "Timeout": 30, "Environment": {"Variables": {"QUEUE_URL": queue_url}}}
    for kind, settings in kinds.items():
        _warm_up(f"{kind}-0", settings)
    times: dict[str, list[float]] = {kind: [] for kind in kinds}
    # Turn about, so that both meet the same noise.
    for run in range(runs):
        for kind, settings in kinds.items():
            times[kind].append(_cold_start(f"{kind}-{run + 1}", settings) * 1000)
    _check(queue_url, TASKS * (runs + 1) * len(kinds))
    print(json.dumps(times))


def _role(queue_url: str) -> str:
    """A role that may send to the queue, and nothing else."""
    role: str = IAM.create_role(RoleName="bench", AssumeRolePolicyDocument=json.dumps(TRUST))["Role"]["Arn"]
    queue = SQS.get_queue_attributes(QueueUrl=queue_url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    statement = {"Effect": "Allow", "Action": "sqs:SendMessage", "Resource": queue}
    policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    IAM.put_role_policy(RoleName="bench", PolicyName="send", PolicyDocument=policy)
    return role


def _warm_up(name: str, settings: Mapping[str, Any]) -> None:
    """A first start, which is not measured: it reads files from disk, and waits until the role counts everywhere."""
    deadline = time.monotonic() + SPREAD_SECONDS
    while True:
        try:
            _cold_start(name, settings)
            return
        except Failed:
            if time.monotonic() > deadline:
                raise
            time.sleep(POLL_SECONDS)


def _cold_start(name: str, settings: Mapping[str, Any]) -> float:
    try:
        LAMBDA.create_function(FunctionName=name, **settings)
    except LAMBDA.exceptions.InvalidParameterValueException as error:
        if "cannot be assumed" not in str(error):
            raise
        raise Failed(f"the function {name} cannot be created: {error}") from error
    LAMBDA.get_waiter("function_active_v2").wait(FunctionName=name, WaiterConfig={"Delay": 1})
    started = time.perf_counter()
    answer = LAMBDA.invoke(FunctionName=name, Payload=json.dumps(FIRING))
    payload = answer["Payload"].read().decode()
    seconds = time.perf_counter() - started
    LAMBDA.delete_function(FunctionName=name)
    if "FunctionError" in answer:
        raise Failed(f"the function {name} failed: {payload}")
    return seconds


def _packed() -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.write(Path(__file__).with_name("python_sender.py"), "index.py")
    return buffer.getvalue()


def _check(queue_url: str, expected: int) -> None:
    name = "ApproximateNumberOfMessages"
    sent = int(SQS.get_queue_attributes(QueueUrl=queue_url, AttributeNames=[name])["Attributes"][name])
    if sent != expected:
        raise SystemExit(f"{sent} messages reached the queue, not {expected}")


if __name__ == "__main__":
    try:
        main()
    except Failed as failed:
        sys.exit(str(failed))
