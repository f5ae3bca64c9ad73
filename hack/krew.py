"""Prints the kubectl plugin's manifest for krew: `krew.py VERSION FOLDER`, where the folder holds the release's archives."""

from __future__ import annotations

import hashlib
import re
import sys
from pathlib import Path

TEMPLATE = Path(__file__).resolve().parent / "krew" / "pipelines.yaml"


def main() -> None:
    version, folder = sys.argv[1:]
    sys.stdout.write(fill(TEMPLATE.read_text(), version, Path(folder)))


def fill(template: str, version: str, folder: Path) -> str:
    """The template with the version, and the SHA-256 of each archive that it names."""
    _, _, manifest = template.partition("apiVersion:")

    def value(match: re.Match[str]) -> str:
        return version if match[1] == "VERSION" else hashlib.sha256((folder / match[1]).read_bytes()).hexdigest()

    return "apiVersion:" + re.sub("@([A-Za-z0-9._-]+)@", value, manifest)


if __name__ == "__main__":
    main()
