"""An environment: control plane, AWS and chat, with their state in one folder."""

from __future__ import annotations

import contextlib
import shutil
import signal
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path

from . import cloud, cluster, control_plane, definition
from .console import note
from .process import Registry

FAST = {"STRICT_ROLE_DELAY_SECONDS": "0.3", "STRICT_PENDING_SECONDS": "0.1"}
"""Delays for tests: long enough that everybody has to wait once."""
REAL = {"STRICT_ROLE_DELAY_SECONDS": "10", "STRICT_PENDING_SECONDS": "3"}
"""Delays as AWS has them, for a soak."""


@contextlib.contextmanager
def private(settings: Mapping[str, str] | None = None, chat: bool = True,
            with_definition: bool = True) -> Iterator[tuple[Path, dict[str, str]]]:
    """A fresh environment on free ports: yields its folder and variables, and is gone afterwards.
    Without `with_definition` the API server does not know pipelines yet.

    The folder with its logs is kept when something fails.
    """
    folder = Path(tempfile.mkdtemp(prefix="task-pipelines-"))
    registry = Registry(folder)
    try:
        try:
            variables = start(registry, folder, settings or {}, chat)
            if with_definition:
                definition.install(cluster.of(variables))
            yield folder, variables
        finally:
            _stop(registry)
    except BaseException:
        note(f"logs are kept in {folder}")
        raise
    shutil.rmtree(folder, ignore_errors=True)


def _stop(registry: Registry) -> None:
    """Stops all, whatever else the user presses."""
    before = {number: signal.signal(number, signal.SIG_IGN) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        registry.stop()
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def start(registry: Registry, folder: Path, settings: Mapping[str, str], chat: bool) -> dict[str, str]:
    """Starts all of it in the folder; returns the variables that lead to it."""
    kubeconfig = control_plane.start(registry, folder / "kubernetes")
    url = cloud.start_aws(registry, folder / "aws", settings)
    variables = {"KUBECONFIG": str(kubeconfig), **cloud.variables(url)}
    if chat:
        variables["TASK_PIPELINES_CHAT_URL"] = cloud.start_chat(registry, folder)
    return variables
