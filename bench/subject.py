"""What is measured: one operator process, with a namespace and an AWS account of its own."""

from __future__ import annotations

import contextlib
import itertools
import os
import subprocess
import time
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import memory
import pipeline
from apiserver import ApiServer
from devenv import paths, venv
from devenv.console import Failure, tail
from devenv.process import Process, Registry, await_ready
from emulator import Emulator

START_SECONDS = 30
STOP_SECONDS = 2
"""One that waits for calls to end does so for longer when it is asked to stop, and nothing depends on how it ends."""
CHANGE_SECONDS = 300
WATCHING = "watching pipelines"
POLL_SECONDS = 0.1
NUMBERS = itertools.count(1)


@dataclass(frozen=True)
class Bench:
    """Where all measuring happens."""

    folder: Path
    variables: dict[str, str]
    api: ApiServer
    emulator: Emulator

    @contextlib.contextmanager
    def operator(self, binary: Path, delays: Mapping[str, float], *arguments: str) -> Iterator[Operator]:
        """Starts an operator that has found its cluster and account, and has nothing to do; ends it afterwards."""
        number = next(NUMBERS)
        namespace, account = f"bench-{number}", f"{800_000_000_000 + number}"
        self.emulator.set(account, delays)
        self.api.create("/api/v1/namespaces", {"metadata": {"name": namespace}})
        self.api.create(f"/api/v1/namespaces/{namespace}/secrets", pipeline.SECRET)
        log = self.folder / f"operator-{number}.log"
        environment = {"PATH": "/usr/bin:/bin", "HOME": str(self.folder), **self.variables, "AWS_ACCESS_KEY_ID": account}
        command: list[str | Path] = [binary, "run", "--watch-namespace", namespace, "--cluster-name", "bench", "--log-format", "json",
                   "--functions-dir", paths.FUNCTIONS, *arguments]
        process = Registry(self.folder).start(f"operator-{number}", command, environment, log)
        operator = Operator(self, process, namespace, account, log)
        try:
            await_ready(process, log, START_SECONDS, lambda: WATCHING in log.read_text())
            operator.await_idle()
            self.emulator.forget_calls(account)
            yield operator
        finally:
            process.stop(STOP_SECONDS)
            self.emulator.reset()


@dataclass(frozen=True)
class Operator:
    """A running operator and what it serves."""

    bench: Bench
    process: Process
    namespace: str
    account: str
    log: Path

    @property
    def pid(self) -> int:
        """Of its process."""
        return self.process.pid

    def calls(self) -> list[dict[str, Any]]:
        """Its AWS calls."""
        return self.bench.emulator.calls(self.account)

    def pipelines(self) -> dict[str, Any]:
        """As the API server has them: the list's own resource version is that of the last change of any."""
        return self.bench.api.get(pipeline.path(self.namespace))

    def secret(self, name: str, texts: Mapping[str, str]) -> None:
        """Creates a Secret in its namespace."""
        document = {"metadata": {"name": name}, "stringData": texts}
        self.bench.api.create(f"/api/v1/namespaces/{self.namespace}/secrets", document)

    def start(self, names: Collection[str], document: Callable[[str], dict[str, Any]] = pipeline.document) -> None:
        """Creates pipelines."""
        for name in names:
            self.bench.api.create(pipeline.path(self.namespace), document(name))

    def apply(self, names: Collection[str], document: Callable[[str], dict[str, Any]] = pipeline.document) -> float:
        """Creates pipelines; returns the seconds until the last is Ready."""
        since = self.pipelines()["metadata"]["resourceVersion"]
        started = time.monotonic()
        self.start(names, document)
        return self._await(names, since, started, "Ready", lambda kind, it: kind != "DELETED" and pipeline.is_ready(it))

    def delete(self, names: Collection[str]) -> float:
        """Deletes pipelines; returns the seconds until the last is gone."""
        since = self.pipelines()["metadata"]["resourceVersion"]
        started = time.monotonic()
        for name in names:
            self.bench.api.delete(f"{pipeline.path(self.namespace)}/{name}")
        return self._await(names, since, started, "gone", lambda kind, _: kind == "DELETED")

    def drift(self) -> float:
        """Changes a queue of some pipeline by hand; returns the seconds until it is as it was."""
        command: list[str | Path] = [venv.python(), Path(__file__).with_name("drift.py"), str(CHANGE_SECONDS)]
        environment = {**os.environ, **self.bench.variables, "AWS_ACCESS_KEY_ID": self.account}
        answer = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
        if answer.returncode != 0:
            raise Failure(f"{answer.stderr.strip()}\nthe operator's log is {self.log}")
        return float(answer.stdout)

    def await_idle(self, seconds: float = 0.5) -> None:
        """Waits until it has used no processor time for so long."""
        self._await_unchanged(lambda: memory.cpu_ticks(self.pid), seconds)

    def await_no_calls(self, seconds: float) -> None:
        """Waits until no call to AWS has ended for so long. An operator that waits for calls uses processor time."""
        self._await_unchanged(lambda: len(self.calls()), seconds)

    def _await_unchanged(self, read: Callable[[], object], seconds: float) -> None:
        deadline = time.monotonic() + CHANGE_SECONDS
        value, since = read(), time.monotonic()
        while time.monotonic() - since < seconds:
            if time.monotonic() > deadline:
                raise Failure(f"the operator is still busy after {CHANGE_SECONDS} s; its log is {self.log}")
            time.sleep(POLL_SECONDS)
            if (now := read()) != value:
                value, since = now, time.monotonic()

    def _await(self, names: Collection[str], since: str, started: float, what: str,
               reached: Callable[[str, dict[str, Any]], bool]) -> float:
        missing = set(names)
        for kind, it in self.bench.api.watch(pipeline.path(self.namespace), since, started + CHANGE_SECONDS):
            if reached(kind, it):
                missing.discard(it["metadata"]["name"])
            if not missing:
                return time.monotonic() - started
        status = [item.get("status", {}).get("conditions") for item in self.pipelines()["items"]]
        raise Failure(f"{len(missing)} of {len(names)} pipelines are not {what} after {CHANGE_SECONDS} s; conditions: "
                      f"{status[:1]}; the operator's log is {self.log} and ends with:\n{tail(self.log)}")
