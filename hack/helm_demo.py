#!/usr/bin/env python3
"""Proves the chart: installs it with helm, then runs the operator as its Deployment would, and its test.

There is no kubelet here, so this plays its part: it reads the Deployment back from the API server and starts the
operator as a process, with the Deployment's own arguments, environment and a token of its ServiceAccount. The API
server thus enforces the chart's RBAC. A pipeline must become Ready and go away again, and uninstalling must keep the
definition.

Done twice: serving all namespaces, and serving one. The first touches every pipeline of the cluster, so it wants an
API server of its own: without `TASK_PIPELINES_CHAT_URL` it builds what it needs and starts a private environment.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import secrets
import shlex
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from devenv import build, cloud, monitoring, workflows
from devenv.console import Failure, fail, note, say, tail
from devenv.process import free_port

ROOT = Path(__file__).resolve().parent.parent
CHART = ROOT / "charts" / "task-pipelines"
RELEASE = "task-pipelines"
CRD = "scheduledtaskpipelines.taskpipelines.dev"
PIPELINE = "helm-demo"
CONFIGURED_REGION = "eu-north-1"
TIMEOUT_SECONDS = 90

AWS_KEYS = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")

ALLOWED = [
    ["watch", "scheduledtaskpipelines"],
    ["patch", "scheduledtaskpipelines", "--subresource=status"],
    ["get", "secrets"],
    ["get", "configmaps"],
    ["create", "events.events.k8s.io"],
]
LEASES = [["create", "leases.coordination.k8s.io"], ["get", f"leases.coordination.k8s.io/{RELEASE}"],
          ["update", f"leases.coordination.k8s.io/{RELEASE}"]]
"""In the release's own namespace, whatever is served."""
REFUSED = [
    ["list", "secrets"],
    ["create", "secrets"],
    ["create", "scheduledtaskpipelines"],
    ["delete", "scheduledtaskpipelines"],
    ["create", "pods"],
    ["list", "configmaps"],
    ["update", "leases.coordination.k8s.io/other"],
]


@dataclass(frozen=True)
class Cluster:
    """An API server, and the tools to talk to it as one user."""

    helm: str
    kubectl: str
    kubeconfig: Path
    # Their caches of what a server offers must not outlive the server.
    home: Path

    def run_helm(self, *arguments: str) -> str:
        return succeed(self.run([self.helm, *arguments]))

    def run_kubectl(self, *arguments: str, document: Any = None) -> str:
        stdin = None if document is None else json.dumps(document)
        return succeed(self.run([self.kubectl, *arguments], stdin))

    def get(self, *arguments: str) -> dict[str, Any]:
        return json.loads(self.run_kubectl("get", *arguments, "--output=json"))

    def may(self, *action: str) -> bool:
        """Whether the user may do `action`: a verb, a resource, and flags."""
        done = self.run([self.kubectl, "auth", "can-i", *action])
        # "no" may come with a reason, and with exit code 1.
        answer = done.stdout.strip().partition(" ")[0]
        if answer not in ("yes", "no"):
            raise failed(done)
        return answer == "yes"

    def run(self, command: list[str], stdin: str | None = None) -> subprocess.CompletedProcess[str]:
        environment = {"PATH": os.environ["PATH"], "HOME": str(self.home), "KUBECONFIG": str(self.kubeconfig)}
        return subprocess.run(command, env=environment, input=stdin, capture_output=True, text=True, check=False)


def succeed(done: subprocess.CompletedProcess[str]) -> str:
    if done.returncode != 0:
        raise failed(done)
    return done.stdout


def failed(done: subprocess.CompletedProcess[str]) -> Failure:
    return Failure(f"`{shlex.join(done.args)}` failed:\n{(done.stderr or done.stdout).strip()}")


