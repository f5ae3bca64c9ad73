"""A release of the chart."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from . import definition
from .cluster import Cluster

NAME = "task-pipelines"
AWS_KEYS = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")
AWS_SECRET = "aws"


@dataclass(frozen=True)
class Release:
    """The chart, installed or to be installed in a namespace."""

    cluster: Cluster
    namespace: str

    @property
    def within(self) -> str:
        """The flag that names its namespace."""
        return f"--namespace={self.namespace}"

    def prepare(self, variables: dict[str, str]) -> None:
        """Makes its namespace, which lets in Pods of the restricted profile alone, and the Secret with AWS keys."""
        labels = {"pod-security.kubernetes.io/enforce": "restricted"}
        namespace = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": self.namespace, "labels": labels}}
        self.cluster.kubectl("create", "--filename=-", document=namespace)
        self.secret(AWS_SECRET, {key: variables[key] for key in AWS_KEYS})

    def secret(self, name: str, values: dict[str, str]) -> None:
        """Makes a Secret in its namespace."""
        literals = [f"--from-literal={key}={value}" for key, value in values.items()]
        self.cluster.kubectl("create", "secret", "generic", name, *literals, self.within)

    def helm(self, action: str, *arguments: str | Path) -> str:
        """Has helm do something with it, and returns what helm says."""
        said = self.cluster.helm(action, NAME, *arguments, self.within)
        if action in ("install", "upgrade", "rollback"):
            definition.await_served(self.cluster)
        return said

    def deployment(self) -> dict[str, Any]:
        """Its Deployment, as the API server has it."""
        return self.cluster.get("deployment", NAME, self.within)

    def pod(self) -> dict[str, Any]:
        """What its Pods are made of."""
        pod: dict[str, Any] = self.deployment()["spec"]["template"]["spec"]
        return pod


def write_values(path: Path, variables: dict[str, str], more: dict[str, Any]) -> Path:
    """Writes values for this machine's AWS, with the keys of the Secret, and `more`."""
    keys = [{"name": key, "valueFrom": {"secretKeyRef": {"name": AWS_SECRET, "key": key}}} for key in AWS_KEYS]
    values = {
        "aws": {"region": variables["AWS_REGION"], "endpointUrl": variables["AWS_ENDPOINT_URL"]},
        "log": {"format": "text"},
        "extraEnv": keys,
        **more,
    }
    path.write_text(json.dumps(values, indent=2))
    return path
