"""Many tasks in one go, from the schedule to the chat: by the runner, and by one in Python."""

from __future__ import annotations

import json
import platform
import time
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pipeline
from devenv.console import Failure
from emulator import NO_DELAYS
from figures import Figure

if TYPE_CHECKING:
    from sizes import Sizes
    from subject import Bench

BATCH = 10
PATIENCE_SECONDS = 300
POLL_SECONDS = 0.5


def busy(bench: Bench, binary: Path, sizes: Sizes) -> list[Figure]:
    """Many tasks: how many reach the chat in a second, and how soon the status tells of the last."""
    ours, lags, python = [], [], []
    for _ in range(sizes.runs):
        rate, lag = _fire(bench, binary, sizes, _with_channels)
        ours.append(rate)
        lags.append(lag)
        python.append(_fire(bench, binary, sizes, _in_python, told=False)[0])
    total = sizes.busy_pipelines * sizes.busy_tasks
    return [Figure(f"{total} tasks of {sizes.busy_pipelines} pipelines: delivered a second", ours),
            Figure("  by a runner in Python, which neither renders nor reports", python),
            Figure("  from the last delivery to the run's result in the status", lags, "s", 5.0, by_worst=True)]


def _fire(bench: Bench, binary: Path, sizes: Sizes, spec: Callable[[str, str, int], dict[str, Any]],
          told: bool = True) -> tuple[float, float]:
    """Messages a second, and the seconds until the statuses tell how the runs ended."""
    tasks = sizes.busy_tasks
    total = sizes.busy_pipelines * tasks
    chat = bench.variables["TASK_PIPELINES_CHAT_URL"]
    _ask(chat, "DELETE")
    with bench.operator(binary, NO_DELAYS, "--pacing", "off") as operator:
        names = [f"busy-{at}" for at in range(sizes.busy_pipelines)]
        keys = {name: f"{chat}/slack/{name}" for name in names}
        operator.secret("chats", keys)
        operator.start(names, lambda name: pipeline.document(name, spec(name, chat, tasks)))
        times = _delivered(chat, total, operator.log)
        ended = time.time()
        while told and not all(_is_told(it, tasks) for it in operator.pipelines()["items"]):
            if time.time() - times[-1] > PATIENCE_SECONDS:
                raise Failure(f"the statuses do not tell how the runs ended; the operator's log is {operator.log}")
            time.sleep(POLL_SECONDS / 5)
            ended = time.time()
    return total / (times[-1] - times[0]), max(0.0, ended - times[-1])


def _with_channels(name: str, _chat: str, count: int) -> dict[str, Any]:
    tasks = [{"name": f"t{at}", "message": {}, "template": "{{ task }}", "notify": ["team"]} for at in range(count)]
    channel = {"name": "team", "slack": {"webhookUrl": {"secretKeyRef": {"name": "chats", "key": name}}}}
    return {"schedule": "rate(12 hours)", "tasks": tasks, "channels": [channel], "runner": {"batchSize": BATCH}}


def _in_python(name: str, chat: str, count: int) -> dict[str, Any]:
    major, minor, _ = platform.python_version_tuple()
    source = Path(__file__).with_name("python_runner.py").read_text()
    runner = {"runtime": f"python{major}.{minor}", "handler": "index.handler", "code": {"inline": source},
              "environment": {"URL": f"{chat}/slack/{name}"}, "batchSize": BATCH}
    tasks = [{"name": f"t{at}", "message": {}} for at in range(count)]
    return {"schedule": "rate(12 hours)", "tasks": tasks, "runner": runner}


def _delivered(chat: str, total: int, log: Path) -> list[float]:
    """When each message was taken; all of them."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < deadline:
        times = sorted(message["time"] for message in json.loads(_ask(chat, "GET")) if message["status"] == 200)
        if len(times) >= total:
            return times
        time.sleep(POLL_SECONDS)
    raise Failure(f"{len(times)} of {total} messages arrived in {PATIENCE_SECONDS} s; the operator's log is {log}")


def _is_told(it: dict[str, Any], tasks: int) -> bool:
    runs = it.get("status", {}).get("runs", [])
    return bool(runs) and runs[0]["counts"]["succeeded"] == tasks


def _ask(chat: str, method: str) -> bytes:
    with urllib.request.urlopen(urllib.request.Request(f"{chat}/_messages", method=method), timeout=30) as answer:
        return bytes(answer.read())
