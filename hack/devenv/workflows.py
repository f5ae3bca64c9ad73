"""What the make targets do."""

from __future__ import annotations

import importlib
import os
import shlex
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from . import (
    build, chart_checks, cloud, cluster, control_plane, definition, demo, environment, generated, helm_demo,
    image_check, paths, permissions, tools, venv,
)
from .console import Failure, say
from .process import Registry

PYTHON_TESTS = ("hack/aws", "hack/devenv", "tests/support", "bench")
TEST_THREADS = "5"
"""End-to-end tests wait far more than they compute, so that on two cores 5 at a time take less than half as long as 2. A
RUST_TEST_THREADS in the environment outranks this."""
PYTHON_SOURCES = ("hack", "tests", "bench")
OURS = "TASK_PIPELINES_DEV_OURS"


def up() -> None:
    """Starts what does not run yet and writes .dev/env."""
    if _is_up():
        say("Already up. Next: `make run`, or `. .dev/env` and kubectl. `make down` stops it.")
        return
    paths.DEV.mkdir(exist_ok=True)
    registry = Registry(paths.DEV)
    registry.stop()
    try:
        variables = _start(registry)
    except BaseException:
        registry.stop()
        raise
    lines = (f"export {key}={shlex.quote(value)}\n" for key, value in sorted(variables.items()))
    _env_file().write_text("".join(lines))
    say(f"Up: Kubernetes by {variables['KUBECONFIG']}, AWS at {variables['AWS_ENDPOINT_URL']}.")
    say("Next: `make run`, or `. .dev/env` and kubectl. `make down` stops it.")


def _is_up() -> bool:
    return _env_file().exists() and all(process.alive() for process in Registry(paths.DEV).all())


def _start(registry: Registry) -> dict[str, Any]:
    """Starts what the user does not name; the variables say which parts are ours, for when they have been sourced."""
    sourced, ours, variables = os.environ.get(OURS, "").split(), [], {}
    if "KUBECONFIG" in os.environ and "kubernetes" not in sourced:
        variables["KUBECONFIG"] = os.environ["KUBECONFIG"]
        say(f"Using the cluster of KUBECONFIG ({variables['KUBECONFIG']}); apply {paths.CRDS.name}/ to it yourself.")
    else:
        ours.append("kubernetes")
        variables["KUBECONFIG"] = str(control_plane.start(registry, _fresh(paths.DEV / "kubernetes")))
        definition.install(cluster.of(variables))
    if "AWS_ENDPOINT_URL" in os.environ and "aws" not in sourced:
        variables |= {key: value for key, value in os.environ.items() if key.startswith("AWS_")}
        say(f"Using the AWS of AWS_ENDPOINT_URL ({variables['AWS_ENDPOINT_URL']}).")
    else:
        ours.append("aws")
        settings = {key: value for key, value in os.environ.items() if key.startswith("STRICT_")}
        variables |= cloud.variables(cloud.start_aws(registry, _fresh(paths.DEV / "aws"), settings))
    return {**variables, OURS: " ".join(ours)}


def down() -> None:
    """Stops what `up` started."""
    registry = Registry(paths.DEV)
    running = [process.name for process in registry.all() if process.alive()]
    registry.stop()
    _env_file().unlink(missing_ok=True)
    say(f"Stopped {', '.join(running)}." if running else "Nothing was running.")


def run() -> None:
    """Becomes the operator, against what `up` started."""
    if not _is_up():
        up()
    written = _written()
    with build.debug() as finish:
        built = finish()
    variables = {"TASK_PIPELINES_UV": str(tools.uv()), **written}
    if "aws" in written.get(OURS, "").split():
        variables["TASK_PIPELINES_FUNCTIONS_DIR"] = str(built.functions)
    else:
        # On an AWS of somebody's, what is shipped.
        build.functions()
    os.chdir(paths.ROOT)
    os.execve(built.operator, [str(built.operator), "run"], _with(variables))


def with_env(command: Sequence[str | Path], settings: Mapping[str, str] = environment.FAST,
             afterwards: Callable[[dict[str, str]], None] = lambda variables: None) -> int:
    """Runs a command in a private environment with everything that tests need, and then `afterwards` with its variables;
    returns the command's exit code."""
    try:
        with environment.private(settings) as (_, variables):
            variables |= {"TASK_PIPELINES_KUBECTL": str(tools.kubectl()), "TASK_PIPELINES_UV": str(tools.uv())}
            subprocess.run(command, env={"RUST_TEST_THREADS": TEST_THREADS, **_with(variables)}, check=True)
            afterwards(variables)
    except subprocess.CalledProcessError as ended:
        return ended.returncode
    return 0


