"""The AWS of the environment, and the chat."""

from __future__ import annotations

import json
import os
import subprocess
import urllib.request
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from . import paths, venv
from .console import Failure
from .process import await_ready, free_port

if TYPE_CHECKING:
    from .process import Registry

READY_SECONDS = 30
ACCOUNT = "123456789012"
REGION = "eu-central-1"


def start_aws(registry: Registry, folder: Path, settings: Mapping[str, str]) -> str:
    """Starts the strict emulator and returns its address; `settings` are its STRICT_ variables."""
    folder.mkdir(parents=True, exist_ok=True)
    port = int(os.environ.get("TASK_PIPELINES_DEV_AWS_PORT") or free_port())
    url = f"http://127.0.0.1:{port}"
    # Functions inherit this environment, so it holds nothing of the user's.
    environment = {
        "PATH": os.environ["PATH"], "HOME": str(folder), "TMPDIR": str(folder), "STATE_DIR": str(folder),
        "BIND_HOST": "127.0.0.1", "GATEWAY_PORT": str(port), "IOT_MTLS_ENABLED": "0", "LOG_LEVEL": "INFO",
        "AWS_ENDPOINT_URL": url, "DOCKER_HOST": f"unix://{folder}/no-docker", "LAMBDA_ASYNC_RETRY_BASE_SECONDS": "0.3",
        "PYTHONDONTWRITEBYTECODE": "1", **settings,
    }
    log = folder / "aws.log"
    process = registry.start("aws", [venv.python(), paths.HACK / "strict_aws.py"], environment, log)
    await_ready(process, log, READY_SECONDS, lambda: answers(f"{url}/_ministack/health"))
    return url


def start_chat(registry: Registry, folder: Path) -> str:
    """Starts the chat receiver and returns its address."""
    port_file, log = folder / "chat.port", folder / "chat.log"
    port_file.unlink(missing_ok=True)
    command: list[str | Path] = [venv.python(), paths.ROOT / "tests" / "support" / "chat.py", "--port-file", port_file]
    process = registry.start("chat", command, {"PYTHONDONTWRITEBYTECODE": "1"}, log)
    await_ready(process, log, READY_SECONDS, port_file.exists)
    return f"http://127.0.0.1:{port_file.read_text()}"


def variables(url: str) -> dict[str, str]:
    """What an AWS client needs to reach the emulator."""
    return {"AWS_ENDPOINT_URL": url, "AWS_REGION": REGION, "AWS_DEFAULT_REGION": REGION,
            "AWS_ACCESS_KEY_ID": ACCOUNT, "AWS_SECRET_ACCESS_KEY": "local", "AWS_EC2_METADATA_DISABLED": "true"}


def resources(environment: Mapping[str, str]) -> list[tuple[str, str]]:
    """Everything of ours on AWS, as `(kind, name)`, asked of AWS itself."""
    command = [venv.python(), paths.HACK / "devenv" / "aws_resources.py"]
    answer = subprocess.run(command, env={**os.environ, **environment}, capture_output=True, text=True, check=False)
    if answer.returncode != 0:
        raise Failure(f"AWS could not be asked what it holds:\n{answer.stderr.strip()}")
    return [(kind, name) for kind, name in json.loads(answer.stdout)]


def answers(url: str) -> bool:
    """Whether something answers there with success."""
    try:
        with urllib.request.urlopen(url, timeout=5) as answer:
            return bool(answer.status < 300)
    except OSError:
        return False