def chart_values(namespace: str, *, only_this_namespace: bool) -> dict[str, Any]:
    """The chart's values for this machine's AWS endpoint, with the keys in Secret `aws` of `namespace`."""
    values: dict[str, Any] = {
        "aws": {"region": os.environ["AWS_REGION"], "endpointUrl": os.environ["AWS_ENDPOINT_URL"]},
        "pacing": "off",
        "log": {"format": "text"},
        "extraEnv": [{"name": key, "valueFrom": {"secretKeyRef": {"name": "aws", "key": key}}} for key in AWS_KEYS],
    }
    if only_this_namespace:
        values |= {"watchNamespace": namespace, "clusterName": "helm-demo"}
    else:
        values["config"] = {"allow": [{"namespaces": ["helm-demo-*"], "regions": [CONFIGURED_REGION]}]}
    return values


def container_environment(container: dict[str, Any], secret_value: Callable[[str, str], str]) -> dict[str, str]:
    """A container's environment as the kubelet would fill it in. `secret_value` gets a Secret's name and key."""
    environment = {}
    for variable in container.get("env", []):
        if "valueFrom" in variable:
            reference = variable["valueFrom"]["secretKeyRef"]
            environment[variable["name"]] = secret_value(reference["name"], reference["key"])
        else:
            environment[variable["name"]] = variable.get("value", "")
    return environment


@dataclass(frozen=True)
class Container:
    """What a Pod's one container is started with."""

    arguments: list[str]
    environment: dict[str, str]


def as_the_kubelet(
    cluster: Cluster, account: Cluster, namespace: str, pod: dict[str, Any], directory: Path
) -> Container:
    """The container as the kubelet would start it, with the identity of its ServiceAccount, `account`, and the files of
    its ConfigMaps in `directory`."""

    def secret_value(name: str, key: str) -> str:
        encoded = f"go-template={{{{index .data {json.dumps(key)} | base64decode}}}}"
        return cluster.run_kubectl("get", "secret", name, f"--namespace={namespace}", f"--output={encoded}")

    (container,) = pod["containers"]
    # Nothing else is inherited: neither the caller's AWS settings nor its home directory's. The image has uv.
    search_path = f"{Path(os.environ['TASK_PIPELINES_UV']).parent}:{os.environ['PATH']}"
    environment = {"PATH": search_path, "HOME": str(directory), "KUBECONFIG": str(account.kubeconfig)}
    environment |= container_environment(container, secret_value)
    # Where the Pod has a volume of its own to write to.
    environment["TASK_PIPELINES_CACHE_DIR"] = str(directory / "cache")
    # A Pod has all ports to itself; here somebody else may listen on the chart's.
    environment["TASK_PIPELINES_METRICS_ADDRESS"] = f"127.0.0.1:{free_port()}"
    for path, folder in mounted(cluster, namespace, pod, directory).items():
        environment = {name: value.replace(path, folder) for name, value in environment.items()}
    return Container(container["args"], environment)


def mounted(cluster: Cluster, namespace: str, pod: dict[str, Any], directory: Path) -> dict[str, str]:
    """Where the container expects its ConfigMaps, and where in `directory` their files are."""
    (container,) = pod["containers"]
    names = {volume["name"]: volume["configMap"]["name"] for volume in pod.get("volumes", []) if "configMap" in volume}
    folders = {}
    for mount in (mount for mount in container.get("volumeMounts", []) if mount["name"] in names):
        folder = directory / names[mount["name"]]
        folder.mkdir(exist_ok=True)
        for name, text in cluster.get("configmap", names[mount["name"]], f"--namespace={namespace}")["data"].items():
            (folder / name).write_text(text)
        folders[mount["mountPath"]] = str(folder)
    return folders


def with_token(admin_config: dict[str, Any], token: str, namespace: str) -> dict[str, Any]:
    """A kubeconfig for the same API server as `admin_config`'s, at home in `namespace`, with nothing but `token` to log in."""
    clusters = admin_config["clusters"]
    context = {"name": "operator", "context": {"cluster": clusters[0]["name"], "user": "operator", "namespace": namespace}}
    return {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": clusters,
        "users": [{"name": "operator", "user": {"token": token}}],
        "contexts": [context],
        "current-context": "operator",
    }


