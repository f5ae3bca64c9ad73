"""Prints as JSON how long cold invocations of the sender take, in milliseconds: `{"rust": […], "python": […]}`.

Run with the environment's Python and AWS variables: `cold_starts.py ZIP RUNS`.
"""

import io
import json
import platform
import sys
import time
import zipfile
from pathlib import Path

import boto3

LAMBDA = boto3.client("lambda")
SQS = boto3.client("sqs")
IAM = boto3.client("iam")
TASKS = 3
TRUST = {"Version": "2012-10-17", "Statement": [
    {"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}]}
TASK = {"action": "message", "notify": ["chat"], "timeoutSeconds": 10, "attempts": 1, "backoffSeconds": 30}
FIRING = {
    "scheduleArn": "arn:aws:scheduler:eu-central-1:123456789012:schedule/bench/bench",
    "scheduledTime": "2026-01-01T09:00:00Z", "pipeline": {"namespace": "bench", "name": "bench"}, "parameter": "/bench",
    "tasks": [{"name": f"task-{at}", **TASK} for at in range(TASKS)],
    "channels": [{"name": "chat", "target": {"slack": {"url": "chat"}}}],
}


def main():
    archive, runs = Path(sys.argv[1]).read_bytes(), int(sys.argv[2])
    queue_url = SQS.create_queue(QueueName="bench")["QueueUrl"]
    role = IAM.create_role(RoleName="bench", AssumeRolePolicyDocument=json.dumps(TRUST))["Role"]["Arn"]
    major, minor, _ = platform.python_version_tuple()
    kinds = {
        "rust": {"Runtime": "provided.al2023", "Handler": "bootstrap", "Code": {"ZipFile": archive}},
        "python": {"Runtime": f"python{major}.{minor}", "Handler": "index.handler", "Code": {"ZipFile": _packed()}},
    }
    for settings in kinds.values():
        settings |= {"Role": role, "Timeout": 30, "Environment": {"Variables": {"QUEUE_URL": queue_url}}}
    times = {kind: [] for kind in kinds}
    # The first of each reads its files from disk; turn about, so that both meet the same noise.
    for run in range(runs + 1):
        for kind, settings in kinds.items():
            seconds = _cold_start(f"{kind}-{run}", settings)
            if run > 0:
                times[kind].append(seconds * 1000)
    _check(queue_url, TASKS * (runs + 1) * len(kinds))
    print(json.dumps(times))


def _cold_start(name, settings):
    LAMBDA.create_function(FunctionName=name, **settings)
    LAMBDA.get_waiter("function_active_v2").wait(FunctionName=name, WaiterConfig={"Delay": 1})
    started = time.perf_counter()
    answer = LAMBDA.invoke(FunctionName=name, Payload=json.dumps(FIRING))
    payload = answer["Payload"].read().decode()
    seconds = time.perf_counter() - started
    LAMBDA.delete_function(FunctionName=name)
    if "FunctionError" in answer:
        raise SystemExit(f"the function {name} failed: {payload}")
    return seconds


def _packed():
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.write(Path(__file__).with_name("python_sender.py"), "index.py")
    return buffer.getvalue()


def _check(queue_url, expected):
    name = "ApproximateNumberOfMessages"
    sent = int(SQS.get_queue_attributes(QueueUrl=queue_url, AttributeNames=[name])["Attributes"][name])
    if sent != expected:
        raise SystemExit(f"{sent} messages reached the queue, not {expected}")


if __name__ == "__main__":
    main()