def test() -> int:
    """Builds what is needed and runs every test; returns the exit code."""
    python_tests()
    say("Building the functions and the operator")
    build.functions()
    operator = build.operator()
    say("Running cargo test --workspace in a private environment")
    all_used = lambda variables: permissions.check_all_used(operator, variables["AWS_ENDPOINT_URL"])
    failed = with_env(["cargo", "test", "--workspace"], afterwards=all_used)
    if failed:
        return failed
    say("Installing the chart, and running the operator as its Deployment would")
    helm_demo.run()
    if sys.platform != "linux":
        return 0
    say("Running every scenario of the bench in its short form")
    bench("--short")
    say("Making the image, and running the operator from its files alone")
    image_check.check_debug_build()
    return 0


def soak() -> int:
    """Runs the reliability suite with everything it can try, and AWS as slow as it is; returns the exit code."""
    build.functions()
    build.operator()
    say("Exploring the plan, then running the whole reliability suite; this takes hours")
    os.environ |= {"TASK_PIPELINES_SOAK": "1", "TASK_PIPELINES_DEEP_MODEL": "1"}
    explored = subprocess.run(["cargo", "test", "--workspace", "--lib", "reconcile::model"], check=False).returncode
    suite = ["cargo", "test", "--workspace", "--test", "e2e", "reliability::", "--", "--nocapture"]
    return explored or with_env(suite, environment.REAL)


def bench(*words: str) -> None:
    """Runs the bench with these words; raises `Failure` if one of its scenarios fails. It runs in this process, so that an
    interruption reaches it and it stops what it started."""
    sys.path.append(str(paths.ROOT / "bench"))
    importlib.import_module("bench").main(words)


def python_tests() -> None:
    """Runs the Python unit tests."""
    for folder in PYTHON_TESTS:
        say(f"Running the Python tests of {folder}")
        command: list[str | Path] = [venv.python(), "-B", "-m", "unittest", "discover", "--start-directory", folder, "--pattern", "test_*.py"]
        if folder.startswith("hack/"):
            command += ["--top-level-directory", "hack"]
        if subprocess.run(command, cwd=paths.ROOT, check=False).returncode != 0:
            raise Failure(f"a Python test of {folder} failed, see above")


def check() -> None:
    """Checks what cargo doesn't: generated files, Python, the chart."""
    generated.check()
    lint_python()
    chart_checks.check()


def lint_python() -> None:
    """Checks all Python by ruff and its types by mypy, by the rules of pyproject.toml."""
    programs = venv.environment("lint", (paths.HACK / "lint.txt").read_text().split()) / "bin"
    ruff: list[str | Path] = [programs / "ruff", "check", "--quiet", *PYTHON_SOURCES]
    # With the libraries of the environment that the sources run in; what it found stays, so that a second run takes a second.
    mypy: list[str | Path] = [programs / "mypy", "--python-executable", venv.python(), "--cache-dir", paths.cache() / "mypy", "--no-error-summary",
            *PYTHON_SOURCES]
    for command in (ruff, mypy):
        if subprocess.run(command, cwd=paths.ROOT, check=False).returncode != 0:
            raise Failure(f"{Path(command[0]).name} found mistakes in Python, see above")


def book() -> int:
    """Builds the pages of docs/ as a book; returns the exit code."""
    return subprocess.run([tools.mdbook(), "build", paths.ROOT / "docs"], check=False).returncode


COMMANDS = {
    "up": up, "down": down, "run": run, "demo": demo.run, "helm-demo": helm_demo.run, "test": test, "soak": soak, "python-tests": python_tests, "check": check,
    "generate": generated.write, "functions": build.functions, "book": book,
}


def _with(variables: dict[str, str]) -> dict[str, str]:
    """Our environment with these variables; a profile or session of the user's would outrank the keys in them."""
    return {key: value for key, value in os.environ.items() if not key.startswith("AWS_")} | variables


def _fresh(folder: Path) -> Path:
    shutil.rmtree(folder, ignore_errors=True)
    return folder


def _env_file() -> Path:
    return paths.DEV / "env"


def _written() -> dict[str, str]:
    """The variables of .dev/env."""
    if not _env_file().exists():
        return {}
    words = (shlex.split(line)[1] for line in _env_file().read_text().splitlines())
    return dict(word.split("=", 1) for word in words)
