"""What `make lint` checks of the chart."""

from __future__ import annotations

import json
import re
import tarfile
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from . import alerts, chart, golang, paths, tools
from .console import Failure, note

EVERYTHING = (
    "networkPolicy.enabled=true", "metrics.serviceMonitor.enabled=true", "metrics.prometheusRule.enabled=true",
    "metrics.dashboard.enabled=true", "config.reservedTags[0]=team",
)
VARIANTS = ((), EVERYTHING, (*EVERYTHING, "watchNamespace=reports", "clusterName=production"))
"""The settings that the chart is rendered with."""
OLDEST = "v1.29.0"
"""The Kubernetes that Chart.yaml asks for."""
CUSTOM_KINDS = "PrometheusRule,ServiceMonitor"
"""Kinds that are not Kubernetes' own, so that no schema is at hand; promtool checks the rules."""
NOT_SCORED = {
    "container-image-pull-policy": "a tag names a version for ever, and Pods start while the registry is away",
    "container-resource-requests-equal-limits": "memory is used while zips are uploaded, a minute in a day",
    "container-cpu-requests-equal-limits": "a limit on CPU would slow the operator down and protect nobody",
    "container-memory-requests-equal-limits": "as above: 64Mi are used, 256Mi at times",
    "container-ephemeral-storage-request-equals-limit": "the cache is empty where no pipeline has layers",
    "deployment-has-host-podantiaffinity": "the topology spread keeps operators on different nodes and zones",
}
"""What kube-score is not asked, and why not; of the rest it is asked all, also what is optional."""


def check() -> None:
    """Fails when something about the chart is not as it should be."""
    for what, holds in CHECKS.items():
        note(f"chart: {what}")
        holds()


def _lint() -> None:
    chart.run(tools.helm(), "lint", "--quiet", "--strict", paths.CHART)


def _values_used() -> None:
    templates = "".join(path.read_text() for path in (paths.CHART / "templates").iterdir())
    unused = list(_unused(json.loads((paths.CHART / "values.schema.json").read_text()), templates))
    if unused:
        raise Failure(f"no template uses {', '.join(unused)}; remove it from values.yaml")


def _unused(schema: dict[str, Any], templates: str, path: tuple[str, ...] = (), whole: bool = False) -> Iterator[str]:
    """The values that no template names: in full, within their parent, or with a parent that is taken whole."""
    name = re.escape(".Values." + ".".join(path))
    whole = whole or bool(path and re.search(rf"(toYaml|toJson) {name}\b", templates))
    # What users may add to is taken as it is.
    closed = schema.get("additionalProperties") is False
    for key, value in schema.get("properties", {}).items() if closed else ():
        if path or key != "global":
            yield from _unused(value, templates, (*path, key), whole)
    named = re.search(rf"{name}\b", templates) or (path[:-1] and re.search(rf"(?<!\w)\.{path[-1]}\b", templates))
    if not (closed or whole or named):
        yield ".".join(path)


def _unit_tests() -> None:
    chart.run(tools.helm_unittest(), "--strict", paths.CHART)


def _package() -> None:
    """What is published has no tests in it, and nothing that only we need."""
    with tempfile.TemporaryDirectory() as folder:
        chart.run(tools.helm(), "package", paths.CHART, "--destination", folder)
        (archive,) = Path(folder).iterdir()
        with tarfile.open(archive) as source:
            names = [name.partition("/")[2] for name in source.getnames()]
    surplus = [name for name in names if name.startswith("tests/") or name.endswith(".gotmpl")]
    if surplus:
        raise Failure(f"the packaged chart has {', '.join(surplus)}; add them to .helmignore")


def _conform() -> None:
    """Holds what is rendered against the schemas of the oldest Kubernetes and of the one that tests run on."""
    objects = "".join(chart.render(*settings) for settings in VARIANTS)
    for version in (OLDEST, re.sub(r"\d+$", "0", golang.version("kubernetes"))):
        place = tools.kubernetes_schemas(version) / "{{ .ResourceKind }}{{ .KindSuffix }}.json"
        command: list[str | Path] = [tools.kubeconform(), "-strict", "-schema-location", place, "-skip", CUSTOM_KINDS]
        chart.run(*command, stdin=objects)


def _score() -> None:
    """Asks kube-score everything but what is exempt."""
    every = [line.split(",")[0] for line in chart.run(tools.kube_score(), "list").splitlines()]
    unknown = NOT_SCORED.keys() - set(every)
    if unknown:
        raise Failure(f"NOT_SCORED names what kube-score does not know: {', '.join(sorted(unknown))}; remove it")
    command: list[str | Path] = [tools.kube_score(), "score", "--output-format=ci", "--exit-one-on-warning"]
    command += ["--ignore-container-cpu-limit"]
    command += [word for name in every if name not in NOT_SCORED for word in ("--enable-optional-test", name)]
    command += [word for name in NOT_SCORED for word in ("--ignore-test", name)]
    try:
        for settings in VARIANTS[1:]:
            chart.run(*command, "-", stdin=chart.render(*settings))
    except Failure as failure:
        lines = [line for line in str(failure).splitlines() if not line.startswith(("[OK]", "[SKIPPED]"))]
        raise Failure("\n".join(lines)) from None


CHECKS = {
    "helm lint": _lint,
    "values are used": _values_used,
    "helm unittest": _unit_tests,
    "helm package": _package,
    "kubeconform": _conform,
    "kube-score": _score,
    "alerts": alerts.check,
}