def as_service_account(cluster: Cluster, namespace: str, name: str, directory: Path) -> Cluster:
    """The same API server, seen by a ServiceAccount."""
    token = cluster.run_kubectl("create", "token", name, f"--namespace={namespace}").strip()
    admin = json.loads(cluster.run_kubectl("config", "view", "--minify", "--raw", "--output=json"))
    kubeconfig = directory / f"{name}.kubeconfig"
    kubeconfig.touch(mode=0o600)
    kubeconfig.write_text(json.dumps(with_token(admin, token, namespace)))
    return replace(cluster, kubeconfig=kubeconfig)


def check_rights(cluster: Cluster, namespace: str, *, only_this_namespace: bool) -> None:
    elsewhere = "default"
    for action in ALLOWED:
        if not cluster.may(*action, f"--namespace={namespace}"):
            raise Failure(f"the chart does not let the operator {' '.join(action)} in {namespace}")
        if cluster.may(*action, f"--namespace={elsewhere}") == only_this_namespace:
            raise Failure(f"the chart's watchNamespace makes no difference: {' '.join(action)} in {elsewhere}")
    for action in LEASES:
        if not cluster.may(*action, f"--namespace={namespace}"):
            raise Failure(f"the chart does not let the operator {' '.join(action)} in {namespace}")
        if cluster.may(*action, f"--namespace={elsewhere}"):
            raise Failure(f"the chart lets the operator {' '.join(action)} in {elsewhere}, which it does not need")
    for action in REFUSED:
        if cluster.may(*action, f"--namespace={namespace}"):
            raise Failure(f"the chart lets the operator {' '.join(action)}, which it does not need")


