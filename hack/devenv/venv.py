"""Private Python environments in the cache."""

import hashlib
import shutil
import subprocess
import sys
from pathlib import Path

from . import console, paths
from .locks import held


def python() -> Path:
    """The interpreter that has the emulator, boto3 and Lua."""
    return environment("aws", (paths.HACK / "aws" / "requirements.txt").read_text().split()) / "bin" / "python"


def environment(name: str, requirements: list[str]) -> Path:
    """The folder of an environment with these requirements, made if it is not there."""
    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    digest = hashlib.sha256("\n".join([version, sys.base_prefix, *requirements]).encode()).hexdigest()[:10]
    folder = paths.cache() / "venv" / f"{name}-{version}-{digest}"
    with held(folder.with_name(f"{folder.name}.lock"), f"the Python environment {name}"):
        if not (folder / ".complete").exists():
            _make(folder, name, requirements)
    return folder


def _make(folder: Path, name: str, requirements: list[str]) -> None:
    if folder.exists():
        shutil.rmtree(folder)
    log = folder.with_name(f"{folder.name}.log")
    log.unlink(missing_ok=True)
    console.note(f"making the Python environment {name}: {', '.join(requirements)}")
    console.run([sys.executable, "-m", "venv", folder], "python3 -m venv", log)
    pip: list[str | Path] = [folder / "bin" / "python", "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *requirements]
    console.run(pip, "pip install", log, stdin=subprocess.DEVNULL)
    (folder / ".complete").touch()
