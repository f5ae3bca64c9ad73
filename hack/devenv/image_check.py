"""Runs what is in an image from its files alone: as its user, with nothing writable but the layers' cache, as the chart does.

It takes `unshare`, and root or a system that lets others make user namespaces.
"""

from __future__ import annotations

import hashlib
import json
import os
import shlex
import shutil
import subprocess
import tempfile
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from . import build, cluster, environment, image, oci, paths
from .console import Failure, note, say, tail
from .process import Registry, await_ready

NAME = "image"
CACHE = "var/cache/task-pipelines"
READY_SECONDS = 90
START_SECONDS = 30
# In a mount namespace of its own; what is mounted there nobody else sees. The rest are the words to run.
ENTER = """
set -e
mount --bind "$1" "$1"
mount -t tmpfs -o mode=1777 tmpfs "$1/{cache}"
mount --rbind /dev "$1/dev"
mount --rbind /proc "$1/proc"
mount -o remount,bind,ro "$1"
shift
exec env -i "$@"
"""
OUTER_PATH = "/usr/sbin:/usr/bin:/sbin:/bin"
IAM = ("iam-policy", "--cluster-name", NAME, "--account", "111122223333", "--region", "eu-central-1")


def check_debug_build() -> None:
    """Makes an image of the debug build and this processor's functions, and checks it."""
    build.functions()
    archive = paths.ROOT / "target" / "image" / "debug.tar"
    image.build(archive, build.operator(), paths.FUNCTIONS, paths.machine()[1], only_own_functions=True)
    check(archive)


def check(archive: Path) -> None:
    """Fails when the image cannot be trusted to work; says what was seen."""
    document, layers = oci.read(archive)
    config = document["config"]
    if config["User"].split(":")[0] in ("", "0", "root"):
        raise Failure(f"{archive} runs as root")
    say(f"{archive}: {len(layers)} layers, whole by their digests, run as {config['User']}")
    folder = Path(tempfile.mkdtemp(prefix="task-pipelines-image-"))
    try:
        root = folder / "root"
        root.mkdir()
        oci.unpack(layers, root)
        prepare(root)
        if document["architecture"] != paths.machine()[1]:
            note(f"it is for {document['architecture']}, so nothing of it is run here")
            return
        commands(root, config)
        with environment.private(environment.FAST, chat=False) as (where, variables):
            pipeline(root, config, where, variables)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def prepare(root: Path) -> None:
    """What a container runtime adds to an image's files: places to mount, and name servers."""
    for name in ("dev", "proc", "etc/task-pipelines"):
        (root / name).mkdir(exist_ok=True)
    shutil.copy("/etc/resolv.conf", root / "etc/resolv.conf")


def commands(root: Path, config: dict[str, Any]) -> None:
    """Commands that need neither a cluster nor AWS."""
    told = run(root, config, ["--version"])
    if told.split() != ["task-pipelines", image.version()]:
        raise Failure(f"task-pipelines --version says {told!r}")
    note(told.strip())
    if not json.loads(run(root, config, IAM, {"AWS_EC2_METADATA_DISABLED": "true"}))["Statement"]:
        raise Failure("task-pipelines iam-policy prints no statements")
    note("iam-policy prints a policy")
    kind = run(root, {**config, "Entrypoint": ["/usr/local/bin/uv"]}, ["python", "find", "--no-cache", "--no-python-downloads"], {"TMPDIR": f"/{CACHE}"})
    note(f"uv finds {kind.strip()}")


