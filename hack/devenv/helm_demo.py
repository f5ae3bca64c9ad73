"""Proves the chart: installs it with helm, and runs the operator as its Deployment would, and its test.

There is no kubelet here, so this plays its part, and the API server enforces the chart's RBAC on what it starts. Done
twice, in one API server: serving one namespace, and serving all of them, with an upgrade, a rollback, and an uninstall
while a pipeline lives.
"""

from __future__ import annotations

import json
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from . import (
    build, cloud, cluster, definition, deployed, environment, kubelet, monitoring, paths, release, rights, upgrades,
)
from .cluster import Cluster
from .console import Failure, note, say
from .deployed import Operator
from .release import Release

PIPELINE = "helm-demo"
ELSEWHERE = "eu-north-1"
"""A region that the configuration must allow."""
TEST_SECONDS = 90
DELETE_SECONDS = 180  # it has fired a moment ago, and its queues are counted once more a minute later


@dataclass(frozen=True)
class Ground:
    """What everything here happens on."""

    kube: Cluster
    binary: Path
    folder: Path
    variables: dict[str, str]


def run() -> None:
    """Runs it all; raises `Failure`, saying what did not hold."""
    binary = build.operator()
    build.functions()
    with environment.private(environment.FAST, with_definition=False) as (folder, variables):
        ground = Ground(cluster.of(variables), binary, folder, variables)
        one_namespace(ground)
        all_namespaces(ground)


def one_namespace(ground: Ground) -> None:
    """A release that serves its own namespace, from install to uninstall."""
    say("Installing the chart, to serve one namespace.")
    installed = Release(ground.kube, "helm-demo-one")
    installed.prepare(ground.variables)
    more = {"pacing": "off", "clusterName": "one", "watchNamespace": installed.namespace}
    values = release.write_values(ground.folder / "one.json", ground.variables, more)
    installed.helm("install", paths.CHART, f"--values={values}")
    check_rights(ground, installed, only_this_namespace=True)
    operator = deployed.start(installed, ground.binary, ground.folder, "one-namespace")
    make_pipeline(ground, installed, operator, {})
    run_test_hook(ground, installed)
    ground.kube.kubectl("delete", *pipeline(installed), "--wait=false")
    await_end(ground, installed, operator)
    operator.stop()
    uninstall(ground, installed)


def all_namespaces(ground: Ground) -> None:
    """A release that serves all namespaces: upgraded, rolled back, uninstalled and made again around a pipeline."""
    say("\nInstalling an older chart, to serve all namespaces.")
    installed = Release(ground.kube, "helm-demo-all")
    installed.prepare(ground.variables)
    allowed = {"allow": [{"namespaces": ["helm-demo-*"], "regions": [ELSEWHERE]}]}
    values = release.write_values(ground.folder / "all.json", ground.variables, {"pacing": "off", "config": allowed})
    # The definition stands there already, made by the other release.
    older = upgrades.older_chart(ground.folder)
    installed.helm("install", older, f"--values={values}", "--take-ownership")
    check_rights(ground, installed, only_this_namespace=False)
    operator = deployed.start(installed, ground.binary, ground.folder, "all-namespaces")
    make_pipeline(ground, installed, operator, {"aws": {"region": ELSEWHERE}})
    run_test_hook(ground, installed)
    say("Checking that the alerts and the dashboard find what they ask for, in a real Prometheus.")
    monitoring.check(operator.address, ground.folder / "prometheus")
    chain = upgrades.Upgrades(installed, pipeline(installed), ground.binary, ground.folder, ground.variables)
    operator = chain.up_and_back(operator, values)
    operator.stop()
    made = on_aws(ground)
    uninstall(ground, installed)
    if on_aws(ground) != made:
        raise Failure(f"uninstalling changed what is on AWS from {made} to {on_aws(ground)}")
    ground.kube.kubectl("delete", *pipeline(installed), "--wait=false")
    if not ground.kube.get(*pipeline(installed))["metadata"].get("finalizers"):
        raise Failure("a pipeline that is deleted while no operator runs does not wait for one")
    say("The pipeline is still there, and all of it on AWS. It is now deleted, and waits for an operator.")
    installed.helm("install", paths.CHART, f"--values={values}")
    operator = deployed.start(installed, ground.binary, ground.folder, "again")
    await_end(ground, installed, operator)
    operator.stop()
    uninstall(ground, installed)


