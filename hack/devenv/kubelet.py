"""The kubelet's part, where there is none: what a Pod's container is started with."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from . import paths, tools
from .cluster import Cluster
from .process import free_port


@dataclass(frozen=True)
class Container:
    """What a Pod's one container is started with."""

    arguments: list[str]
    environment: dict[str, str]


def container(
    cluster: Cluster, namespace: str, pod: dict[str, Any], directory: Path, functions: Path = paths.FUNCTIONS
) -> Container:
    """The container as the kubelet would start it: with the identity of its ServiceAccount, its Secrets, and the files
    of its ConfigMaps in `directory`."""

    def secret_value(name: str, key: str) -> str:
        encoded = f"go-template={{{{index .data {json.dumps(key)} | base64decode}}}}"
        return cluster.kubectl("get", "secret", name, f"--namespace={namespace}", f"--output={encoded}")

    account = service_account(cluster, namespace, pod["serviceAccountName"], directory)
    (described,) = pod["containers"]
    # Nothing else is inherited: neither the caller's AWS settings nor its home directory's. The image has uv.
    search_path = f"{tools.uv().parent}:{os.environ['PATH']}"
    environment = {"PATH": search_path, "HOME": str(directory), "KUBECONFIG": str(account.kubeconfig)}
    environment |= _environment(described, secret_value)
    # Where the Pod has a volume of its own to write to, and the image the functions beside the program.
    environment["TASK_PIPELINES_CACHE_DIR"] = str(directory / "cache")
    environment["TASK_PIPELINES_FUNCTIONS_DIR"] = str(functions)
    # A Pod has all ports to itself; here somebody else may listen on the chart's.
    for name in ("TASK_PIPELINES_PROBES_ADDRESS", "TASK_PIPELINES_METRICS_ADDRESS"):
        environment[name] = f"127.0.0.1:{free_port()}"
    for path, folder in _mounted(cluster, namespace, pod, directory).items():
        environment = {name: value.replace(path, folder) for name, value in environment.items()}
    return Container(described["args"], environment)


def service_account(cluster: Cluster, namespace: str, name: str, directory: Path) -> Cluster:
    """The same API server, seen by a ServiceAccount."""
    token = cluster.kubectl("create", "token", name, f"--namespace={namespace}").strip()
    admin = json.loads(cluster.kubectl("config", "view", "--minify", "--raw", "--output=json"))
    kubeconfig = directory / f"{name}.kubeconfig"
    kubeconfig.touch(mode=0o600)
    kubeconfig.write_text(json.dumps(_with_token(admin, token, namespace)))
    return Cluster(kubeconfig)


def _with_token(admin: dict[str, Any], token: str, namespace: str) -> dict[str, Any]:
    """A kubeconfig for the same API server as `admin`'s, at home in `namespace`, with nothing but `token` to log in."""
    clusters = admin["clusters"]
    context = {"cluster": clusters[0]["name"], "user": "operator", "namespace": namespace}
    return {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": clusters,
        "users": [{"name": "operator", "user": {"token": token}}],
        "contexts": [{"name": "operator", "context": context}],
        "current-context": "operator",
    }


def _environment(described: dict[str, Any], secret_value: Callable[[str, str], str]) -> dict[str, str]:
    """The environment that a container is described with. `secret_value` gets a Secret's name and key."""
    environment = {}
    for variable in described.get("env", []):
        if "valueFrom" in variable:
            reference = variable["valueFrom"]["secretKeyRef"]
            environment[variable["name"]] = secret_value(reference["name"], reference["key"])
        else:
            environment[variable["name"]] = variable.get("value", "")
    return environment


def _mounted(cluster: Cluster, namespace: str, pod: dict[str, Any], directory: Path) -> dict[str, str]:
    """Where the container expects its ConfigMaps, and where in `directory` their files are."""
    (described,) = pod["containers"]
    names = {volume["name"]: volume["configMap"]["name"] for volume in pod.get("volumes", []) if "configMap" in volume}
    folders = {}
    for mount in (mount for mount in described.get("volumeMounts", []) if mount["name"] in names):
        folder = directory / names[mount["name"]]
        folder.mkdir(exist_ok=True)
        for name, text in cluster.get("configmap", names[mount["name"]], f"--namespace={namespace}")["data"].items():
            (folder / name).write_text(text)
        folders[mount["mountPath"]] = str(folder)
    return folders
