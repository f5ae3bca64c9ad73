"""The pipeline that is measured: two tasks, one channel, one secret."""
from __future__ import annotations

from typing import Any

API_VERSION = "taskpipelines.dev/v1alpha1"
SECRET = {"metadata": {"name": "chat"}, "stringData": {"slack": "https://hooks.slack.com/services/bench"}}
SPEC = {
    "schedule": "0 9 * * 1-5",
    "tasks": [
        {"name": "report", "http": {"url": "https://example.com/report"}, "notify": ["team"]},
        {"name": "reminder", "message": {}, "template": "Stand-up at {{ scheduledTime }}", "notify": ["team"]},
    ],
    "channels": [{"name": "team", "slack": {"webhookUrl": {"secretKeyRef": {"name": "chat", "key": "slack"}}}}],
}


def document(name: str, spec: dict[str, Any] | None = None) -> dict[str, Any]:
    """What to create."""
    return {"apiVersion": API_VERSION, "kind": "ScheduledTaskPipeline", "metadata": {"name": name}, "spec": spec or SPEC}


def without_secrets(name: str) -> dict[str, Any]:
    """The smallest pipeline, which has no parameter."""
    return document(name, {"schedule": SPEC["schedule"], "tasks": [{"name": "reminder", "message": {}}]})


def path(namespace: str) -> str:
    """The API server's path of a namespace's pipelines."""
    return f"/apis/{API_VERSION}/namespaces/{namespace}/scheduledtaskpipelines"


def is_ready(pipeline: dict[str, Any]) -> bool:
    """Whether the operator says Ready of the spec as it is now."""
    generation = pipeline["metadata"]["generation"]
    conditions = pipeline.get("status", {}).get("conditions", [])
    return any(condition["type"] == "Ready" and condition["status"] == "True"
               and condition.get("observedGeneration") == generation for condition in conditions)
