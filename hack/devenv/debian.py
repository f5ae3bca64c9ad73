"""Debian packages for an image: fetched by apt with a state of its own, so for any processor and without root.

apt checks them against Debian's keys, which lie in hack/image/keys.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Iterable
from pathlib import Path

from . import paths
from .console import Failure, run

SUITE = "trixie"
KEYS = paths.HACK / "image" / "keys"
SOURCES = """Types: deb
URIs: {mirror}/debian
Suites: {suite} {suite}-updates
Components: main
Signed-By: {archive}

Types: deb
URIs: {mirror}/debian-security
Suites: {suite}-security
Components: main
Signed-By: {security}
"""


def download(packages: Iterable[str], architecture: str, folder: Path) -> dict[str, Path]:
    """Fetches packages into a folder and returns their files, by name."""
    for tool in ("apt-get", "dpkg-deb"):
        if shutil.which(tool) is None:
            raise Failure(f"an image is made of Debian packages, which takes {tool}: make it on Debian or Ubuntu")
    for name in ("state/lists/partial", "cache/archives/partial", "packages"):
        (folder / name).mkdir(parents=True)
    (folder / "status").touch()
    (folder / "debian.sources").write_text(sources(os.environ.get("TASK_PIPELINES_DEBIAN", "http://deb.debian.org")))
    apt = ["apt-get", "--quiet", *options(folder, architecture)]
    log = folder / "apt.log"
    run([*apt, "update"], "apt-get update", log)
    run([*apt, "download", *packages], "apt-get download", log, cwd=folder / "packages")
    found = {path.name.split("_")[0]: path for path in (folder / "packages").glob("*.deb")}
    missing = set(packages) - set(found)
    if missing:
        raise Failure(f"apt has no {', '.join(sorted(missing))}; its log is {log}")
    return found


def sources(mirror: str) -> str:
    """What apt is to read."""
    archive = ",".join(str(KEYS / f"debian-archive-{SUITE}-{name}.asc") for name in ("automatic", "stable"))
    security = str(KEYS / f"debian-archive-{SUITE}-security-automatic.asc")
    return SOURCES.format(mirror=mirror, suite=SUITE, archive=archive, security=security)


def options(folder: Path, architecture: str) -> list[str]:
    """Settings that keep apt away from this machine's packages; how the network is reached stays the machine's."""
    settings = {
        "Dir::State": folder / "state", "Dir::State::status": folder / "status", "Dir::Cache": folder / "cache",
        "Dir::Etc::SourceList": folder / "debian.sources", "Dir::Etc::SourceParts": "-", "Dir::Etc::Preferences": "-",
        "Dir::Etc::PreferencesParts": "-", "Dir::Etc::Trusted": "-", "Dir::Etc::TrustedParts": "-",
        "APT::Architecture": architecture, "APT::Architectures": architecture, "Acquire::Languages": "none",
        "APT::Sandbox::User": "", "Acquire::Retries": "3",
    }
    return [word for key, value in settings.items() for word in ("-o", f"{key}={value}")]


def unpack(package: Path, folder: Path) -> None:
    """Unpacks a package's files."""
    _dpkg("--extract", package, folder)


def control(package: Path) -> str:
    """What a package says of itself, as scanners look for it below /var/lib/dpkg/status.d."""
    text = _dpkg("--field", package)
    return re.sub(r"^Package: .*$", lambda match: f"{match[0]}\nStatus: install ok installed", text, count=1, flags=re.M)


def _dpkg(*arguments: str | Path) -> str:
    answer = subprocess.run(["dpkg-deb", *map(str, arguments)], capture_output=True, text=True, check=False)
    if answer.returncode != 0:
        raise Failure(f"dpkg-deb {arguments[0]} failed:\n{answer.stderr.strip()}")
    return answer.stdout
