"""What is measured: each function is a scenario, and returns its figures."""

from __future__ import annotations

import hashlib
import json
import os
import platform
import subprocess
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import memory
import pacing
import pipeline
from devenv import paths, venv
from devenv.console import Failure
from emulator import NO_DELAYS
from figures import Figure, bursts

if TYPE_CHECKING:
    from sizes import Sizes
    from subject import Bench, Operator

LATENCY_MS = 30
UNPACED = ("--pacing", "off")
WAITS_FOR_REPORTS = "ReceiveMessage"
ZIPS = {"sender": 3.0, "runner": 4.5}
ARCHITECTURES = {"aarch64": "arm64", "arm64": "arm64"}


def warm_up(bench: Bench, binary: Path) -> list[Figure]:
    """One pipeline unmeasured: both servers do some of their work once, at its first use."""
    with bench.operator(binary, NO_DELAYS, *UNPACED) as operator:
        operator.apply(["warm-up"])
    return []


def one(bench: Bench, binary: Path, sizes: Sizes) -> list[Figure]:
    """One pipeline, nothing slow."""
    ready, calls, settled, gone = [], [], [], []
    for _ in range(sizes.runs):
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


def many(bench: Bench, binary: Path, sizes: Sizes) -> list[Figure]:
    """Many pipelines at once, nothing slow, and the memory they take."""
    ready, calls, steady, peak = [], [], [], []
    kinds: dict[str, list[float]] = {}
    for _ in range(sizes.runs):
        with bench.operator(binary, NO_DELAYS, *UNPACED) as operator:
            ready.append(operator.apply([f"many-{at}" for at in range(sizes.many)]))
            calls.append(len(operator.calls()) / sizes.many)
            operator.await_idle(seconds=2)
            steady.append(memory.now(operator.pid))
            peak.append(memory.peak(operator.pid))
            for kind, size in memory.breakdown(operator.pid).items():
                kinds.setdefault(kind, []).append(size)
    of_all = f"{sizes.many} pipelines"
    return [Figure(f"{of_all}: apply to all Ready", ready, "s", 5.0, "26 s"),
            Figure(f"{of_all}: AWS calls each", calls),
            Figure(f"{of_all}: memory afterwards", steady, "MB", 40, "223 MB, four processes", by_worst=True),
            *(Figure(f"  of it {kind}", samples, "MB") for kind, samples in kinds.items()),
            Figure(f"{of_all}: memory at its peak", peak, "MB", 40, by_worst=True)]


def slow(bench: Bench, binary: Path, sizes: Sizes) -> list[Figure]:
    """One pipeline, with latency and roles that take their time as on AWS."""
    ready, delays = [], {"roleDelaySeconds": sizes.role_seconds, "pendingSeconds": 0, "latencyMs": LATENCY_MS}
    for _ in range(sizes.runs):
        with bench.operator(binary, delays, *UNPACED) as operator:
            ready.append(operator.apply(["slow"]))
    return [Figure(f"1 pipeline, {LATENCY_MS} ms a call, roles after {sizes.role_seconds} s", ready, "s", 9.5)]


def paced(bench: Bench, binary: Path, sizes: Sizes) -> list[Figure]:
    """Pipelines with calls paced as by default, against the least time that the same calls take at that pace."""
    with bench.operator(binary, NO_DELAYS) as operator:
        one = operator.apply(["paced"])
    with bench.operator(binary, NO_DELAYS) as operator:
        all_of_them = operator.apply([f"paced-{at}" for at in range(sizes.idle)])
        bare = pacing.least_seconds(operator.calls())
    return [Figure("1 pipeline, default pacing", [one], "s"),
            Figure(f"{sizes.idle} pipelines, default pacing", [all_of_them], "s"),
            Figure("  the same calls by a bare client at the same pace", [bare], "s"),
            Figure("  ratio", [all_of_them / bare], "", 1.5)]


def idle(bench: Bench, binary: Path, sizes: Sizes) -> list[Figure]:
    """What unchanged pipelines cost, how soon a change on AWS is found, and that trouble stays where it is."""
    names = [f"idle-{at}" for at in range(sizes.idle)]
    settings = ("--sweep-seconds", str(sizes.sweep_seconds), "--resync-seconds", "1", *UNPACED)
    with bench.operator(binary, NO_DELAYS, *settings) as operator:
        operator.apply(names)
        # The first sweep finds what was written and not observed yet, and has it read once more.
        sweeps = _sweeps(operator, sizes, skip=2)
        before = _versions(operator)
        sweeps = _sweeps(operator, sizes, skip=0)
        polls = _polls_a_minute(operator)
        written = sum(now != then for now, then in zip(_versions(operator), before, strict=True))
        found = operator.drift()
    reads = [sum(not call["write"] for call in sweep) / sizes.idle for sweep in sweeps]
    writes = [sum(call["write"] for call in sweep) for sweep in sweeps]
    of_all = f"{sizes.idle} pipelines"
    return [Figure(f"{of_all}, 1 sweep: AWS reads each", reads, "", 5, "55", by_worst=True),
            Figure(f"{of_all}, 1 sweep: AWS writes", writes, "", 0, "2 each", by_worst=True),
            Figure(f"{of_all}: reads of the inbox a minute, for all together", [polls], "", 6),
            Figure(f"{of_all}, all sweeps: pipelines written", [written], "", 0),
            Figure("a change on AWS is put right within so many sweeps", [found / sizes.sweep_seconds], "", 1.2)]


