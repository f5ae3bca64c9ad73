"""Where things are."""

import os
import platform
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
HACK = ROOT / "hack"
DEV = ROOT / ".dev"
CRDS = ROOT / "crds"
CRD = CRDS / "taskpipelines.dev_scheduledtaskpipelines.yaml"
CHART = ROOT / "charts" / "task-pipelines"
FIELDS = ROOT / "docs" / "fields.md"
FUNCTIONS = ROOT / "target" / "functions"


def cache() -> Path:
    """The folder for what is expensive to get, shared by all clones."""
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "task-pipelines"


def cargo_target() -> Path:
    """Cargo's output."""
    return Path(os.environ.get("CARGO_TARGET_DIR") or ROOT / "target")


def machine() -> tuple[str, str]:
    """Operating system and architecture as Go names them, such as `("linux", "amd64")`."""
    architectures = {"x86_64": "amd64", "aarch64": "arm64"}
    name = platform.machine().lower()
    return platform.system().lower(), architectures.get(name, name)


def replace(path: Path, text: str) -> None:
    """Writes a file so that it is the old or the new one, and never half of it."""
    temporary = path.with_name(f"{path.name}.tmp")
    temporary.write_text(text, encoding="utf-8")
    temporary.replace(path)
