"""Two runs at once must not build the same thing."""

import contextlib
import fcntl

from .console import note


@contextlib.contextmanager
def held(path, what):
    """Holds a lock file; says so when it has to wait."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with open(path, "w") as handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            note(f"another run prepares {what}; waiting for it")
            fcntl.flock(handle, fcntl.LOCK_EX)
        yield
