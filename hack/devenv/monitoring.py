"""What alerts and the dashboard ask of Prometheus, against what an operator really tells it."""

from __future__ import annotations

import json
import re
import shutil
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from . import alerts, paths, tools
from .console import Failure, note
from .process import Registry, await_ready, free_port

DASHBOARD = paths.CHART / "files" / "dashboard.json"
READY_SECONDS = 60
SCRAPED_SECONDS = 30
VARIABLES = {"$__rate_interval": "1m", "$__range": "1h", "$namespace": ".*", "$job": ".*"}
ADDED = {"job", "instance"}
"""Labels that Prometheus adds."""
FIXED = {"controller", "kind", "name"}
"""Labels whose values in expressions are names, of which a series must be there."""
RARE = {
    "operator_termination_current_time_seconds": {"group", "kind", "namespace", "name"},
    "task_pipelines_drift_total": {"kind", "field"},
    "task_pipelines_inbox_messages_dropped_total": set(),
    "task_pipelines_last_success_timestamp_seconds": {"namespace", "name"},
    "task_pipelines_runs_total": {"namespace", "name", "result"},
    "task_pipelines_task_duration_seconds_bucket": {"le"},
    "controller_runtime_reconcile_errors_total": {"controller"},
    "workqueue_retries_total": {"name", "controller"},
}
"""Metrics that are told only once something has happened, with their labels."""

Series = dict[str, dict[str, set[str]]]
"""Each metric's labels with their values."""


def check(address: str, folder: Path) -> None:
    """Has Prometheus scrape the operator at `address`, such as `127.0.0.1:8080`; fails where an expression asks for a
    metric or a label that is not there. The operator works, and one of its pipelines is Ready."""
    # What an earlier operator told must not count for this one.
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    registry = Registry(folder)
    try:
        server = _start(registry, address, folder)
        found, problems = _series(server), []
        for where, expression, labels in [*_alert_expressions(server), *dashboard_expressions(DASHBOARD.read_text())]:
            tree = _ask(server, "parse_query", query=expression)
            problems += [f"{where}: {problem}" for problem in missing(tree, labels, found)]
            _ask(server, "query", query=expression)
    finally:
        registry.stop()
    if problems:
        raise Failure("\n".join([f"the operator at {address} does not tell what is asked for:", *problems]))
    unseen = sorted(RARE.keys() - found.keys())
    note(f"alerts and dashboard ask for what is told{'; not seen: ' if unseen else ''}{', '.join(unseen)}")


def dashboard_expressions(text: str) -> Iterator[tuple[str, str, set[str]]]:
    """Every expression of a dashboard: where it is, its text, and the labels that are shown of it."""
    dashboard = json.loads(text)
    for variable in dashboard["templating"]["list"]:
        if variable["type"] == "query":
            asked = re.fullmatch(r"label_values\((.*), (\w+)\)", variable["query"]["query"])
            if asked is None:
                raise Failure(f"variable {variable['name']} of the dashboard does not ask for label_values(SELECTOR, LABEL)")
            yield f"variable {variable['name']}", asked[1], {asked[2]}
    for panel in dashboard["panels"]:
        for target in panel.get("targets", []):
            expression = target["expr"]
            for name, value in VARIABLES.items():
                expression = expression.replace(name, value)
            yield f"panel {panel['title']}", expression, set(re.findall(r"{{(\w+)}}", target["legendFormat"]))


def missing(tree: dict[str, Any], labels: set[str], found: Series) -> Iterator[str]:
    """What a parsed expression asks for that is not in `found`, the metrics' labels with their values. `labels` are
    those that are wanted of the whole."""
    for metric, wanted, values in _selectors(tree, labels):
        told = found.get(metric) or {label: set() for label in RARE.get(metric, ())}
        if metric not in found and metric not in RARE:
            yield f"there is no metric {metric}"
            continue
        absent = wanted - told.keys() - ADDED
        if absent:
            yield f"{metric} has no label {', '.join(sorted(absent))}, but {', '.join(sorted(told)) or 'none'}"
        for label, value in values.items():
            if metric in found and label in FIXED and value not in told.get(label, {value}):
                yield f'{metric} has no {label}="{value}", but {", ".join(sorted(told[label]))}'


