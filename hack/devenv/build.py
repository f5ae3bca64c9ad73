"""What cargo makes: the operator, the functions, the CRD."""

import subprocess

from . import console, paths, venv
from .console import Failure


def operator(profile="debug"):
    """Builds the operator, for debugging or as a `release`, and returns its path."""
    release = ["--release"] if profile == "release" else []
    _cargo("building the operator", "build", "--bin", "task-pipelines", *release)
    return paths.cargo_target() / profile / "task-pipelines"


def plugin():
    """Builds the kubectl plugin, for debugging, and returns its path."""
    _cargo("building the kubectl plugin", "build", "--bin", "kubectl-pipelines")
    return paths.cargo_target() / "debug" / "kubectl-pipelines"


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
    paths.DEV.mkdir(exist_ok=True)
    log = paths.DEV / f"{what.replace(' ', '-')}.log"
    log.unlink(missing_ok=True)
    console.run(["cargo", *arguments], what, log, cwd=paths.ROOT)
