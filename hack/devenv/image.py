"""What is in the operator's image, and how its folders are filled."""

from __future__ import annotations

import datetime
import json
import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

from . import debian, oci, paths
from .console import Failure, note, run, say

ARCHITECTURES = {
    # Go's name, which images use: Lambda's name, Debian's name, PyPI's platform, the machine in an ELF header.
    "amd64": ("x86_64", "amd64", "musllinux_1_1_x86_64", 62),
    "arm64": ("arm64", "arm64", "musllinux_1_1_aarch64", 183),
}
PYTHON = "3.13"
# uv asks a Python what it is; that takes the interpreter, what it links, and the modules that come with it.
PACKAGES = ("libc6", "libgcc-s1", "zlib1g", "libexpat1", f"python{PYTHON}-minimal", f"libpython{PYTHON}-minimal")
CERTIFICATES = "ca-certificates"
RELEASE = "base-files"
GCC_LICENCE = "gcc-14-base"  # where libgcc-s1 has its own
UNUSED = ("usr/share/man", "usr/share/lintian", "usr/share/locale", "usr/share/bug", "usr/share/binfmts",
          "usr/share/applications", "usr/share/pixmaps", "usr/share/ca-certificates", "usr/sbin")
USER = 65532
PROGRAMS = "usr/local/bin"
PASSWD = f"root:x:0:0:root:/root:/sbin/nologin\nnonroot:x:{USER}:{USER}:nonroot:/home/nonroot:/sbin/nologin\n"
GROUP = f"root:x:0:\nnonroot:x:{USER}:\n"
SOURCE = "https://github.com/task-pipelines/task-pipelines"


def build(archive: Path, operator: Path, functions: Path, architecture: str, only_own_functions: bool = False) -> None:
    """Assembles the image of an operator's binary and the functions' zips."""
    check(operator, functions, architecture, only_own_functions)
    workshop = _fresh(paths.ROOT / "target" / "image" / f".{architecture}")
    try:
        layers = fill(workshop, operator, functions, architecture)
        digest = oci.write(archive, layers, architecture, configuration(), f"task-pipelines:{version()}", created())
    finally:
        shutil.rmtree(workshop, ignore_errors=True)
    size = archive.stat().st_size / 1e6
    say(f"{archive}: {size:.0f} MB for linux/{architecture}, manifest {digest}")


def root(folder: Path, operator: Path, functions: Path, architecture: str, only_own_functions: bool = False) -> None:
    """Puts all of the image's files into one folder, for those who build the image with other tools."""
    check(operator, functions, architecture, only_own_functions)
    workshop = _fresh(folder.with_name(f".{folder.name}.layers"))
    try:
        _fresh(folder)
        for layer, _ in fill(workshop, operator, functions, architecture):
            shutil.copytree(layer, folder, symlinks=True, dirs_exist_ok=True)
    finally:
        shutil.rmtree(workshop, ignore_errors=True)
    say(f"{folder}: the image's files for linux/{architecture}")


def check(operator: Path, functions: Path, architecture: str, only_own_functions: bool) -> None:
    """Fails when what is to go into the image is missing or for another processor."""
    if not operator.is_file():
        raise Failure(f"{operator} is not there; build it with `cargo build --release`, or name one with --operator")
    with open(operator, "rb") as program:
        head = program.read(20)
    if head[:4] != b"\x7fELF" or int.from_bytes(head[18:20], "little") != ARCHITECTURES[architecture][3]:
        raise Failure(f"{operator} is not a program for linux/{architecture}")
    missing = [name for name in zips(architecture, only_own_functions) if not (functions / name).is_file()]
    if missing:
        raise Failure(f"{functions} has no {', '.join(missing)}; build them with `cargo run -p package-functions -- "
                      "--arch all`, or pass --only-own-functions for an image that deploys to its own processor alone")


def zips(architecture: str, only_own_functions: bool = False) -> list[str]:
    """Names of the functions' zips that belong into an image."""
    own = [ARCHITECTURES[architecture][0]]
    names = own if only_own_functions else [lambda_name for lambda_name, *_ in ARCHITECTURES.values()]
    return [f"{function}-{name}.zip" for function in ("sender", "runner") for name in names]


def fill(workshop: Path, operator: Path, functions: Path, architecture: str) -> list[tuple[Path, str]]:
    """Fills a folder for each layer, what changes least first; returns them, each with what it is."""
    base, uv, program = (workshop / name for name in ("base", "uv", "operator"))
    _, debian_name, platform, _ = ARCHITECTURES[architecture]
    note(f"Debian packages for {debian_name}")
    fill_base(base, workshop, debian_name)
    note("uv from PyPI")
    fill_uv(uv, workshop, platform)
    own = program / PROGRAMS
    (own / "functions").mkdir(parents=True)
    _install(operator, own / "task-pipelines", 0o755)
    for name in zips(architecture):
        if (functions / name).is_file():
            _install(functions / name, own / "functions" / name, 0o644)
    _install(paths.ROOT / "LICENSE", program / "usr/share/doc/task-pipelines/copyright", 0o644)
    for layer in (base, uv, program):
        for folder in [layer, *(path for path in layer.rglob("*") if path.is_dir() and not path.is_symlink())]:
            folder.chmod(0o755)
    (base / "tmp").chmod(0o1777)
    return [(base, f"Debian {debian.SUITE}: C library, certificates, Python for uv"), (uv, "uv"),
            (program, "task-pipelines and its functions")]


