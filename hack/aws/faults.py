"""Rules that make calls fail: refused, dropped before they are carried out, or their answers lost afterwards."""

from __future__ import annotations

import random
import threading
from dataclasses import dataclass, field, fields
from typing import TYPE_CHECKING

from .settings import BadRequest, amount

if TYPE_CHECKING:
    from .calls import Call
    from .records import Record

EFFECTS = ("answer", "drop", "lose")


@dataclass
class Fault:
    """A rule for calls that match; what is left out matches all."""

    account: str = ""
    service: str = ""
    operation: str = ""
    resource: str = ""
    by: str = ""
    write: bool | None = None
    """True: writes only. False: reads only."""
    effect: str = "answer"
    """`answer`: `status` and `error`. `drop`: the connection is closed, nothing is carried out. `lose`: the call is
    carried out, then the connection is closed without an answer."""
    status: int = 0
    """HTTP status of the answer; 0 lets the call through after the delay."""
    error: str = ""
    message: str = "Injected by a test."
    skip: int = 0
    """The first calls that match and are let through."""
    count: int = 1
    """How many calls it then hits; -1 lasts."""
    probability: float = 1.0
    """Of hitting a call that matches, drawn from `seed`."""
    seed: int = 0
    delayMs: float = 0.0
    _random: random.Random = field(init=False, repr=False)

    def __post_init__(self) -> None:
        self._random = random.Random(self.seed)

    @classmethod
    def parse(cls, given: Record) -> Fault:
        """A rule from JSON, or `BadRequest`."""
        known = {item.name for item in fields(cls) if item.init}
        for key in given:
            if key not in known:
                raise BadRequest(f"unknown key {key!r} in a fault; known are {', '.join(sorted(known))}")
        fault = cls(**given)
        if fault.effect not in EFFECTS:
            raise BadRequest(f"effect must be one of {', '.join(EFFECTS)}, not {fault.effect!r}")
        if fault.status and not (fault.effect == "answer" and 400 <= fault.status <= 599 and fault.error):
            raise BadRequest("a fault with a status needs the effect answer, one of 400 to 599, and an error code")
        if amount("probability", fault.probability) > 1:
            raise BadRequest(f"probability must be at most 1, not {fault.probability}")
        for key in ("delayMs", "skip"):
            amount(key, getattr(fault, key))
        return fault

    def hits(self, call: Call) -> bool:
        """Whether it is this call that fails; counts it."""
        if self.count == 0 or not self._matches(call):
            return False
        if self.skip > 0:
            self.skip -= 1
            return False
        if self._random.random() >= self.probability:
            return False
        self.count -= self.count > 0
        return True

    def _matches(self, call: Call) -> bool:
        named = all(not getattr(self, key) or getattr(self, key) == getattr(call, key)
                    for key in ("account", "service", "operation", "resource", "by"))
        return named and (self.write is None or self.write == call.write)


class Faults:
    """All rules; the first that hits a call decides. Safe to use from any thread."""

    def __init__(self) -> None:
        self._rules: list[Fault] = []
        self._lock = threading.Lock()

    def add(self, given: Record) -> None:
        rule = Fault.parse(given)
        with self._lock:
            self._rules.append(rule)

    def clear(self, account: str) -> None:
        """Forgets the rules of an account, or with an empty one all."""
        with self._lock:
            self._rules = [rule for rule in self._rules if account and rule.account != account]

    def take(self, call: Call) -> Fault | None:
        """The rule that hits this call, if any."""
        with self._lock:
            return next((rule for rule in self._rules if rule.hits(call)), None)
