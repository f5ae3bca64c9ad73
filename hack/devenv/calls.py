"""What the operator asked of the environment's AWS: its log of calls."""

from __future__ import annotations

import json
import urllib.request
from typing import Any


def forget(variables: dict[str, str]) -> None:
    """Empties the log."""
    _ask("DELETE", variables)


def of_operator(variables: dict[str, str]) -> tuple[list[str], list[str]]:
    """The operator's calls since then, as `service:Operation`: those that read, and those that change something."""
    calls = [call for call in json.loads(_ask("GET", variables)) if call["by"] == "operator"]
    reads = [_name(call) for call in calls if not call["write"]]
    # To take read reports out of the inbox changes nothing.
    writes = [_name(call) for call in calls if call["write"] and call["operation"] != "DeleteMessageBatch"]
    return reads, writes


def _name(call: dict[str, Any]) -> str:
    return f"{call['service']}:{call['operation']}"


def _ask(method: str, variables: dict[str, str]) -> Any:
    url = f"{variables['AWS_ENDPOINT_URL']}/_strict/calls"
    with urllib.request.urlopen(urllib.request.Request(url, method=method), timeout=30) as answer:
        return answer.read()
