"""An environment: control plane, AWS and chat, with their state in one folder."""

import contextlib
import json
import shlex
import shutil
import signal
import subprocess
import tempfile
import time
from pathlib import Path

from . import cloud, control_plane, paths, tools
from .console import Failure, note
from .process import Registry

FAST = {"STRICT_ROLE_DELAY_SECONDS": "0.3", "STRICT_PENDING_SECONDS": "0.1"}
"""Delays for tests: long enough that everybody has to wait once."""
REAL = {"STRICT_ROLE_DELAY_SECONDS": "10", "STRICT_PENDING_SECONDS": "3"}
"""Delays as AWS has them, for a soak."""


@contextlib.contextmanager
def private(settings=None, chat=True):
    """A fresh environment on free ports: yields its folder and variables, and is gone afterwards.

    The folder with its logs is kept when something fails.
    """
    folder = Path(tempfile.mkdtemp(prefix="task-pipelines-"))
    registry = Registry(folder)
    try:
        try:
            yield folder, start(registry, folder, settings or {}, chat)
        finally:
            _stop(registry)
    except BaseException:
        note(f"logs are kept in {folder}")
        raise
    shutil.rmtree(folder, ignore_errors=True)


def _stop(registry):
    """Stops all, whatever else the user presses."""
    before = {number: signal.signal(number, signal.SIG_IGN) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        registry.stop()
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def start(registry, folder, settings, chat):
    """Starts all of it in the folder; returns the variables that lead to it."""
    kubeconfig = control_plane.start(registry, folder / "kubernetes")
    url = cloud.start_aws(registry, folder / "aws", settings)
    variables = {"KUBECONFIG": str(kubeconfig), **cloud.variables(url)}
    if chat:
        variables["TASK_PIPELINES_CHAT_URL"] = cloud.start_chat(registry, folder)
    install_crd(variables)
    return variables


def install_crd(variables):
    """Applies the CRD, and waits until the API server serves it."""
    if not paths.CRD.exists():
        raise Failure(f"{paths.CRD.relative_to(paths.ROOT)} is missing; generate it with `make crd`")
    kubectl(variables, "apply", "--server-side", "--force-conflicts", "-f", paths.CRD)
    deadline = time.monotonic() + 30
    while not is_established(variables):
        if time.monotonic() > deadline:
            raise Failure("the API server does not serve the CRD within 30 s")
        time.sleep(0.2)


def is_established(variables):
    """Whether the API server serves the CRD. `kubectl wait` takes one made this moment, without conditions, for a mistake."""
    crd = json.loads(kubectl(variables, "get", "-f", paths.CRD, "-o", "json"))
    conditions = crd.get("status", {}).get("conditions") or []
    return any(condition["type"] == "Established" and condition["status"] == "True" for condition in conditions)


def kubectl(variables, *arguments, stdin=None):
    """Runs kubectl and returns its output; a failure says what it said."""
    command = [str(part) for part in (tools.kubectl(), *arguments)]
    # Its cache of what a server offers must not outlive the server.
    settings = {"PATH": "/usr/bin:/bin", "HOME": str(Path(variables["KUBECONFIG"]).parent), "KUBECONFIG": variables["KUBECONFIG"]}
    answer = subprocess.run(command, env=settings, capture_output=True, text=True, input=stdin, check=False)
    if answer.returncode != 0:
        raise Failure(f"`kubectl {shlex.join(command[1:])}` failed:\n{(answer.stderr or answer.stdout).strip()}")
    return answer.stdout
