"""An API server, and what talks to it."""

from __future__ import annotations

import json
import shlex
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from . import paths, tools
from .console import Failure


@dataclass(frozen=True)
class Cluster:
    """An API server, seen by one user."""

    kubeconfig: Path
    search_path: str = "/usr/bin:/bin"
    """Where kubectl finds its plugins."""

    def kubectl(self, *arguments: str | Path, document: Any = None, stdin: str | None = None) -> str:
        """Runs kubectl, with `document` as JSON or `stdin` for its input, and returns what it prints."""
        given = stdin if document is None else json.dumps(document)
        return _succeed(self.run(tools.kubectl(), *arguments, stdin=given))

    def helm(self, *arguments: str | Path) -> str:
        """Runs helm and returns what it prints."""
        return _succeed(self.run(tools.helm(), *arguments))

    def get(self, *arguments: str | Path) -> dict[str, Any]:
        """An object or a list of them."""
        found: dict[str, Any] = json.loads(self.kubectl("get", *arguments, "--output=json"))
        return found

    def has(self, *arguments: str | Path) -> bool:
        """Whether there is such an object."""
        return bool(self.kubectl("get", *arguments, "--ignore-not-found", "--output=name").strip())

    def may(self, *action: str) -> bool:
        """Whether the user may do `action`: a verb, a resource, and flags."""
        done = self.run(tools.kubectl(), "auth", "can-i", *action)
        # "no" may come with a reason, and with exit code 1.
        answer = done.stdout.strip().partition(" ")[0]
        if answer not in ("yes", "no"):
            raise _failed(done)
        return answer == "yes"

    def run(self, *command: str | Path, stdin: str | None = None) -> subprocess.CompletedProcess[str]:
        """Runs a command that finds the API server as the user would; however it ends."""
        # Caches of what a server offers must not outlive the server.
        settings = {"PATH": self.search_path, "HOME": str(self.kubeconfig.parent), "KUBECONFIG": str(self.kubeconfig)}
        words = [str(word) for word in command]
        return subprocess.run(
            words, env=settings, cwd=paths.ROOT, input=stdin, capture_output=True, text=True, check=False
        )


def of(variables: dict[str, str]) -> Cluster:
    """The one that an environment's variables lead to."""
    return Cluster(Path(variables["KUBECONFIG"]))


def _succeed(done: subprocess.CompletedProcess[str]) -> str:
    if done.returncode != 0:
        raise _failed(done)
    return done.stdout


def _failed(done: subprocess.CompletedProcess[str]) -> Failure:
    command = shlex.join([Path(done.args[0]).name, *done.args[1:]])
    return Failure(f"`{command}` failed:\n{(done.stderr or done.stdout).strip()}")
