"""Prints the kubectl plugin's manifest for krew: `krew.py VERSION FOLDER`, where the folder holds the release's archives."""

import hashlib
import re
import sys
from pathlib import Path

TEMPLATE = Path(__file__).resolve().parent / "krew" / "pipelines.yaml"


def main():
    version, folder = sys.argv[1:]
    sys.stdout.write(fill(TEMPLATE.read_text(), version, Path(folder)))


def fill(template, version, folder):
    """The template with the version, and the SHA-256 of each archive that it names."""
    _, _, manifest = template.partition("apiVersion:")

    def value(match):
        return version if match[1] == "VERSION" else hashlib.sha256((folder / match[1]).read_bytes()).hexdigest()

    return "apiVersion:" + re.sub("@([A-Za-z0-9._-]+)@", value, manifest)


if __name__ == "__main__":
    main()
