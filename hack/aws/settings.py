"""What can be set while the emulator runs, for all accounts or for one, and its log of calls."""

import threading
import time
from collections import defaultdict, deque
from dataclasses import asdict, dataclass, field, fields, replace

MAX_CALLS = 100_000  # per account, the oldest dropped
READS = ("Get", "List", "Describe", "BatchGet", "Head", "Lookup", "Filter", "Simulate", "Assume", "Receive", "Search")


class BadRequest(ValueError):
    """A setting or a rule that makes no sense; the message says which."""


@dataclass(frozen=True)
class Settings:
    """How long AWS takes."""

    roleDelaySeconds: float = 1.0
    """Until a new role can be assumed, and a changed policy counts."""
    pendingSeconds: float = 0.5
    """For which a function stays Pending after its creation, or InProgress after an update."""
    latencyMs: float = 0.0
    """Added to each answer."""

    @classmethod
    def from_environment(cls, environment):
        """From `STRICT_ROLE_DELAY_SECONDS`, `STRICT_PENDING_SECONDS` and `STRICT_LATENCY_MS`."""
        names = {"roleDelaySeconds": "STRICT_ROLE_DELAY_SECONDS", "pendingSeconds": "STRICT_PENDING_SECONDS",
                 "latencyMs": "STRICT_LATENCY_MS"}
        given = {key: environment[name] for key, name in names.items() if name in environment}
        return cls().updated(given)

    def updated(self, changes):
        """These settings with `changes`, each a number of at least 0."""
        known = {item.name for item in fields(self)}
        for key in changes:
            if key not in known:
                raise BadRequest(f"unknown setting {key!r}; known are {', '.join(sorted(known))}")
        return replace(self, **{key: _amount(key, value) for key, value in changes.items()})


@dataclass
class Fault:
    """A rule for the next `count` calls that match; an empty field matches all, a count of -1 lasts."""

    account: str = ""
    service: str = ""
    operation: str = ""
    by: str = ""
    status: int = 0
    """HTTP status of the answer; 0 lets the call through after the delay."""
    error: str = ""
    message: str = "Injected by a test."
    count: int = 1
    delayMs: float = 0.0

    @classmethod
    def parse(cls, given):
        known = {item.name for item in fields(cls)}
        for key in given:
            if key not in known:
                raise BadRequest(f"unknown key {key!r} in a fault; known are {', '.join(sorted(known))}")
        fault = cls(**given)
        if fault.status and not (400 <= fault.status <= 599 and fault.error):
            raise BadRequest("a fault with a status needs one of 400 to 599 and an error code")
        _amount("delayMs", fault.delayMs)
        return fault

    def matches(self, call):
        return all(not getattr(self, key) or getattr(self, key) == call[key]
                   for key in ("account", "service", "operation", "by"))


@dataclass
class State:
    """All of it; safe to use from any thread."""

    defaults: Settings = field(default_factory=Settings)

    def __post_init__(self):
        self._lock = threading.Lock()
        self._accounts = {}
        self._faults = []
        self._calls = defaultdict(lambda: deque(maxlen=MAX_CALLS))

    def settings(self, account):
        """What holds for this account."""
        with self._lock:
            return self.defaults.updated(self._accounts.get(account, {}))

    def set(self, account, changes):
        """Changes the settings of an account, or with an empty one the defaults of all; returns what now holds."""
        with self._lock:
            if not account:
                self.defaults = self.defaults.updated(changes)
                return asdict(self.defaults)
            overrides = {**self._accounts.get(account, {}), **changes}
            effective = self.defaults.updated(overrides)
            self._accounts[account] = overrides
            return asdict(effective)

    def add_fault(self, given):
        fault = Fault.parse(given)
        with self._lock:
            self._faults.append(fault)

    def clear_faults(self, account):
        """Forgets the rules of an account, or with an empty one all."""
        with self._lock:
            self._faults = [fault for fault in self._faults if account and fault.account != account]

    def take_fault(self, call):
        """The first rule that matches this call, counted; None if there is none."""
        with self._lock:
            for fault in self._faults:
                if fault.count != 0 and fault.matches(call):
                    fault.count -= fault.count > 0
                    return fault
            return None

    def record(self, call):
        with self._lock:
            self._calls[call["account"]].append({**call, "time": time.time()})

    def calls(self, account):
        """The calls of an account, oldest first, or with an empty one those of all, by time."""
        with self._lock:
            if account:
                return list(self._calls.get(account, ()))
            return sorted((call for calls in self._calls.values() for call in calls), key=lambda call: call["time"])

    def clear_calls(self, account):
        with self._lock:
            if account:
                self._calls.pop(account, None)
            else:
                self._calls.clear()


def is_write(operation):
    """Whether an operation changes something."""
    return not operation.startswith(READS)


def _amount(key, value):
    try:
        number = float(value)
    except (TypeError, ValueError):
        number = -1.0
    if not 0 <= number < float("inf"):
        raise BadRequest(f"{key} must be a number of at least 0, not {value!r}")
    return number


STATE = State()
