"""Published binaries, when this machine can reach them."""

from __future__ import annotations

import hashlib
import shutil
import tarfile
import urllib.request
from collections.abc import Collection
from pathlib import Path

from .console import note

TIMEOUT_SECONDS = 5


class Unreachable(Exception):
    """It cannot be had from here; there is another way."""


def fetch(url: str, target: Path, checksum_url: str, algorithm: str) -> None:
    """Downloads a file and compares it with its published checksum."""
    try:
        with urllib.request.urlopen(checksum_url, timeout=TIMEOUT_SECONDS) as answer:
            expected = _checksum(answer.read().decode(), url.rsplit("/", 1)[-1])
        note(f"downloading {url}")
        with urllib.request.urlopen(url, timeout=TIMEOUT_SECONDS) as answer, open(target, "wb") as output:
            shutil.copyfileobj(answer, output)
    except (OSError, IndexError, UnicodeDecodeError) as error:
        raise Unreachable(f"{url}: {error}") from error
    actual = hashlib.new(algorithm, target.read_bytes()).hexdigest()
    if actual != expected:
        raise Unreachable(f"{url} has the {algorithm} {actual}, not the published {expected}")


def _checksum(text: str, name: str) -> str:
    """The checksum of this file, of a text that has one or a list of them."""
    lines = [line.split() for line in text.splitlines()]
    return next((words[0] for words in lines if words[1:] == [name]), lines[0][0])


def unpack(archive: Path, names: Collection[str], folder: Path) -> None:
    """Takes the files of these names out of a tar archive, whatever folder they are in there."""
    with tarfile.open(archive) as source:
        for member in source:
            name = member.name.rsplit("/", 1)[-1]
            content = source.extractfile(member) if member.isfile() and name in names else None
            if content is not None:
                with content, open(folder / name, "wb") as output:
                    shutil.copyfileobj(content, output)
                (folder / name).chmod(0o755)
    missing = [name for name in names if not (folder / name).exists()]
    if missing:
        raise Unreachable(f"{archive.name} has no {', '.join(missing)}")
