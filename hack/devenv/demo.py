"""The whole loop, shown: a pipeline applied with kubectl, fired by its schedule, read in a chat, and gone again."""

import json
import textwrap
import time
import urllib.request
from collections import Counter

from . import build, cloud, console, environment, paths, tools, venv
from .console import Failure, note, say
from .process import Registry, await_ready

EXAMPLE = paths.ROOT / "examples" / "demo.yaml"
PIPELINE = "scheduledtaskpipeline/demo"
READY_SECONDS = 120
FIRE_SECONDS = 90
DELETE_SECONDS = 330  # the runner may drain for five minutes
POLL_SECONDS = 0.5
TOTAL = 8


def run():
    """Runs the demo; raises `Failure` when anything is not as it should be."""
    started = time.monotonic()
    _step(1, "Get the tools: a Kubernetes API server, kubectl, an AWS that runs on this machine")
    for tool in (tools.kube_apiserver, tools.etcd, tools.kubectl, venv.python):
        tool()
    _step(2, "Build the operator and the two Lambda functions")
    operator = build.operator()
    build.functions()
    _step(3, "Start Kubernetes, AWS and a chat")
    with environment.private() as (folder, variables):
        note(f"Kubernetes from {variables['KUBECONFIG']}")
        note(f"AWS at {variables['AWS_ENDPOINT_URL']}, chat at {variables['TASK_PIPELINES_CHAT_URL']}")
        log = _start_operator(operator, folder, variables)
        try:
            _loop(variables)
        except Failure as failure:
            raise Failure(f"{failure}\nThe operator's log is {log} and ends with:\n{console.tail(log)}") from failure
    say(f"\nDone in {console.elapsed(started)}. Next: `make up`, `make run`, and your own pipeline (see README.md).")


def _loop(variables):
    _step(4, f"Create the Secret with the chat's address and apply {EXAMPLE.relative_to(paths.ROOT)}")
    chat = variables["TASK_PIPELINES_CHAT_URL"]
    environment.kubectl(variables, "create", "secret", "generic", "chat", f"--from-literal=slack={chat}/slack/demo")
    _show(EXAMPLE.read_text())
    environment.kubectl(variables, "apply", "-f", EXAMPLE)
    _step(5, "Wait until the operator has made it on AWS")
    since = time.monotonic()
    _await_ready_pipeline(variables)
    note(f"Ready after {time.monotonic() - since:.1f} s, with {_summary(cloud.resources(variables))}")
    _show(environment.kubectl(variables, "get", "pipelines"))
    _step(6, f"Wait for the schedule to fire and the message to arrive (at most {FIRE_SECONDS} s)")
    message = _await_message(chat)
    note(f"the chat received, after {time.monotonic() - since:.0f} s:")
    _show(message["text"])
    _step(7, "Delete the pipeline and look at what is left on AWS")
    environment.kubectl(variables, "delete", PIPELINE, f"--timeout={DELETE_SECONDS}s")
    left = cloud.resources(variables)
    if left:
        raise Failure("the pipeline is deleted, but this is left on AWS:\n" + "\n".join(map(" ".join, left)))
    note("nothing: no schedule, function, queue, role, log group or parameter")
    _step(8, "Stop everything")


def _await_ready_pipeline(variables):
    try:
        environment.kubectl(variables, "wait", "--for=condition=Ready", PIPELINE, f"--timeout={READY_SECONDS}s")
    except Failure as failure:
        status = json.loads(environment.kubectl(variables, "get", PIPELINE, "-o", "json")).get("status", {})
        raise Failure(f"{failure}\nIts status:\n{json.dumps(status, indent=2)}") from failure


def _await_message(chat):
    deadline = time.monotonic() + FIRE_SECONDS
    while time.monotonic() < deadline:
        with urllib.request.urlopen(f"{chat}/_messages", timeout=5) as answer:
            delivered = [message for message in json.load(answer) if message["status"] == 200]
        if delivered:
            return delivered[0]
        time.sleep(POLL_SECONDS)
    raise Failure(f"no message arrived in {FIRE_SECONDS} s")


def _start_operator(binary, folder, variables):
    """Starts the operator; it is stopped with the rest of the environment."""
    log = folder / "operator.log"
    settings = {"PATH": "/usr/bin:/bin", "HOME": str(folder), **variables,
                "TASK_PIPELINES_FUNCTIONS_DIR": str(paths.FUNCTIONS), "TASK_PIPELINES_LOG_FORMAT": "text"}
    process = Registry(folder).start("operator", [binary, "run"], settings, log)
    await_ready(process, log, READY_SECONDS, lambda: log.stat().st_size > 0)
    return log


def _summary(resources):
    counts = Counter(kind for kind, _ in resources)
    return ", ".join(f"{count} {kind}{'s' if count > 1 else ''}" for kind, count in sorted(counts.items()))


def _step(number, title):
    say(f"{'' if number == 1 else chr(10)}[{number}/{TOTAL}] {title}")


def _show(text):
    say(textwrap.indent(text.rstrip(), "    | "))
