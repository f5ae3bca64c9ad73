"""The chart: its generated files, and what helm makes of it."""

import subprocess
import tempfile
from pathlib import Path

from . import golang, paths, tools
from .console import Failure

README_TEMPLATE = "README.md.gotmpl"


def generated() -> dict[Path, str]:
    """The files that are generated from values.yaml, by path."""
    return {paths.CHART / "values.schema.json": _schema(), paths.CHART / "README.md": _readme()}


def render(*settings: str, only: str | None = None, release: str = "task-pipelines") -> str:
    """The chart's objects as helm renders them with these `KEY=VALUE` settings, or those of one template `only`."""
    # A helm that was built here takes the cluster for v1.20.
    command: list[str | Path] = ["template", release, paths.CHART, "--kube-version", golang.version("kubernetes")]
    command += [word for setting in settings for word in ("--set", setting)]
    return run(tools.helm(), *command, *(["--show-only", f"templates/{only}"] if only else []))


def _schema() -> str:
    with tempfile.TemporaryDirectory() as folder:
        schema = Path(folder) / "values.schema.json"
        # Draft 7 is what helm before 3.18 understands.
        run(tools.helm_values_schema_json(), "--values", paths.CHART / "values.yaml", "--output", schema,
            "--draft", "7", "--indent", "2", "--use-helm-docs", "--no-additional-properties",
            "--schema-root.title", paths.CHART.name)
        return schema.read_text()


def _readme() -> str:
    return run(tools.helm_docs(), "--dry-run", "--log-level", "warning", "--chart-search-root", paths.CHART,
               "--template-files", README_TEMPLATE, "--sort-values-order", "file")


def run(*command: str | Path, stdin: str | None = None) -> str:
    """Runs a tool and returns its output; a failure says what it said."""
    words = [str(part) for part in command]
    answer = subprocess.run(words, capture_output=True, text=True, input=stdin, check=False)
    if answer.returncode != 0:
        raise Failure(f"`{Path(words[0]).name}` failed:\n{(answer.stdout + answer.stderr).strip()}")
    return answer.stdout
