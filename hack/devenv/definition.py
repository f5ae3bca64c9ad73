"""The pipelines' definition in a cluster."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from . import paths
from .console import Failure

if TYPE_CHECKING:
    from .cluster import Cluster

NAME = "scheduledtaskpipelines.taskpipelines.dev"
SERVED_SECONDS = 30


def install(cluster: Cluster) -> None:
    """Applies it, without helm, and waits until the API server serves it."""
    if not paths.CRD.exists():
        raise Failure(f"{paths.CRD.relative_to(paths.ROOT)} is missing; generate it with `make generate`")
    cluster.kubectl("apply", "--server-side", "--force-conflicts", "-f", paths.CRD)
    await_served(cluster)


def await_served(cluster: Cluster) -> None:
    """Waits until the API server serves it."""
    deadline = time.monotonic() + SERVED_SECONDS
    while not _is_established(cluster):
        if time.monotonic() > deadline:
            raise Failure(f"the API server does not serve the definition within {SERVED_SECONDS} s")
        time.sleep(0.2)


def _is_established(cluster: Cluster) -> bool:
    # `kubectl wait` takes one made this moment, without conditions, for a mistake.
    conditions = cluster.get("crd", NAME).get("status", {}).get("conditions") or []
    return any(condition["type"] == "Established" and condition["status"] == "True" for condition in conditions)
