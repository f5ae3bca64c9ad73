"""Two runs at once must not build the same thing."""

from __future__ import annotations

import contextlib
import fcntl
from collections.abc import Iterator
from pathlib import Path

from .console import note


@contextlib.contextmanager
def held(path: Path, what: str) -> Iterator[None]:
    """Holds a lock file; says so when it has to wait."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with open(path, "w") as handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            note(f"another run prepares {what}; waiting for it")
            fcntl.flock(handle, fcntl.LOCK_EX)
        yield
