"""What cargo makes: the operator, the functions, the CRD."""

from __future__ import annotations

import contextlib
import subprocess
import sys
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from . import console, paths, venv
from .console import Failure


def operator(profile="debug"):
    """Builds the operator, for debugging or as a `release`, and returns its path."""
    release = ["--release"] if profile == "release" else []
    _cargo("building the operator", "build", "--bin", "task-pipelines", *release)
    return paths.cargo_target() / profile / "task-pipelines"


@dataclass(frozen=True)
class Debug:
    """What is built for debugging."""

    operator: Path
    plugin: Path
    functions: Path
    """The folder of the functions' zips."""


@contextlib.contextmanager
def debug() -> Iterator[Callable[[], Debug]]:
    """Builds operator, plugin and functions for debugging, beside the block; the block gets what waits for a `Debug`. All of
    it shares what it is made of, so the functions cost seconds, where those that are shipped take minutes."""
    packages = [f"--package=task-pipelines{name}" for name in ("", "-sender", "-runner")]
    with _cargo_begun("building operator, plugin and functions", "build", "--bins", *packages) as finish:

        def built() -> Debug:
            finish()
            folder = paths.cargo_target() / "debug"
            return Debug(folder / "task-pipelines", folder / "kubectl-pipelines", _debug_functions(folder))

        yield built


def _debug_functions(folder: Path) -> Path:
    """Zips of the functions in a folder, which Lambda takes if they were built on Linux."""
    if sys.platform != "linux":
        functions()
        return paths.FUNCTIONS
    zips = folder / "function-zips"
    zips.mkdir(exist_ok=True)
    architecture = {"amd64": "x86_64"}.get(paths.machine()[1], paths.machine()[1])
    for name in ("sender", "runner"):
        entry = zipfile.ZipInfo("bootstrap")
        entry.external_attr = 0o755 << 16
        with zipfile.ZipFile(zips / f"{name}-{architecture}.zip", "w") as archive:
            archive.writestr(entry, (folder / name).read_bytes(), zipfile.ZIP_DEFLATED, compresslevel=1)
    return zips


def functions(architecture="host"):
    """Builds the functions' zips, of this processor or of `all`."""
    _cargo("building the functions", "run", "--package", "package-functions", "--", "--arch", architecture)


def crd():
    """The CRD as the operator prints it."""
    answer = subprocess.run([operator(), "crd"], capture_output=True, text=True, check=False)
    if answer.returncode != 0:
        raise Failure(f"`task-pipelines crd` failed:\n{answer.stderr.strip()}")
    return answer.stdout


def fields():
    """The page of all fields, as crds/ has them."""
    command = [venv.python(), "-B", paths.HACK / "devenv" / "fields.py", paths.CRD]
    answer = subprocess.run(command, capture_output=True, text=True, encoding="utf-8", check=False)
    if answer.returncode != 0:
        raise Failure(f"the page of fields cannot be made:\n{answer.stderr.strip()}")
    return answer.stdout


def write_crd():
    """Generates crds/, and the page of its fields."""
    paths.CRDS.mkdir(exist_ok=True)
    paths.replace(paths.CRD, crd())
    paths.replace(paths.FIELDS, fields())


def check_crd():
    """Fails when crds/ is not what the types say, or the page of fields not what crds/ says."""
    for path, expected in ((paths.CRD, crd), (paths.FIELDS, fields)):
        if not path.exists() or path.read_text(encoding="utf-8") != expected():
            raise Failure(f"{path.relative_to(paths.ROOT)} is not what the API types say; run `make crd` and commit it")


def _cargo(what, *arguments):
    with _cargo_begun(what, *arguments) as finish:
        finish()


def _cargo_begun(what: str, *arguments: str | Path) -> contextlib.AbstractContextManager[Callable[[], None]]:
    paths.DEV.mkdir(exist_ok=True)
    log = paths.DEV / f"{what.replace(' ', '-')}.log"
    log.unlink(missing_ok=True)
    return console.begun(["cargo", *arguments], what, log, cwd=paths.ROOT)
