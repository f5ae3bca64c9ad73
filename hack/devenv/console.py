"""What the user sees, and commands run with their output in a log."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

PROGRESS_SECONDS = 5
QUIET_PROGRESS_SECONDS = 15  # where lines stay, as in the log of a CI run
TAIL_LINES = 15


class Failure(Exception):
    """Something the user has to know: what is wrong and what to do. Shown without a traceback."""


def say(text):
    """One line for the user."""
    print(text, flush=True)


def note(text):
    """A line that belongs to the step above it."""
    say(f"    {text}")


def run(command, what, log, **options):
    """Runs a command with its output in the log; every few seconds says that it still runs, and at what."""
    with begun(command, what, log, **options) as finish:
        finish()


@contextlib.contextmanager
def begun(command: Sequence[str | Path], what: str, log: Path, **options: Any) -> Iterator[Callable[[], None]]:
    """Runs a command beside the block, which gets what waits for its end, as `run` does; a block that fails ends it."""
    started = time.monotonic()
    with open(log, "ab") as output:
        process = subprocess.Popen([str(part) for part in command], stdout=output, stderr=subprocess.STDOUT, **options)

    def finish() -> None:
        wait(process, what, log, started)
        if process.returncode != 0:
            raise Failure(f"{what} failed (exit {process.returncode}); the log is {log} and ends with:\n{tail(log)}")

    try:
        yield finish
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()


def wait(process, what, log, started):
    """Waits for a process, with progress: one line that is written anew on a terminal, else one now and then."""
    terminal = sys.stdout.isatty()
    while True:
        try:
            process.wait(PROGRESS_SECONDS if terminal else QUIET_PROGRESS_SECONDS)
            break
        except subprocess.TimeoutExpired:
            text = f"    {what}: {elapsed(started)}{_detail(log)}"
            print(f"\r\033[K{text}" if terminal else text, end="" if terminal else "\n", flush=True)
    if terminal:
        print("\r\033[K", end="", flush=True)


def elapsed(started):
    """Time since, such as `1 min 05 s`."""
    minutes, seconds = divmod(int(time.monotonic() - started), 60)
    return f"{minutes} min {seconds:02} s" if minutes else f"{seconds} s"


def tail(log, lines=TAIL_LINES):
    """The last lines of a file."""
    with open(log, "rb") as source:
        source.seek(0, os.SEEK_END)
        source.seek(max(0, source.tell() - 20_000))
        return "\n".join(source.read().decode("utf-8", "replace").splitlines()[-lines:])


def _detail(log):
    last = tail(log, 1).strip()
    return f" ({last[:60]})" if last else ""


def fail(failure):
    """Says what went wrong."""
    print(f"\nerror: {failure}", file=sys.stderr, flush=True)