def _selectors(tree: dict[str, Any], labels: set[str]) -> Iterator[tuple[str, set[str], dict[str, str]]]:
    """Each metric that is selected, with the labels that are wanted of it, and their values where these are given."""
    labels = set(labels)
    if "matchers" in tree:
        matchers = [matcher for matcher in tree["matchers"] if matcher["name"] != "__name__"]
        values = {matcher["name"]: matcher["value"] for matcher in matchers if matcher["type"] == "="}
        yield tree["name"], labels | {matcher["name"] for matcher in matchers}, values
    if not tree.get("without"):
        labels |= set(tree.get("grouping", ()))
    if (tree.get("matching") or {}).get("on"):
        labels |= set(tree["matching"]["labels"])
    for branch in (tree.get("expr"), tree.get("lhs"), tree.get("rhs"), tree.get("param"), *tree.get("args", ())):
        if branch:
            yield from _selectors(branch, labels)


def _start(registry: Registry, address: str, folder: Path) -> str:
    """Starts Prometheus and returns its address, when it has scraped the operator and evaluated the alerts."""
    (folder / "rules.yaml").write_text(alerts.rules())
    (folder / "prometheus.yaml").write_text(json.dumps({
        "global": {"scrape_interval": "1s", "evaluation_interval": "1s"},
        "rule_files": [str(folder / "rules.yaml")],
        "scrape_configs": [{"job_name": "operator", "honor_labels": True, "static_configs": [{"targets": [address]}]}],
    }))
    port, log = free_port(), folder / "prometheus.log"
    server = f"http://127.0.0.1:{port}"
    process = registry.start("prometheus", [
        tools.prometheus(), f"--config.file={folder / 'prometheus.yaml'}", f"--storage.tsdb.path={folder / 'data'}",
        f"--web.listen-address=127.0.0.1:{port}", "--log.level=warn",
    ], {"PATH": "/usr/bin:/bin", "HOME": str(folder)}, log)
    await_ready(process, log, READY_SECONDS, lambda: _is_ready(server))
    deadline = time.monotonic() + SCRAPED_SECONDS
    while not (_is_scraped(server) and _are_evaluated(server)):
        if time.monotonic() > deadline:
            (target,) = _ask(server, "targets")["activeTargets"]
            raise Failure(f"Prometheus got no metrics from {address} in {SCRAPED_SECONDS} s: {target['lastError']}")
        time.sleep(0.2)
    return server


def _is_ready(server: str) -> bool:
    try:
        with urllib.request.urlopen(f"{server}/-/ready", timeout=5) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False


def _is_scraped(server: str) -> bool:
    return any(target["health"] == "up" for target in _ask(server, "targets")["activeTargets"])


def _are_evaluated(server: str) -> bool:
    return all(rule["health"] != "unknown" for rule in _rules(server))


def _alert_expressions(server: str) -> Iterator[tuple[str, str, set[str]]]:
    for rule in _rules(server):
        if rule["health"] != "ok":
            raise Failure(f"alert {rule['name']} cannot be evaluated: {rule['lastError']}")
        labels = re.findall(r"\$labels\.(\w+)", json.dumps(rule["annotations"]))
        yield f"alert {rule['name']}", rule["query"], set(labels)


def _rules(server: str) -> list[dict[str, Any]]:
    return [rule for group in _ask(server, "rules")["groups"] for rule in group["rules"]]


def _series(server: str) -> Series:
    """The labels of each metric that was scraped, with their values."""
    found: Series = {}
    for series in _ask(server, "series", **{"match[]": '{job="operator"}'}):
        labels = found.setdefault(series.pop("__name__"), {})
        for label in series.keys() - ADDED:
            labels.setdefault(label, set()).add(series[label])
    return found


def _ask(server: str, what: str, **parameters: Any) -> Any:
    url = f"{server}/api/v1/{what}?{urllib.parse.urlencode(parameters)}"
    try:
        with urllib.request.urlopen(url, timeout=30) as answer:
            return json.load(answer)["data"]
    except urllib.error.HTTPError as error:
        raise Failure(f"Prometheus refuses {parameters or what}: {json.load(error).get('error')}") from error