def check_pod_security(cluster: Cluster, namespace: str, deployment: dict[str, Any]) -> None:
    """The namespace enforces the restricted profile: a Pod of this template must pass admission."""
    template = deployment["spec"]["template"]
    metadata = {"name": "restricted", "namespace": namespace, "labels": template["metadata"]["labels"]}
    pod = {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": template["spec"]}
    cluster.run_kubectl("create", "--dry-run=server", "--filename=-", document=pod)


def namespace_document(name: str) -> dict[str, Any]:
    labels = {"pod-security.kubernetes.io/enforce": "restricted"}
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": labels}}


def secret_document(namespace: str, name: str, values: dict[str, str]) -> dict[str, Any]:
    metadata = {"name": name, "namespace": namespace}
    return {"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "stringData": values}


def pipeline_document(namespace: str, region: str | None) -> dict[str, Any]:
    """A pipeline; one in another region than the operator's is refused unless the configuration allows it."""
    elsewhere = {} if region is None else {"aws": {"region": region}}
    task = {"name": "greet", "message": {}, "template": "Hello from helm", "notify": ["team"]}
    channel = {"name": "team", "slack": {"webhookUrl": {"secretKeyRef": {"name": "chat", "key": "slack"}}}}
    return {
        "apiVersion": "taskpipelines.dev/v1alpha1",
        "kind": "ScheduledTaskPipeline",
        "metadata": {"name": PIPELINE, "namespace": namespace},
        "spec": {"schedule": "rate(1 hour)", "tasks": [task], "channels": [channel], **elsewhere},
    }


@dataclass(frozen=True)
class Operator:
    """The operator's process."""

    process: subprocess.Popen[bytes]
    log: Path

    def wait_for(self, what: str, holds: Callable[[], bool]) -> None:
        deadline = time.monotonic() + TIMEOUT_SECONDS
        while not holds():
            if self.process.poll() is not None:
                raise self.failure(f"the operator ended with {self.process.returncode} before {what}")
            if time.monotonic() > deadline:
                raise self.failure(f"after {TIMEOUT_SECONDS} seconds there is still not {what}")
            time.sleep(0.3)

    def failure(self, what: str) -> Failure:
        return Failure(f"{what}; its log is {self.log} and ends with:\n{tail(self.log)}")

    def check_log(self) -> None:
        for line in self.log.read_text(errors="replace").splitlines():
            if "forbidden" in line.lower():
                raise Failure(f"the API server refused the operator something:\n{line}")


@contextlib.contextmanager
def operator(binary: Path, container: Container, log: Path) -> Iterator[Operator]:
    """Runs the operator as `container`, and stops it as the kubelet would."""
    command = [str(binary), *container.arguments]
    with log.open("wb") as output:
        process = subprocess.Popen(
            command, env=container.environment, cwd=ROOT, stdout=output, stderr=subprocess.STDOUT
        )
    running = Operator(process, log)
    try:
        yield running
        process.terminate()
        if process.wait(timeout=60) != 0:
            raise running.failure(f"the operator ended with {process.returncode} on SIGTERM, not with 0")
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()


@contextlib.contextmanager
def live_pipeline(cluster: Cluster, namespace: str, operator: Operator, region: str | None) -> Iterator[None]:
    """A pipeline that becomes Ready, and goes away again afterwards."""
    pipeline = ("stp", PIPELINE, f"--namespace={namespace}")

    def is_ready() -> bool:
        conditions = cluster.get(*pipeline).get("status", {}).get("conditions", [])
        return any(condition["type"] == "Ready" and condition["status"] == "True" for condition in conditions)

    def is_gone() -> bool:
        return not cluster.run_kubectl("get", *pipeline, "--ignore-not-found", "--output=name").strip()

    def has_event() -> bool:
        events = cluster.get("events.events.k8s.io", f"--namespace={namespace}")["items"]
        return any(event["regarding"].get("name") == PIPELINE for event in events)

    cluster.run_kubectl("apply", "--filename=-", document=pipeline_document(namespace, region))
    operator.wait_for("a pipeline that is Ready", is_ready)
    say("The pipeline is Ready:")
    for line in cluster.run_kubectl("get", *pipeline).splitlines():
        note(line)
    operator.wait_for("an event about the pipeline", has_event)
    yield
    cluster.run_kubectl("delete", *pipeline, "--wait=false")
    operator.wait_for("the deleted pipeline's end", is_gone)
    say("The pipeline is gone again.")


def run_test_hook(cluster: Cluster, account: Cluster, binary: Path, directory: Path, namespace: str) -> None:
    """Runs the release's test, a Pod, as `helm test` would have it run."""
    manifest = cluster.run_helm("get", "hooks", RELEASE, f"--namespace={namespace}")
    # Asking the API server also shows that the Pod passes the namespace's restricted profile.
    created = ("create", "--dry-run=server", "--filename=-", "--output=json", f"--namespace={namespace}")
    pod = json.loads(succeed(cluster.run([cluster.kubectl, *created], manifest)))["spec"]
    test = as_the_kubelet(cluster, account, namespace, pod, directory)
    done = subprocess.run(
        [str(binary), *test.arguments], env=test.environment, cwd=ROOT, capture_output=True, text=True,
        check=False, timeout=TIMEOUT_SECONDS,
    )
    if done.returncode != 0:
        raise Failure(f"the chart's test ended with {done.returncode}:\n{done.stdout}{done.stderr}")
    say("The chart's test passes:")
    for line in done.stdout.splitlines():
        note(line)


def demonstrate(cluster: Cluster, binary: Path, directory: Path, *, only_this_namespace: bool) -> None:
    """One release from install to uninstall, in a namespace of its own."""
    namespace = f"helm-demo-{secrets.token_hex(3)}"
    values = directory / "values.json"
    values.write_text(json.dumps(chart_values(namespace, only_this_namespace=only_this_namespace)))
    cluster.run_kubectl("create", "--filename=-", document=namespace_document(namespace))
    try:
        keys = {key: os.environ[key] for key in AWS_KEYS}
        chat = {"slack": os.environ["TASK_PIPELINES_CHAT_URL"].rstrip("/") + "/slack/helm-demo"}
        for document in (secret_document(namespace, "aws", keys), secret_document(namespace, "chat", chat)):
            cluster.run_kubectl("create", "--filename=-", document=document)
        # The definition may stand there already, made without helm.
        installed = ("install", RELEASE, str(CHART), f"--namespace={namespace}", f"--values={values}", "--take-ownership")
        cluster.run_helm(*installed)
        try:
            say(f"Installed the chart, to serve {'its own namespace' if only_this_namespace else 'all namespaces'}.")
            run_as_deployed(cluster, binary, directory, namespace, only_this_namespace=only_this_namespace)
        finally:
            cluster.run_helm("uninstall", RELEASE, f"--namespace={namespace}", "--wait")
    finally:
        cluster.run_kubectl("delete", "namespace", namespace, "--wait=false")
    cluster.run_kubectl("get", "crd", CRD)
    released = f"--selector=app.kubernetes.io/instance={RELEASE}"
    if cluster.run_kubectl("get", "clusterroles,clusterrolebindings", released, "--output=name"):
        raise Failure("uninstalling left roles behind")
    say("Uninstalled; the definition is kept.")


def run_as_deployed(
    cluster: Cluster, binary: Path, directory: Path, namespace: str, *, only_this_namespace: bool
) -> None:
    deployment = cluster.get("deployment", RELEASE, f"--namespace={namespace}")
    pod = deployment["spec"]["template"]["spec"]
    (container,) = pod["containers"]
    check_pod_security(cluster, namespace, deployment)
    account = as_service_account(cluster, namespace, pod["serviceAccountName"], directory)
    check_rights(account, namespace, only_this_namespace=only_this_namespace)
    say("Its Pod passes the restricted profile, and its ServiceAccount may do what it must and no more.")

    deployed = as_the_kubelet(cluster, account, namespace, pod, directory)
    address = deployed.environment["TASK_PIPELINES_METRICS_ADDRESS"]
    log = directory / ("one-namespace.log" if only_this_namespace else "all-namespaces.log")
    region = None if only_this_namespace else CONFIGURED_REGION
    with operator(binary, deployed, log) as running:
        for probe in ("startupProbe", "livenessProbe", "readinessProbe"):
            url = f"http://{address}{container[probe]['httpGet']['path']}"
            running.wait_for(f"a good answer at {url}", lambda url=url: cloud.answers(url))
        with live_pipeline(cluster, namespace, running, region):
            run_test_hook(cluster, account, binary, directory, namespace)
            say("Checking that the alerts and the dashboard find what they ask for, in a real Prometheus.")
            monitoring.check(address, directory / "prometheus")
    running.check_log()


def everything(cluster: Cluster, binary: Path, directory: Path) -> None:
    """Both ways to install the chart, one after the other. Raises Failure, saying what did not hold."""
    for only_this_namespace in (False, True):
        demonstrate(cluster, binary, directory, only_this_namespace=only_this_namespace)


def main() -> int:
    parser = argparse.ArgumentParser(description="Install the chart and run the operator as its Deployment would.")
    parser.add_argument("--operator", type=Path, help="the binary to run; without it, the debug build is made and run")
    arguments = parser.parse_args()
    try:
        binary = arguments.operator or build.operator()
        if "TASK_PIPELINES_CHAT_URL" not in os.environ:
            build.functions()
            return workflows.with_env([sys.executable, __file__, f"--operator={binary}"])
        directory = Path(tempfile.mkdtemp(prefix="helm-demo-"))
        tools = (os.environ["TASK_PIPELINES_HELM"], os.environ["TASK_PIPELINES_KUBECTL"])
        everything(Cluster(*tools, Path(os.environ["KUBECONFIG"]), directory), binary.resolve(), directory)
    except Failure as failure:
        fail(failure)
        return 1
    shutil.rmtree(directory)
    return 0


if __name__ == "__main__":
    sys.exit(main())
