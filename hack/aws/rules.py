"""What AWS does before and after the emulator's own handlers, by service and operation."""

from collections import defaultdict

from ministack.core.responses import request_scope

from . import answers

_before, _after = defaultdict(list), defaultdict(list)


class Refused(Exception):
    """A call that AWS answers with an error."""

    def __init__(self, status, code, message):
        super().__init__(message)
        self.status, self.code = status, code


def violated(field, value, rule, code="ValidationException"):
    """The refusal of a value that breaks the constraint of a field, as most services word it."""
    return Refused(400, code, f"1 validation error detected: Value '{value}' at '{field}' failed to satisfy constraint: "
                   f"Member must {rule}")


def before(service, *operations):
    """Decorates a check of a call: it raises `Refused`, or returns what to answer in the emulator's place, or None."""
    return lambda rule: _register(_before, service, operations, rule)


def after(service, *operations):
    """Decorates what is done once a call was carried out with success; it gets the call and may change its answer."""
    return lambda rule: _register(_after, service, operations, rule)


async def applied(call, carry_out):
    """The answer to a call, by all rules."""
    key = (call.service, call.operation)
    with request_scope(call.account, call.region):
        try:
            for rule in _before[key]:
                if (answer := rule(call)) is not None:
                    return answer
        except Refused as refusal:
            return answers.of_error(call.service, refusal.status, refusal.code, str(refusal))
    answer = await carry_out()
    if answer.succeeded:
        with request_scope(call.account, call.region):
            for rule in _after[key]:
                rule(call, answer)
    return answer


def _register(registry, service, operations, rule):
    for operation in operations:
        registry[service, operation].append(rule)
    return rule
