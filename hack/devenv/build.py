"""What cargo makes: the operator, the functions, the CRD."""

import os
import subprocess

from . import console, paths
from .console import Failure


def operator(profile="debug"):
    """Builds the operator, for debugging or as a `release`, and returns its path."""
    release = ["--release"] if profile == "release" else []
    _cargo("building the operator", "build", "--bin", "task-pipelines", *release)
    return paths.cargo_target() / profile / "task-pipelines"


def functions():
    """Builds the functions' zips."""
    _cargo("building the functions", "run", "--package", "package-functions")


def crd():
    """The CRD as the operator prints it."""
    answer = subprocess.run([operator(), "crd"], capture_output=True, text=True, check=False)
    if answer.returncode != 0:
        raise Failure(f"`task-pipelines crd` failed:\n{answer.stderr.strip()}")
    return answer.stdout


def write_crd():
    """Generates crds/."""
    paths.CRDS.mkdir(exist_ok=True)
    temporary = paths.CRD.with_suffix(".tmp")
    temporary.write_text(crd())
    os.replace(temporary, paths.CRD)


def check_crd():
    """Fails when crds/ is not what the types say."""
    if not paths.CRD.exists() or paths.CRD.read_text() != crd():
        raise Failure(f"{paths.CRD.relative_to(paths.ROOT)} is not what the API types say; run `make crd` and commit it")


def _cargo(what, *arguments):
    paths.DEV.mkdir(exist_ok=True)
    log = paths.DEV / f"{what.replace(' ', '-')}.log"
    log.unlink(missing_ok=True)
    console.run(["cargo", *arguments], what, log, cwd=paths.ROOT)
