"""What cargo makes: the operator, the plugin, the functions."""

from __future__ import annotations

from pathlib import Path

from . import console, paths


def operator(profile: str = "debug") -> Path:
    """Builds the operator, for debugging or as a `release`, and returns its path."""
    release = ["--release"] if profile == "release" else []
    _cargo("building the operator", "build", "--bin", "task-pipelines", *release)
    return paths.cargo_target() / profile / "task-pipelines"


def plugin() -> Path:
    """Builds the kubectl plugin, for debugging, and returns its path."""
    _cargo("building the kubectl plugin", "build", "--bin", "kubectl-pipelines")
    return paths.cargo_target() / "debug" / "kubectl-pipelines"


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
    paths.DEV.mkdir(exist_ok=True)
    log = paths.DEV / f"{what.replace(' ', '-')}.log"
    log.unlink(missing_ok=True)
    console.run(["cargo", *arguments], what, log, cwd=paths.ROOT)
