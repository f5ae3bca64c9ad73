"""What is measured, one function a group of figures."""

import hashlib
import json
import os
import platform
import subprocess
import time
from pathlib import Path

import memory
from devenv import paths, venv
from devenv.console import Failure
from emulator import NO_DELAYS
from figures import Figure, bursts

MANY = 20
SLOW = {"roleDelaySeconds": 8, "pendingSeconds": 0, "latencyMs": 30}
UNPACED = ("--pacing", "off")
RESYNC_SECONDS = 2
RESYNCS = 3
ZIPS = {"sender": 3.0, "runner": 4.5}
ARCHITECTURES = {"aarch64": "arm64", "arm64": "arm64"}


def warm_up(bench, binary):
    """One pipeline unmeasured: both servers do some of their work once, at its first use."""
    with bench.operator(binary, NO_DELAYS, *UNPACED) as operator:
        operator.apply(["warm-up"])


def one(bench, binary, runs):
    """One pipeline, nothing slow."""
    ready, calls, settled, gone = [], [], [], []
    for _ in range(runs):
        with bench.operator(binary, NO_DELAYS, *UNPACED) as operator:
            ready.append(operator.apply(["one"]))
            calls.append(len(operator.calls()))
            operator.await_idle()
            settled.append(len(operator.calls()))
            gone.append(operator.delete(["one"]))
    return [Figure("1 pipeline: apply to Ready", ready, "s", 1.0, "11–13 s"),
            Figure("1 pipeline: AWS calls", calls, "", 30, "158", by_worst=True),
            Figure("1 pipeline: AWS calls until all is quiet", settled),
            Figure("1 pipeline: delete to gone", gone, "s")]


def many(bench, binary, runs):
    """Many pipelines at once, nothing slow, and the memory they take."""
    ready, calls, steady, peak, kinds = [], [], [], [], {}
    for _ in range(runs):
        with bench.operator(binary, NO_DELAYS, *UNPACED) as operator:
            ready.append(operator.apply([f"many-{at}" for at in range(MANY)]))
            calls.append(len(operator.calls()) / MANY)
            operator.await_idle(seconds=2)
            steady.append(memory.now(operator.pid))
            peak.append(memory.peak(operator.pid))
            for kind, size in memory.breakdown(operator.pid).items():
                kinds.setdefault(kind, []).append(size)
    return [Figure(f"{MANY} pipelines: apply to all Ready", ready, "s", 5.0, "26 s"),
            Figure(f"{MANY} pipelines: AWS calls each", calls),
            Figure(f"{MANY} pipelines: memory afterwards", steady, "MB", 40, "223 MB, four processes", by_worst=True),
            *(Figure(f"  of it {kind}", sizes, "MB") for kind, sizes in kinds.items()),
            Figure(f"{MANY} pipelines: memory at its peak", peak, "MB", 40, by_worst=True)]


def slow(bench, binary, runs):
    """One pipeline, with latency and roles that take their time as on AWS."""
    ready = []
    for _ in range(runs):
        with bench.operator(binary, SLOW, *UNPACED) as operator:
            ready.append(operator.apply(["slow"]))
    return [Figure("1 pipeline, 30 ms a call, roles after 8 s", ready, "s", 9.5)]


def paced(bench, binary, runs):
    """One pipeline, calls paced as by default."""
    ready = []
    for _ in range(runs):
        with bench.operator(binary, NO_DELAYS) as operator:
            ready.append(operator.apply(["paced"]))
    return [Figure("1 pipeline, default pacing", ready, "s")]


def resync(bench, binary, _runs):
    """What looking again at an unchanged pipeline costs."""
    with bench.operator(binary, NO_DELAYS, "--resync-seconds", str(RESYNC_SECONDS)) as operator:
        operator.apply(["idle"])
        operator.await_idle()
        operator.bench.emulator.forget_calls(operator.account)
        before = _versions(operator)
        looks = _looks(operator)
        written = int(_versions(operator) != before)
    writes = [sum(call["write"] for call in look) for look in looks]
    reads = [len(look) - wrote for look, wrote in zip(looks, writes)]
    return [Figure("1 resync, nothing changed: AWS writes", writes, "", 0, by_worst=True),
            Figure(f"{RESYNCS} resyncs, nothing changed: pipelines written", [written], "", 0),
            Figure("1 resync, nothing changed: AWS reads", reads)]


def _looks(operator):
    """The calls of each of some resyncs; the last one seen may not be over, and is left out."""
    deadline = time.monotonic() + 10 * RESYNC_SECONDS * RESYNCS
    while time.monotonic() < deadline:
        looks = bursts(operator.calls(), gap_seconds=RESYNC_SECONDS / 2)
        if len(looks) > RESYNCS:
            return looks[:RESYNCS]
        time.sleep(RESYNC_SECONDS / 4)
    raise Failure(f"the operator does not look again every {RESYNC_SECONDS} s; its log is {operator.log}")


def _versions(operator):
    return [item["metadata"]["resourceVersion"] for item in operator.pipelines()["items"]]


def cold(bench, runs):
    """A first invocation of the sender, against the same in Python."""
    command = [venv.python(), Path(__file__).with_name("cold_starts.py"), _zip("sender"), str(runs)]
    environment = {**os.environ, **bench.variables}
    answer = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    if answer.returncode != 0:
        raise Failure(f"the cold starts could not be measured:\n{answer.stderr.strip()}")
    times = json.loads(answer.stdout)
    rust = Figure("sender: cold invocation", times["rust"], "ms")
    python = Figure("the same in Python with boto3", times["python"], "ms")
    return [rust, python, Figure("  ratio of the medians", [rust.value / python.value], "", 0.25)]


def zips():
    """How large the functions are."""
    return [Figure(f"{name}: zip", [_zip(name).stat().st_size / memory.BYTES_PER_MB], "MB", limit)
            for name, limit in ZIPS.items()]


def digests():
    """SHA-256 of the zips by name: the same source gives the same."""
    return {_zip(name).name: hashlib.sha256(_zip(name).read_bytes()).hexdigest() for name in ZIPS}


def _zip(name):
    archive = paths.FUNCTIONS / f"{name}-{ARCHITECTURES.get(platform.machine(), 'x86_64')}.zip"
    if not archive.exists():
        raise Failure(f"{archive} is missing; build it with `make functions`")
    return archive