def check_rights(ground: Ground, installed: Release, *, only_this_namespace: bool) -> None:
    """Fails when the Pods would not be let in, or may do what they need not."""
    rights.check_pod_security(installed)
    name = installed.pod()["serviceAccountName"]
    account = kubelet.service_account(ground.kube, installed.namespace, name, ground.folder)
    rights.check(account, installed, only_this_namespace=only_this_namespace)
    say("Its Pod passes the restricted profile, and its ServiceAccount may do what it must and no more.")


def pipeline(installed: Release) -> tuple[str, ...]:
    """How kubectl is told of the pipeline."""
    return "stp", PIPELINE, installed.within


def make_pipeline(ground: Ground, installed: Release, operator: Operator, more: dict[str, Any]) -> None:
    """A pipeline that becomes Ready, and has an event."""
    installed.secret("chat", {"slack": f"{ground.variables['TASK_PIPELINES_CHAT_URL']}/slack/helm-demo"})
    task = {"name": "greet", "message": {}, "template": "Hello from helm", "notify": ["team"]}
    channel = {"name": "team", "slack": {"webhookUrl": {"secretKeyRef": {"name": "chat", "key": "slack"}}}}
    document = {
        "apiVersion": "taskpipelines.dev/v1alpha1",
        "kind": "ScheduledTaskPipeline",
        "metadata": {"name": PIPELINE, "namespace": installed.namespace},
        "spec": {"schedule": "rate(1 hour)", "tasks": [task], "channels": [channel], **more},
    }
    ground.kube.kubectl("apply", "--filename=-", document=document)

    def is_ready() -> bool:
        conditions = ground.kube.get(*pipeline(installed)).get("status", {}).get("conditions", [])
        return any(condition["type"] == "Ready" and condition["status"] == "True" for condition in conditions)

    def has_event() -> bool:
        events = ground.kube.get("events.events.k8s.io", installed.within)["items"]
        return any(event["regarding"].get("name") == PIPELINE for event in events)

    operator.wait_for("a pipeline that is Ready", is_ready)
    say("The pipeline is Ready:")
    for line in ground.kube.kubectl("get", *pipeline(installed)).splitlines():
        note(line)
    operator.wait_for("an event about the pipeline", has_event)


def await_end(ground: Ground, installed: Release, operator: Operator) -> None:
    """Waits for the end of a pipeline that is deleted, and looks at AWS."""
    operator.wait_for("the deleted pipeline's end", lambda: not ground.kube.has(*pipeline(installed)), DELETE_SECONDS)
    left = on_aws(ground)
    if left:
        raise Failure(f"the pipeline is deleted, but this is left on AWS: {left}")
    say("The pipeline is gone again, and all of it on AWS.")


def on_aws(ground: Ground) -> list[tuple[str, ...]]:
    """What is on AWS, in every region that pipelines are in."""
    regions = (ground.variables["AWS_REGION"], ELSEWHERE)
    found = [cloud.resources({**ground.variables, "AWS_REGION": name, "AWS_DEFAULT_REGION": name}) for name in regions]
    return sorted(row for rows in found for row in rows)


def run_test_hook(ground: Ground, installed: Release) -> None:
    """Runs the release's test, a Pod, as `helm test` would have it run."""
    manifest = ground.kube.helm("get", "hooks", release.NAME, installed.within)
    # Asking the API server also shows that the Pod passes the namespace's restricted profile.
    created = ("create", "--dry-run=server", "--filename=-", "--output=json", installed.within)
    pod = json.loads(ground.kube.kubectl(*created, stdin=manifest))["spec"]
    test = kubelet.container(ground.kube, installed.namespace, pod, ground.folder)
    done = subprocess.run(
        [ground.binary, *test.arguments], env=test.environment, cwd="/", capture_output=True, text=True, check=False,
        timeout=TEST_SECONDS,
    )
    if done.returncode != 0:
        raise Failure(f"the chart's test ended with {done.returncode}:\n{done.stdout}{done.stderr}")
    say("The chart's test passes:")
    for line in done.stdout.splitlines():
        note(line)


def uninstall(ground: Ground, installed: Release) -> None:
    """Uninstalls; what must be kept is kept, and nothing else is."""
    before = [ground.kube.has(*pipeline(installed)), ground.kube.get("crd", definition.NAME)["metadata"]["uid"]]
    installed.helm("uninstall", "--wait")
    if before != [ground.kube.has(*pipeline(installed)), ground.kube.get("crd", definition.NAME)["metadata"]["uid"]]:
        raise Failure("uninstalling did not keep the definition with its pipelines")
    released = f"--selector=app.kubernetes.io/instance={release.NAME}"
    if ground.kube.kubectl("get", "clusterroles,clusterrolebindings", released, "--output=name"):
        raise Failure("uninstalling left roles behind")
    say("Uninstalled; the definition is kept.")
