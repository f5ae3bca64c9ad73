"""What a call is, and the log of all of them."""

from __future__ import annotations

import itertools
import threading
import time
from collections import defaultdict, deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypedDict

from .permissions import Permission

if TYPE_CHECKING:
    from .principals import Principal
    from .records import Record

MAX_CALLS = 100_000  # per account, the oldest dropped
READS = ("Get", "List", "Describe", "BatchGet", "Head", "Lookup", "Filter", "Simulate", "Assume", "Receive", "Search")
NAMED_BY = {
    "iam": ("RoleName", "UserName", "PolicyName", "PolicyArn"),
    "lambda": ("UUID", "FunctionName", "LayerName", "Resource"),
    "logs": ("logGroupName", "logGroupIdentifier", "resourceArn"),
    "scheduler": ("Name", "ResourceArn"),
    "sqs": ("QueueName", "QueueUrl"),
    "ssm": ("Name", "ResourceId"),
    "sts": ("RoleArn",),
}
"""The parameters that name the resource; the first that a call has counts."""
_numbers = itertools.count(1)


@dataclass
class Call:
    """One request to AWS."""

    account: str
    region: str
    service: str
    """The service's prefix in IAM, such as `sqs` or `tag`."""
    operation: str
    """As the SDK names it; method and path where no operation is known."""
    params: Record = field(repr=False)
    """The operation's parameters by the names of the SDK."""
    key: str
    """The access key that signed it."""
    host: str
    """Where the caller reached the emulator."""
    by: str
    """`operator`, `function`, or `service`: what AWS does in a role's place."""
    wire: Wire | None = field(default=None, repr=False)
    principal: Principal | None = None
    """The caller, once it is known."""
    permissions: list[Permission] = field(default_factory=list)
    """What the call has to be allowed."""
    request: int = field(default_factory=lambda: next(_numbers))

    @property
    def caller(self) -> Principal:
        """The principal of a call that goes on: `refusal` of authorization has found it."""
        if self.principal is None:
            raise ValueError(f"nobody has asked who makes {self.operation}")
        return self.principal

    @property
    def write(self) -> bool:
        return is_write(self.operation)

    @property
    def resource(self) -> str:
        """The name of the resource that it acts on, or an empty text."""
        return _resource(self.service, self.operation, self.params)


@dataclass(frozen=True)
class Wire:
    """The request as it came."""

    service: str
    """As the emulator calls it."""
    method: str
    path: str
    headers: dict[str, str]
    body: bytes
    query: dict[str, list[str]]


def is_write(operation: str) -> bool:
    """Whether an operation changes something."""
    return not operation.startswith(READS)


class Entry(TypedDict):
    """A call in the log, as `GET /_strict/calls` shows it."""

    account: str
    service: str
    operation: str
    write: bool
    by: str
    resource: str
    request: int
    principal: str
    actions: list[list[str]]
    status: int
    error: str
    effect: str
    time: float


class Calls:
    """The calls by account; safe to use from any thread."""

    def __init__(self) -> None:
        self._calls: dict[str, deque[Entry]] = defaultdict(lambda: deque(maxlen=MAX_CALLS))
        self._used: dict[str, set[str]] = defaultdict(set)
        self._lock = threading.Lock()

    def record(self, call: Call, status: int, error: str = "", effect: str = "", resource: str = "") -> None:
        """Notes how a call ended; a status of 0 is one that was not carried out."""
        entry: Entry = {
            "account": call.account, "service": call.service, "operation": call.operation, "write": call.write,
            "by": call.by, "resource": resource or call.resource, "request": call.request,
            "principal": call.principal.arn if call.principal else "",
            "actions": [[each.action, each.resource] for each in call.permissions],
            "status": status, "error": error, "effect": effect, "time": time.time(),
        }
        with self._lock:
            self._calls[call.account].append(entry)
            if 200 <= status < 300 and ":user/" in entry["principal"]:
                self._used[entry["principal"].rpartition("/")[2]].update(each.action for each in call.permissions)

    def used(self) -> dict[str, list[str]]:
        """The actions that users of each name were allowed and used, in any account, whatever was cleared since."""
        with self._lock:
            return {name: sorted(actions) for name, actions in self._used.items()}

    def of(self, account: str) -> list[Entry]:
        """The calls of an account, oldest first, or with an empty one those of all, by time."""
        with self._lock:
            if account:
                return list(self._calls.get(account, ()))
            return sorted((call for calls in self._calls.values() for call in calls), key=lambda call: call["time"])

    def clear(self, account: str) -> None:
        with self._lock:
            if account:
                self._calls.pop(account, None)
            else:
                self._calls.clear()


def _resource(service: str, operation: str, params: Record) -> str:
    key = next((key for key in NAMED_BY.get(service, ()) if isinstance(params.get(key), str)), None)
    if key is None:
        return ""
    name: str = params[key]
    if name.startswith("arn:"):
        return _from_arn(name)
    if service == "scheduler" and not operation.endswith("ScheduleGroup"):
        # Schedules are named within their group.
        return f"{params.get('GroupName', 'default')}/{name}"
    return name.rsplit("/", 1)[-1] if key == "QueueUrl" else name


def _from_arn(arn: str) -> str:
    """The name in an ARN: what comes after the type, without a role's path, a function's version or `:*`."""
    service, tail = arn.split(":", 5)[2::3]
    kind, _, name = tail.replace("/", ":", 1).partition(":") if service in ("iam", "scheduler") else tail.partition(":")
    if service in ("iam", "sts"):
        return name.rsplit("/", 1)[-1]
    return name.partition(":")[0] if kind in ("function", "log-group") else name or kind
