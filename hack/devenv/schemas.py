"""Kubernetes' own schemas: those that the Python package kubernetes-validate carries, for kubeconform."""

from __future__ import annotations

import re
from pathlib import Path

from .console import Failure


def write(environment: Path, version: str, folder: Path) -> None:
    """Copies the strict schemas of a version out of a Python environment, with links that lead from file to file."""
    sources = [*environment.glob(f"lib/python*/site-packages/**/kubernetes-json-schema/{version}-local-strict/*.json")]
    if not sources:
        raise Failure(f"kubernetes-validate has no schemas of {version}; take a release of it that has")
    for source in sources:
        (folder / source.name).write_text(relative(source.read_text()))


def relative(text: str) -> str:
    """A schema whose links are relative to its file: it calls itself, and links to, an address on the internet."""
    text = re.sub(r'"\$id": "[^"]*",|,\s*"\$id": "[^"]*"', "", text)
    return text.replace('"$ref": "/api/', '"$ref": "')
