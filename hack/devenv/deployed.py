"""The operator as its Deployment would run it: with the Deployment's own arguments, environment and identity."""

from __future__ import annotations

import re
import time
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from . import cloud, kubelet, paths
from .console import Failure, tail
from .process import Process, Registry
from .release import Release

WAIT_SECONDS = 90
GRACE_SECONDS = 60  # as the Deployment gives it
PROBES = ("startupProbe", "livenessProbe", "readinessProbe")


@dataclass(frozen=True)
class Operator:
    """The operator's process."""

    process: Process
    container: kubelet.Container
    log: Path

    @property
    def address(self) -> str:
        """Where it serves metrics."""
        return self.container.environment["TASK_PIPELINES_METRICS_ADDRESS"]

    def probe_url(self, probe: dict[str, Any]) -> str:
        """What the kubelet asks: the chart's port `probes` stands for where it listens for that."""
        get = probe["httpGet"]
        address = self.container.environment[f"TASK_PIPELINES_{get['port'].upper()}_ADDRESS"]
        return f"http://{address}{get['path']}"

    def wait_for(self, what: str, holds: Callable[[], bool], seconds: int = WAIT_SECONDS) -> None:
        """Waits until something holds, for as long as the operator lives."""
        deadline = time.monotonic() + seconds
        while not holds():
            if not self.process.alive():
                raise self.failure(f"the operator ended before {what}")
            if time.monotonic() > deadline:
                raise self.failure(f"after {seconds} seconds there is still not {what}")
            time.sleep(0.3)

    def metric(self, series: str) -> float:
        """The sum of a metric's values; of those series alone that the pattern matches from the start."""
        with urllib.request.urlopen(f"http://{self.address}/metrics", timeout=5) as answer:
            lines = answer.read().decode().splitlines()
        return sum(float(line.rpartition(" ")[2]) for line in lines if re.match(series, line))

    def stop(self) -> None:
        """Stops it as the kubelet would; it must end well, and the API server must not have refused it anything."""
        self.process.stop(GRACE_SECONDS)
        if self.process.exit_code() != 0:
            raise self.failure(f"the operator ended with {self.process.exit_code()} on SIGTERM, not with 0")
        for line in self.log.read_text(errors="replace").splitlines():
            if "forbidden" in line.lower():
                raise Failure(f"the API server refused the operator something:\n{line}")

    def failure(self, what: str) -> Failure:
        """A failure that shows the operator's log."""
        return Failure(f"{what}; the operator's log is {self.log} and ends with:\n{tail(self.log)}")


def start(
    release: Release, binary: Path, folder: Path, name: str = "operator", functions: Path = paths.FUNCTIONS
) -> Operator:
    """Starts the operator as the release's Deployment says, and waits until its probes succeed. It is stopped with the
    environment that is in `folder`."""
    pod = release.pod()
    (described,) = pod["containers"]
    place = folder / name
    place.mkdir()
    container = kubelet.container(release.cluster, release.namespace, pod, place, functions)
    log = folder / f"{name}.log"
    process = Registry(folder).start(name, [binary, *container.arguments], container.environment, log)
    operator = Operator(process, container, log)
    for probe in PROBES:
        url = operator.probe_url(described[probe])
        operator.wait_for(f"a good answer at {url}", partial(cloud.answers, url))
    return operator
