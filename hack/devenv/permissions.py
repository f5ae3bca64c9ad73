"""Whether the operator's printed policy grants what its tests put to use, and nothing beside."""

from __future__ import annotations

import json
import os
import subprocess
import tempfile
import urllib.request
from pathlib import Path
from typing import Any

from .console import Failure

USER = "operator"
"""The user that end-to-end tests run operators as."""
CONFIGURATION = "layers: {bucket: layers}"
"""What of the configuration lets the operator itself do more."""


def check_all_used(operator: Path, url: str) -> None:
    """Fails when the policy that the operator prints grants an action that no operator ever put to use on this AWS."""
    with urllib.request.urlopen(f"{url}/_strict/used", timeout=30) as answer:
        used = json.load(answer).get(USER, [])
    unused = sorted(_granted(operator) - set(used))
    if unused:
        raise Failure(f"`task-pipelines iam-policy` grants what no test puts to use: {', '.join(unused)}")


def _granted(operator: Path) -> set[str]:
    environment = {**os.environ, "AWS_EC2_METADATA_DISABLED": "true"}
    with tempfile.NamedTemporaryFile("w", suffix=".yaml") as configuration:
        configuration.write(CONFIGURATION)
        configuration.flush()
        command: list[str | Path] = [operator, "iam-policy", "--cluster-name", "any", "--account", "111122223333", "--region",
                                     "eu-central-1", "--config", configuration.name]
        answer = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    if answer.returncode != 0:
        raise Failure(f"`task-pipelines iam-policy` failed:\n{answer.stderr.strip()}")
    return actions(json.loads(answer.stdout))


def actions(document: dict[str, Any]) -> set[str]:
    """The actions that a policy allows."""
    statements = [statement for statement in document["Statement"] if statement["Effect"] == "Allow"]
    return {action for statement in statements for action in _list(statement["Action"])}


def _list(value: str | list[str]) -> list[str]:
    return [value] if isinstance(value, str) else value