def pipeline(root: Path, config: dict[str, Any], folder: Path, variables: dict[str, str]) -> None:
    """The operator of the image makes a pipeline whose runner has a layer of Python packages."""
    inside = root / "etc/task-pipelines"
    shutil.copy(variables["KUBECONFIG"], inside / "kubeconfig")
    (inside / "kubeconfig").chmod(0o644)
    index(inside / "index")
    log = folder / "operator.log"
    settings = {**{key: value for key, value in variables.items() if key.startswith("AWS_")},
                "KUBECONFIG": "/etc/task-pipelines/kubeconfig", "TASK_PIPELINES_CLUSTER_NAME": NAME,
                "TASK_PIPELINES_PACKAGE_INDEX": "file:///etc/task-pipelines/index/simple",
                "TASK_PIPELINES_CACHE_DIR": f"/{CACHE}", "TASK_PIPELINES_LOG_FORMAT": "text", "TASK_PIPELINES_PACING": "off"}
    command, seen = entered(root, config, ["run"], settings)
    process = Registry(folder).start("operator", command, seen, log)
    await_ready(process, log, START_SECONDS, lambda: log.stat().st_size > 0)
    manifest = folder / "pipeline.json"
    manifest.write_text(json.dumps(layered()))
    kube = cluster.of(variables)
    try:
        kube.kubectl("apply", "-f", manifest)
        kube.kubectl("wait", "--for=condition=Ready", f"stp/{NAME}", f"--timeout={READY_SECONDS}s")
    except Failure as failure:
        status = kube.kubectl("get", f"stp/{NAME}", "-o", "jsonpath={.status.conditions}")
        raise Failure(f"{failure}\n{status}\nThe operator's log ends with:\n{tail(log)}") from failure
    made = kube.get(f"stp/{NAME}")["status"]["resources"]
    if not any(resource["kind"] == "LayerVersion" for resource in made):
        raise Failure(f"no layer was made, but {', '.join(sorted({resource['kind'] for resource in made}))}")
    for line in run(root, config, ["check"], settings).splitlines():
        note(line)
    note(f"its operator made a pipeline of {len(made)} resources, with a layer of Python packages that its uv built")


def layered() -> dict[str, Any]:
    """A pipeline with a layer."""
    code = "import greeting\n\ndef handler(event, context):\n    return {}\n"
    return {
        "apiVersion": "taskpipelines.dev/v1alpha1", "kind": "ScheduledTaskPipeline", "metadata": {"name": NAME},
        "spec": {
            "schedule": "0 9 * * *",
            "tasks": [{"name": "greet", "message": {}}],
            "layers": [{"name": "packages", "python": {"version": "3.13", "requirements": ["greeting==1.0"]}}],
            "runner": {"runtime": "python3.13", "handler": "index.handler", "layers": ["packages"], "code": {"inline": code}},
        },
    }


def index(folder: Path) -> None:
    """A package index of files, with one package."""
    place = folder / "simple/greeting"
    place.mkdir(parents=True)
    wheel = place / "greeting-1.0-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        archive.writestr("greeting.py", "text = 'hello'\n")
        archive.writestr("greeting-1.0.dist-info/METADATA", "Metadata-Version: 2.1\nName: greeting\nVersion: 1.0\n")
        archive.writestr("greeting-1.0.dist-info/WHEEL",
                         "Wheel-Version: 1.0\nGenerator: image\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        archive.writestr("greeting-1.0.dist-info/RECORD", "")
    digest = hashlib.sha256(wheel.read_bytes()).hexdigest()
    (place / "index.html").write_text(f'<a href="{wheel.name}#sha256={digest}">{wheel.name}</a>')


def run(root: Path, config: dict[str, Any], arguments: Sequence[str], settings: Mapping[str, str] | None = None) -> str:
    """What a program of the image prints."""
    command, seen = entered(root, config, arguments, settings or {})
    answer = subprocess.run(command, env=seen, capture_output=True, text=True, check=False, timeout=60)
    if answer.returncode != 0:
        said = f"{answer.stdout}{answer.stderr}".strip()
        hint = "; run it as root, or allow user namespaces" if "unshare" in said else ""
        raise Failure(f"`{shlex.join([*config['Entrypoint'], *arguments])}` in the image ended with {answer.returncode}:"
                      f"\n{said}{hint}")
    return answer.stdout


def entered(root: Path, config: dict[str, Any], arguments: Sequence[str], settings: Mapping[str, str],
            user: int | None = None) -> tuple[list[str], dict[str, str]]:
    """The command that runs the image's program with only the image's files to see, and its environment."""
    is_root = (os.geteuid() if user is None else user) == 0
    # Where a user namespace is needed there is nobody else to become: it is oneself, under the name of root.
    who, becoming = ([], [f"--userspec={config['User']}"]) if is_root else (["--user", "--map-root-user"], [])
    variables = {**dict(line.split("=", 1) for line in config["Env"]), **settings}
    inside = [_tool("chroot"), *becoming, root, *config["Entrypoint"], *arguments]
    enter = [_tool("unshare"), *who, "--mount", "/bin/sh", "-c", ENTER.format(cache=CACHE), "sh", root]
    command = [*enter, *(f"{key}={value}" for key, value in variables.items()), *inside]
    return [str(word) for word in command], {"PATH": OUTER_PATH}


def _tool(name: str) -> str:
    found = shutil.which(name, path=OUTER_PATH)
    if found is None:
        raise Failure(f"there is no {name}, which runs an image's files: check images on Linux")
    return found
