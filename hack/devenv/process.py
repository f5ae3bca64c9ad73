"""Background processes, remembered in a file so that a later command can stop them, and only them."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from .console import Failure, tail

STOP_SECONDS = 10
POLL_SECONDS = 0.05
_children: dict[int, subprocess.Popen[bytes]] = {}  # those of this run, by id


@dataclass(frozen=True)
class Process:
    """A process that we started: its id alone could by now be somebody else's."""

    name: str
    pid: int
    born: str

    def alive(self) -> bool:
        """Whether this very process still runs."""
        return _born(self.pid) == self.born

    def exit_code(self) -> int | None:
        """How it ended; None while it runs, or where it was not this run that started it."""
        child = _children.get(self.pid)
        if child is None or self.alive():
            return None
        # Its first thread can be gone while others still end, and only then is there a code.
        return child.wait(STOP_SECONDS)

    def stop(self, seconds: float | None = None) -> None:
        """Asks it to end, then makes it and its children."""
        if not self.alive():
            return
        # It may end by itself at any moment, and must not keep the others from being stopped.
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.pid, signal.SIGTERM)
            if not self._ends_within(STOP_SECONDS if seconds is None else seconds):
                os.killpg(self.pid, signal.SIGKILL)
                self._ends_within(STOP_SECONDS)

    def _ends_within(self, seconds: float) -> bool:
        deadline = time.monotonic() + seconds
        while self.alive() and time.monotonic() < deadline:
            time.sleep(POLL_SECONDS)
            _reap(self.pid)
        return not self.alive()


class Registry:
    """The processes of one state folder."""

    def __init__(self, folder: Path) -> None:
        self.file = folder / "processes.json"

    def all(self) -> list[Process]:
        """Those recorded, in the order of their start."""
        if not self.file.exists():
            return []
        return [Process(**record) for record in json.loads(self.file.read_text())]

    def alive(self, name: str) -> bool:
        """Whether the process of this name runs."""
        return any(process.name == name and process.alive() for process in self.all())

    def start(self, name: str, command: Sequence[str | Path], environment: Mapping[str, str], log: Path) -> Process:
        """Starts a process in a session of its own, with this environment alone."""
        with open(log, "ab") as output:
            child = subprocess.Popen([str(part) for part in command], env=environment, stdout=output, cwd="/",
                                     stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL, start_new_session=True)
        _children[child.pid] = child
        process = Process(name, child.pid, _born(child.pid))
        self._write([*self.all(), process])
        return process

    def stop(self) -> None:
        """Stops them all, the last one first."""
        for process in reversed(self.all()):
            process.stop()
        self.file.unlink(missing_ok=True)

    def _write(self, processes: list[Process]) -> None:
        temporary = self.file.with_suffix(".tmp")
        temporary.write_text(json.dumps([asdict(process) for process in processes], indent=2))
        temporary.replace(self.file)


def free_port() -> int:
    """A port of the loopback address that nothing listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def await_ready(process: Process, log: Path, seconds: float, ready: Callable[[], Any]) -> None:
    """Waits until `ready()` is true; a failure shows the end of the log."""
    deadline = time.monotonic() + seconds
    while not ready():
        _reap(process.pid)
        if not process.alive():
            raise Failure(f"{process.name} ended at its start; the log is {log} and ends with:\n{tail(log)}")
        if time.monotonic() > deadline:
            raise Failure(f"{process.name} is not ready after {seconds} s; the log is {log} and ends with:\n{tail(log)}")
        time.sleep(POLL_SECONDS)


def _born(pid: int) -> str:
    """When a process started, in the system's own words; empty when there is none, or only its remains."""
    stat = Path(f"/proc/{pid}/stat")
    if Path("/proc/self/stat").exists():
        with contextlib.suppress(OSError):
            fields = stat.read_text().rpartition(")")[2].split()
            return "" if fields[0] == "Z" else fields[19]
        return ""
    answer = subprocess.run(["ps", "-o", "lstart=", "-p", str(pid)], capture_output=True, text=True, check=False)
    return answer.stdout.strip()


def _reap(pid: int) -> None:
    if pid in _children:
        _children[pid].poll()