def fill_base(folder: Path, workshop: Path, architecture: str) -> None:
    """The C library, certificates, and a Python that uv can ask."""
    found = debian.download([*PACKAGES, CERTIFICATES, RELEASE, GCC_LICENCE], architecture, workshop / "apt")
    for name in ("usr/bin", "usr/lib", "usr/lib64"):
        (folder / name).mkdir(parents=True)
    for name in ("bin", "lib", "lib64"):
        (folder / name).symlink_to(f"usr/{name}")
    for name in PACKAGES:
        debian.unpack(found[name], folder)
    _take(found[CERTIFICATES], workshop / "certificates", f"usr/share/doc/{CERTIFICATES}", folder)
    _take(found[GCC_LICENCE], workshop / "gcc", f"usr/share/doc/{GCC_LICENCE}", folder)
    # Which Debian it is: by this scanners know what its packages' versions mean.
    debian.unpack(found[RELEASE], workshop / "release")
    _install(workshop / "release/usr/lib/os-release", folder / "etc/os-release", 0o644)
    certificates = sorted((workshop / "certificates/usr/share/ca-certificates/mozilla").glob("*.crt"))
    _write(folder / "etc/ssl/certs/ca-certificates.crt", "".join(path.read_text() for path in certificates))
    _write(folder / "etc/passwd", PASSWD)
    _write(folder / "etc/group", GROUP)
    _write(folder / "etc/nsswitch.conf", "hosts: files dns\n")
    for name in (*PACKAGES, CERTIFICATES):
        _write(folder / "var/lib/dpkg/status.d" / name, debian.control(found[name]))
    for name in ("tmp", "home/nonroot", "var/cache/task-pipelines"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    slim(folder)


def slim(folder: Path) -> None:
    """Takes away what nothing here reads; licences stay."""
    for name in UNUSED:
        shutil.rmtree(folder / name, ignore_errors=True)
    for gconv in (folder / "usr/lib").glob("*/gconv"):
        shutil.rmtree(gconv)
    for path in (folder / "usr/share/doc").rglob("*"):
        if not path.is_dir() and path.name != "copyright":
            path.unlink()


def fill_uv(folder: Path, workshop: Path, platform: str) -> None:
    """uv's program and licences, out of the wheel whose hash hack/image/uv.txt has."""
    wheels = workshop / "wheels"
    pip: list[str | Path] = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps", "--require-hashes",
           "--only-binary", ":all:", "--platform", platform, "--python-version", PYTHON, "--dest", wheels]
    run([*pip, "--requirement", paths.HACK / "image" / "uv.txt"], "pip download uv", workshop / "pip.log")
    (wheel,) = wheels.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        for name in archive.namelist():
            if name.endswith(".data/scripts/uv"):
                _write(folder / PROGRAMS / "uv", archive.read(name), 0o755)
            elif "/licenses/" in name:
                _write(folder / "usr/share/doc/uv" / name.rsplit("/", 1)[-1], archive.read(name))


def configuration() -> dict[str, Any]:
    """How the image is run."""
    labels = {"title": "task-pipelines", "description": "Cron tasks on AWS from one Kubernetes resource", "source": SOURCE,
              "version": version(), "licenses": "Apache-2.0"}
    revision = os.environ.get("GITHUB_SHA") or _git_revision()
    labels |= {"revision": revision} if revision else {}
    return {
        "User": f"{USER}:{USER}", "WorkingDir": "/", "Entrypoint": [f"/{PROGRAMS}/task-pipelines"],
        "Env": [f"PATH=/{PROGRAMS}:/usr/bin", "HOME=/home/nonroot", f"UV_PYTHON=/usr/bin/python{PYTHON}"],
        "Labels": {f"org.opencontainers.image.{key}": value for key, value in labels.items()},
    }


def version() -> str:
    """The version of the workspace."""
    for line in (paths.ROOT / "Cargo.toml").read_text().splitlines():
        if line.startswith("version = "):
            return str(json.loads(line.split("=", 1)[1]))
    raise Failure("Cargo.toml names no version")


def created() -> str:
    """When the image counts as made: SOURCE_DATE_EPOCH, or no time at all, so that equal content gives equal bytes."""
    seconds = int(os.environ.get("SOURCE_DATE_EPOCH", "0"))
    return datetime.datetime.fromtimestamp(seconds, datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")


def _git_revision() -> str:
    if shutil.which("git") is None:
        return ""
    answer = subprocess.run(["git", "rev-parse", "HEAD"], cwd=paths.ROOT, capture_output=True, text=True, check=False)
    return answer.stdout.strip() if answer.returncode == 0 else ""


def _take(package: Path, elsewhere: Path, name: str, folder: Path) -> None:
    """One folder of a package's."""
    debian.unpack(package, elsewhere)
    shutil.copytree(elsewhere / name, folder / name, symlinks=True, dirs_exist_ok=True)


def _install(source: Path, target: Path, mode: int) -> None:
    _write(target, source.read_bytes(), mode)


def _write(path: Path, content: bytes | str, mode: int = 0o644) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    path.chmod(mode)


def _fresh(folder: Path) -> Path:
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    return folder
