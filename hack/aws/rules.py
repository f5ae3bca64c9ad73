"""Rules that run before and after the emulator's own handlers, by service and operation."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any, TypeVar

from ministack.core.responses import request_scope

from . import answers

if TYPE_CHECKING:
    from .answers import Answer
    from .calls import Call

Check = Callable[["Call"], "Answer | None"]
"""Before a call is carried out: an answer in place of the emulator's, or None."""
Change = Callable[["Call", "Answer"], None]
"""After a call was carried out with success: may change the answer."""
CarryOut = Callable[[], "Awaitable[Answer]"]
Rule = TypeVar("Rule", bound=Callable[..., Any])
_before: dict[tuple[str, str], list[Check]] = defaultdict(list)
_after: dict[tuple[str, str], list[Change]] = defaultdict(list)


class Refused(Exception):
    """A call that AWS answers with an error."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(message)
        self.status, self.code = status, code


def violated(field: str, value: object, rule: str, code: str = "ValidationException") -> Refused:
    """The refusal of a value that breaks the constraint of a field, as most services word it."""
    return Refused(400, code, f"1 validation error detected: Value '{value}' at '{field}' failed to satisfy constraint: "
                   f"Member must {rule}")


def before(service: str, *operations: str) -> Callable[[Rule], Rule]:
    """Decorates a check of a call: it raises `Refused`, or returns what to answer in the emulator's place, or None."""
    return lambda rule: _register(_before, service, operations, rule)


def after(service: str, *operations: str) -> Callable[[Rule], Rule]:
    """Decorates what is done once a call was carried out with success; it gets the call and may change its answer."""
    return lambda rule: _register(_after, service, operations, rule)


async def applied(call: Call, carry_out: CarryOut) -> Answer:
    """The answer to a call, by all rules."""
    key = (call.service, call.operation)
    with request_scope(call.account, call.region):
        try:
            for check in _before[key]:
                if (answer := check(call)) is not None:
                    return answer
        except Refused as refusal:
            return answers.of_error(call.service, refusal.status, refusal.code, str(refusal))
    answer = await carry_out()
    if answer.succeeded:
        with request_scope(call.account, call.region):
            for change in _after[key]:
                change(call, answer)
    return answer


def _register(registry: dict[tuple[str, str], list[Any]], service: str, operations: tuple[str, ...], rule: Rule) -> Rule:
    for operation in operations:
        registry[service, operation].append(rule)
    return rule
