"""The whole loop, shown: the operator installed with helm, a pipeline applied with kubectl, fired by its schedule, read
in a chat, looked at with the plugin, and gone again."""

from __future__ import annotations

import json
import shlex
import textwrap
import time
import urllib.request
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from . import build, cloud, cluster, console, deployed, environment, paths, release, tools, venv
from .console import Failure, note, say

if TYPE_CHECKING:
    from .cluster import Cluster

EXAMPLE = paths.ROOT / "examples" / "demo.yaml"
PIPELINE = "scheduledtaskpipeline/demo"
NAMESPACE = "task-pipelines"
READY_SECONDS = 120
FIRE_SECONDS = 90
REPORT_SECONDS = 60
DELETE_SECONDS = 330  # the runner may drain for five minutes
POLL_SECONDS = 0.5
STEPS = (
    "Get the tools: a Kubernetes API server, kubectl, helm, an AWS that runs on this machine",
    "Build the operator, the kubectl plugin and the two Lambda functions, for debugging",
    "Start Kubernetes, AWS and a chat",
    "Install the operator with helm",
    "Run it as its Deployment says",
    f"Create the Secret with the chat's address and apply {EXAMPLE.relative_to(paths.ROOT)}",
    "Wait until the operator has made it on AWS",
    f"Wait for the schedule to fire and the message to arrive (at most {FIRE_SECONDS} s)",
    "Look at it with the kubectl plugin",
    "Delete the pipeline, a minute after its last run, and look at what is left on AWS",
    "Uninstall the operator, and stop everything",
)


def run() -> None:
    """Runs the demo; raises `Failure` when anything is not as it should be."""
    started = time.monotonic()
    steps = _steps()
    next(steps)
    note("cargo builds the next step's programs beside this one")
    with build.debug() as finish:
        for tool in (tools.kube_apiserver, tools.etcd, tools.kubectl, tools.helm, tools.uv, venv.python):
            tool()
        next(steps)
        built = finish()
    next(steps)
    with environment.private(with_definition=False) as (folder, variables):
        note(f"Kubernetes from {variables['KUBECONFIG']}")
        note(f"AWS at {variables['AWS_ENDPOINT_URL']}, chat at {variables['TASK_PIPELINES_CHAT_URL']}")
        _loop(steps, _with_plugin(cluster.of(variables), folder, built.plugin), folder, variables, built)
    say(f"\nDone in {console.elapsed(started)}. Next: `make up`, `make run`, and your own pipeline (see README.md).")


def _loop(steps: Iterator[None], kube: Cluster, folder: Path, variables: dict[str, str], built: build.Debug) -> None:
    next(steps)
    installed = release.Release(kube, NAMESPACE)
    installed.prepare(variables)
    values = release.write_values(folder / "values.json", variables, {"clusterName": "demo"})
    note("into a namespace of its own; the values are this machine's AWS, and keys from the Secret aws")
    _helm(installed, "install", paths.CHART.relative_to(paths.ROOT), f"--values={values}")
    next(steps)
    note("There is no kubelet here to start its Pod. So this starts the same program as a process, with what the Pod")
    note("would get: the Deployment's arguments and environment, its Secrets, a token of its ServiceAccount.")
    operator = deployed.start(installed, built.operator, folder, functions=built.functions)
    command = shlex.join(["task-pipelines", *operator.container.arguments])
    note(f"`{command}` is ready, as its probes say; its log is {operator.log}")
    try:
        _pipeline(steps, kube, variables)
    except Failure as failure:
        raise operator.failure(str(failure)) from failure
    next(steps)
    operator.stop()
    note("the operator ended, as on SIGTERM it should")
    _helm(installed, "uninstall")


def _pipeline(steps: Iterator[None], kube: Cluster, variables: dict[str, str]) -> None:
    next(steps)
    chat = variables["TASK_PIPELINES_CHAT_URL"]
    _kubectl(kube, "create", "secret", "generic", "chat", f"--from-literal=slack={chat}/slack/demo")
    _lines(EXAMPLE.read_text())
    _kubectl(kube, "apply", "--filename", EXAMPLE.relative_to(paths.ROOT))
    next(steps)
    since = time.monotonic()
    _await_ready_pipeline(kube)
    note(f"Ready after {time.monotonic() - since:.1f} s, with {_summary(cloud.resources(variables))}")
    _kubectl(kube, "get", "pipelines")
    next(steps)
    message = _await("message in the chat", FIRE_SECONDS, lambda: _message(chat))
    note(f"the chat received, after {time.monotonic() - since:.0f} s:")
    _lines(message["text"])
    next(steps)
    _await("report of a run that ended", REPORT_SECONDS, lambda: _has_ended_run(kube))
    _kubectl(kube, "pipelines", "status", "demo")
    next(steps)
    _kubectl(kube, "delete", PIPELINE, f"--timeout={DELETE_SECONDS}s")
    left = cloud.resources(variables)
    if left:
        raise Failure("the pipeline is deleted, but this is left on AWS:\n" + "\n".join(map(" ".join, left)))
    note("left on AWS is nothing: no schedule, function, queue, role, log group or parameter")


def _with_plugin(kube: Cluster, folder: Path, plugin: Path) -> Cluster:
    """The same, with the plugin where kubectl finds it: in the search path."""
    (folder / "bin").mkdir()
    (folder / "bin" / plugin.name).symlink_to(plugin.resolve())
    return replace(kube, search_path=f"{folder / 'bin'}:{kube.search_path}")


def _await_ready_pipeline(kube: Cluster) -> None:
    try:
        kube.kubectl("wait", "--for=condition=Ready", PIPELINE, f"--timeout={READY_SECONDS}s")
    except Failure as failure:
        status = kube.get(PIPELINE).get("status", {})
        raise Failure(f"{failure}\nIts status:\n{json.dumps(status, indent=2)}") from failure


def _await(what: str, seconds: float, found: Callable[[], Any]) -> Any:
    """Waits until `found` has something, and returns it."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if it := found():
            return it
        time.sleep(POLL_SECONDS)
    raise Failure(f"there is no {what} after {seconds} s")


def _message(chat: str) -> dict[str, Any] | None:
    with urllib.request.urlopen(f"{chat}/_messages", timeout=5) as answer:
        return next((message for message in json.load(answer) if message["status"] == 200), None)


def _has_ended_run(kube: Cluster) -> bool:
    return any(run["result"] != "Running" for run in kube.get(PIPELINE)["status"].get("runs", []))


def _summary(resources: Iterable[tuple[str, str]]) -> str:
    counts = Counter(kind for kind, _ in resources)
    return ", ".join(f"{count} {kind}{'s' if count > 1 else ''}" for kind, count in sorted(counts.items()))


def _steps() -> Iterator[None]:
    for number, title in enumerate(STEPS, 1):
        say(f"{'' if number == 1 else chr(10)}[{number}/{len(STEPS)}] {title}")
        yield


def _helm(installed: release.Release, action: str, *arguments: str | Path) -> None:
    """Runs helm as a user would type it, and shows what it says."""
    said = installed.helm(action, *arguments)
    _show(shlex.join(["helm", action, release.NAME, *map(str, arguments), installed.within]), said)


def _kubectl(kube: Cluster, *arguments: str | Path) -> None:
    """Runs kubectl as a user would type it, and shows what it says."""
    _show(shlex.join(["kubectl", *map(str, arguments)]), kube.kubectl(*arguments))


def _show(command: Sequence[str | Path], said: str) -> None:
    say(f"    $ {command}")
    _lines(said)


def _lines(text: str) -> None:
    say(textwrap.indent(text.rstrip(), "    | ", lambda _: True))
