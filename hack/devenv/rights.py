"""What the chart lets the operator do, asked of the API server: what it must, and no more."""

from __future__ import annotations

from .cluster import Cluster
from .console import Failure
from .release import NAME, Release

ELSEWHERE = "--namespace=default"
ALLOWED = [
    ["watch", "scheduledtaskpipelines"],
    ["patch", "scheduledtaskpipelines", "--subresource=status"],
    ["get", "secrets"],
    ["get", "configmaps"],
    ["create", "events.events.k8s.io"],
]
LEASES = [["create", "leases.coordination.k8s.io"], ["get", f"leases.coordination.k8s.io/{NAME}"],
          ["update", f"leases.coordination.k8s.io/{NAME}"]]
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


def check(account: Cluster, release: Release, *, only_this_namespace: bool) -> None:
    """Fails when the operator's ServiceAccount may do less or more than it has to."""
    within = release.within
    for action in [*ALLOWED, *LEASES]:
        if not account.may(*action, within):
            raise Failure(f"the chart does not let the operator {' '.join(action)} in {release.namespace}")
    for action in ALLOWED:
        if account.may(*action, ELSEWHERE) == only_this_namespace:
            raise Failure(f"the chart's watchNamespace makes no difference: {' '.join(action)} with {ELSEWHERE}")
    for action in LEASES:
        if account.may(*action, ELSEWHERE):
            raise Failure(f"the chart lets the operator {' '.join(action)} with {ELSEWHERE}, which it does not need")
    for action in REFUSED:
        if account.may(*action, within):
            raise Failure(f"the chart lets the operator {' '.join(action)}, which it does not need")


def check_pod_security(release: Release) -> None:
    """Fails when the namespace, which enforces the restricted profile, would not let a Pod of the Deployment in."""
    template = release.deployment()["spec"]["template"]
    metadata = {"name": "restricted", "namespace": release.namespace, "labels": template["metadata"]["labels"]}
    pod = {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": template["spec"]}
    release.cluster.kubectl("create", "--dry-run=server", "--filename=-", document=pod)
