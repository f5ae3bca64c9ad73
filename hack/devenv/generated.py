"""The files of this repository that are generated: from the Rust types, from the definition in crds/, from the chart's values."""

from __future__ import annotations

import subprocess
from pathlib import Path

from . import build, chart, paths, venv
from .console import Failure


def write() -> None:
    """Writes them all."""
    _from_types()
    for path, text in _texts().items():
        paths.replace(path, text)


def check() -> None:
    """Fails where one is not what it is generated from."""
    _from_types("--check")
    stale = [str(path.relative_to(paths.ROOT)) for path, text in _texts().items()
             if not path.exists() or path.read_text(encoding="utf-8") != text]
    if stale:
        raise Failure(f"not what it is generated from: {', '.join(stale)}; run `make generate` and commit it")


def _from_types(*arguments: str | Path) -> None:
    """crds/ and the tables of docs/, by the generator itself."""
    _output("generating from the Rust types", build.generator(), *arguments)


def _texts() -> dict[Path, str]:
    """The others, by path."""
    fields = _output("generating the page of fields", venv.python(), "-B", paths.HACK / "devenv" / "fields.py", paths.CRD)
    return {paths.FIELDS: fields, **chart.generated()}


def _output(what: str, *command: str | Path) -> str:
    answer = subprocess.run(command, capture_output=True, text=True, encoding="utf-8", check=False)
    if answer.returncode != 0:
        raise Failure(f"{what} failed:\n{answer.stderr.strip().removeprefix('error: ')}")
    return answer.stdout