def _sweeps(operator: Operator, sizes: Sizes, skip: int) -> list[list[dict[str, Any]]]:
    """The calls of each of some sweeps from now on; the last one seen may not be over, and is left out."""
    operator.bench.emulator.forget_calls(operator.account)
    wanted = sizes.sweeps + skip
    deadline = time.monotonic() + 10 * sizes.sweep_seconds * wanted
    while time.monotonic() < deadline:
        calls = [call for call in operator.calls() if call["operation"] != WAITS_FOR_REPORTS]
        sweeps = bursts(calls, gap_seconds=sizes.sweep_seconds / 2)
        if len(sweeps) > wanted:
            return sweeps[skip:wanted]
        time.sleep(sizes.sweep_seconds / 4)
    raise Failure(f"the operator does not sweep every {sizes.sweep_seconds} s; its log is {operator.log}")


def _polls_a_minute(operator: Operator) -> float:
    """How often the inbox was read since calls were forgotten: by a call that waits for reports, whatever the sweeps do."""
    calls = operator.calls()
    polls: int = sum(call["operation"] == WAITS_FOR_REPORTS for call in calls)
    seconds: float = calls[-1]["time"] - calls[0]["time"]
    return polls * 60 / seconds


def trouble(bench: Bench, binary: Path, sizes: Sizes) -> list[Figure]:
    """How long a pipeline takes beside others whose calls hang, against one that is alone."""
    alone, beside = [], []
    for _ in range(sizes.runs):
        with bench.operator(binary, NO_DELAYS, *UNPACED) as operator:
            alone.append(operator.apply(["alone"]))
        with bench.operator(binary, NO_DELAYS, *UNPACED) as operator:
            bench.emulator.hang(operator.account, "PutParameter")
            operator.start([f"stuck-{at}" for at in range(sizes.troubled)])
            # Until nothing but the hanging calls is left of them.
            operator.await_no_calls(seconds=2)
            beside.append(operator.apply(["beside"], pipeline.without_secrets))
    ratio = Figure("beside", beside).value / Figure("alone", alone).value
    return [Figure("1 pipeline alone", alone, "s"),
            Figure(f"1 pipeline beside {sizes.troubled} whose calls hang", beside, "s"),
            Figure("  ratio of the medians", [ratio], "", 1.5)]


def _versions(operator: Operator) -> list[str]:
    return [item["metadata"]["resourceVersion"] for item in operator.pipelines()["items"]]


def cold(bench: Bench, sizes: Sizes) -> list[Figure]:
    """A first invocation of the sender, against the same in Python."""
    command: list[str | Path] = [venv.python(), Path(__file__).with_name("cold_starts.py"), _zip("sender"), str(sizes.runs)]
    environment = {**os.environ, **bench.variables}
    answer = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    if answer.returncode != 0:
        raise Failure(f"the cold starts could not be measured:\n{answer.stderr.strip()}")
    times = json.loads(answer.stdout)
    rust = Figure("sender: cold invocation", times["rust"], "ms")
    python = Figure("the same in Python with boto3", times["python"], "ms")
    return [rust, python, Figure("  ratio of the medians", [rust.value / python.value], "", 0.25)]


def zips(_bench: Bench, _sizes: Sizes) -> list[Figure]:
    """How large the functions are."""
    return [Figure(f"{name}: zip", [_zip(name).stat().st_size / memory.BYTES_PER_MB], "MB", limit)
            for name, limit in ZIPS.items()]


def digests() -> dict[str, str]:
    """SHA-256 by name of the zips that there are: the same source gives the same."""
    archives = filter(Path.exists, map(_path, ZIPS))
    return {archive.name: hashlib.sha256(archive.read_bytes()).hexdigest() for archive in archives}


def _zip(name: str) -> Path:
    archive = _path(name)
    if not archive.exists():
        raise Failure(f"{archive} is missing; build it with `make functions`")
    return archive


def _path(name: str) -> Path:
    return paths.FUNCTIONS / f"{name}-{ARCHITECTURES.get(platform.machine(), 'x86_64')}.zip"
