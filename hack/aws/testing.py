"""For the tests of this package: one strict AWS for all of them, and an account for each."""

from __future__ import annotations

import atexit
import functools
import io
import itertools
import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import unittest
import urllib.error
import urllib.request
import zipfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypedDict

import boto3
from botocore.config import Config

if TYPE_CHECKING:
    from .calls import Entry

REGION = "eu-central-1"
READY_SECONDS = 30
WAIT_SECONDS = 15
_accounts = itertools.count(100_000_000_001)


@functools.cache
def url() -> str:
    """Where it listens; started when first asked for, and ended with the tests."""
    folder = Path(tempfile.mkdtemp(prefix="strict-aws-"))
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    address = f"http://127.0.0.1:{port}"
    environment = {
        "PATH": os.environ["PATH"], "HOME": str(folder), "TMPDIR": str(folder), "STATE_DIR": str(folder),
        "BIND_HOST": "127.0.0.1", "GATEWAY_PORT": str(port), "IOT_MTLS_ENABLED": "0", "AWS_ENDPOINT_URL": address,
        "DOCKER_HOST": f"unix://{folder}/no-docker", "PYTHONDONTWRITEBYTECODE": "1", "LAMBDA_ASYNC_RETRY_BASE_SECONDS": "0.1",
        "STRICT_ROLE_DELAY_SECONDS": "0", "STRICT_PENDING_SECONDS": "0", "STRICT_MAPPING_SECONDS": "0",
        "STRICT_GROUP_DELETING_SECONDS": "0", "STRICT_TAG_RIGHTS_SECONDS": "0",
    }
    log = folder / "log"
    with log.open("wb") as output:
        process = subprocess.Popen([sys.executable, str(Path(__file__).resolve().parents[1] / "strict_aws.py")], env=environment,
                                   cwd=folder, stdout=output, stderr=subprocess.STDOUT)
    atexit.register(_end, process, folder)
    deadline = time.monotonic() + READY_SECONDS
    while not _answers(f"{address}/_ministack/health"):
        if process.poll() is not None or time.monotonic() > deadline:
            raise RuntimeError(f"the strict AWS did not start:\n{log.read_text()}")
        time.sleep(0.05)
    return address


class Key(TypedDict, total=False):
    """An access key, as `client` takes it."""

    key: str
    secret: str
    token: str


class StrictTest(unittest.TestCase):
    """A test with an account, clients, and the controls of the strict mode."""

    def setUp(self) -> None:
        self.account = str(next(_accounts))

    def client(self, service: str, key: str | None = None, secret: str = "local", token: str | None = None, region: str = REGION,
               *, timeout: float = 20) -> Any:
        """A client that never tries again; as root of the account unless a key is named."""
        config = Config(retries={"total_max_attempts": 1}, connect_timeout=5, read_timeout=timeout)
        return boto3.client(service, endpoint_url=url(), region_name=region, config=config,
                            aws_access_key_id=key or self.account, aws_secret_access_key=secret, aws_session_token=token)

    def role(self, name: str, service: str, policy: tuple[str | Sequence[str], str | Sequence[str]] | None = None,
             **params: Any) -> str:
        """Makes a role that a service such as `lambda` may assume, with what it may do as (action, resource)."""
        iam = self.client("iam")
        made = iam.create_role(RoleName=name, AssumeRolePolicyDocument=trust(f"{service}.amazonaws.com"), **params)
        if policy:
            iam.put_role_policy(RoleName=name, PolicyName="p", PolicyDocument=self.document(*policy))
        return str(made["Role"]["Arn"])

    def function(self, name: str, role: str, code: str = "def handler(event, context):\n    return event\n",
                 wait: bool = True, **params: Any) -> bytes:
        """Makes a function, by default until it can be invoked, and returns its zip."""
        packed = io.BytesIO()
        with zipfile.ZipFile(packed, "w") as archive:
            archive.writestr("index.py", code)
        self.client("lambda").create_function(FunctionName=name, Runtime="python3.13", Role=role, Handler="index.handler",
                                              Code={"ZipFile": packed.getvalue()}, **params)
        if wait:
            self.client("lambda").get_waiter("function_active_v2").wait(FunctionName=name, WaiterConfig={"Delay": 0.05})
        return packed.getvalue()

    @staticmethod
    def document(action: str | Sequence[str], resource: str | Sequence[str], effect: str = "Allow", **statement: Any) -> str:
        """A policy of one statement."""
        statement = {"Effect": effect, "Action": action, "Resource": resource, **statement}
        return json.dumps({"Version": "2012-10-17", "Statement": [statement]})

    def settings(self, **settings: Any) -> None:
        self.control("POST", "settings", settings)

    def fault(self, **fault: Any) -> None:
        self.control("POST", "faults", fault)

    def calls(self, **filters: Any) -> list[Entry]:
        """The log of calls, those that match."""
        return [call for call in self.control("GET", "calls") if all(call[key] == value for key, value in filters.items())]

    def control(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> Any:
        """Speaks to /_strict/; an answer other than success raises `HTTPError`."""
        data = None if body is None else json.dumps({"account": self.account, **body}).encode()
        request = urllib.request.Request(f"{url()}/_strict/{path}?account={self.account}", data, method=method)
        with urllib.request.urlopen(request, timeout=10) as answer:
            return json.loads(answer.read())

    def refused(self, code: str, operation: Any, **params: Any) -> str:
        """Asserts that a call is refused with this code, and returns the message."""
        with self.assertRaises(operation.__self__.exceptions.ClientError) as raised:
            operation(**params)
        error: dict[str, str] = raised.exception.response["Error"]
        self.assertEqual(error["Code"].rsplit(".", 1)[-1], code, error.get("Message"))
        return error["Message"]

    def eventually(self, condition: Callable[[], Any], message: str = "it") -> Any:
        """Waits until the condition holds, and returns what it returned."""
        deadline = time.monotonic() + WAIT_SECONDS
        while not (result := condition()):
            self.assertLess(time.monotonic(), deadline, f"{message} did not come to be in {WAIT_SECONDS} s")
            time.sleep(0.02)
        return result


def trust(service: str, **statement: Any) -> str:
    """A trust policy for a service."""
    statement = {"Effect": "Allow", "Principal": {"Service": service}, "Action": "sts:AssumeRole", **statement}
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


def _answers(address: str) -> bool:
    try:
        with urllib.request.urlopen(address, timeout=5) as answer:
            return bool(answer.status == 200)
    except (OSError, urllib.error.URLError):
        return False


def _end(process: subprocess.Popen[bytes], folder: Path) -> None:
    process.terminate()
    try:
        process.wait(10)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    shutil.rmtree(folder, ignore_errors=True)
