"""What cargo makes: the operator, the plugin, the functions."""

from __future__ import annotations

import contextlib
import sys
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from . import console, paths


def operator(profile: str = "debug") -> Path:
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


def functions(architecture: str = "host") -> None:
    """Builds the functions' zips, of this processor or of `all`."""
    _cargo("building the functions", "run", "--package", "package-functions", "--", "--arch", architecture)


def generator() -> Path:
    """Builds the program that writes what is generated from the Rust types, and returns its path."""
    # Of the whole workspace, as `cargo test --workspace` builds it: of this package alone, its dependencies would be
    # built again with fewer features.
    _cargo("building the generator", "build", "--workspace", "--example", "generate")
    return paths.cargo_target() / "debug" / "examples" / "generate"


def _cargo(what: str, *arguments: str | Path) -> None:
    with _cargo_begun(what, *arguments) as finish:
        finish()


def _cargo_begun(what: str, *arguments: str | Path) -> contextlib.AbstractContextManager[Callable[[], None]]:
    paths.DEV.mkdir(exist_ok=True)
    log = paths.DEV / f"{what.replace(' ', '-')}.log"
    log.unlink(missing_ok=True)
    return console.begun(["cargo", *arguments], what, log, cwd=paths.ROOT)
