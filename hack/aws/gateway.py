"""In front of the emulator: what every AWS call meets before and after it is carried out."""

import asyncio
import json

from hypercorn.events import Closed
from ministack import app

from . import answers, authorization, control, listings, rules
from .answers import Answer
from .parsing import call_of
from .patches import patch
from .state import STATE


@patch(app, "app", "every call meets all of this")
async def _in_front(inner, scope, receive, send):
    if scope["type"] != "http" or scope["path"].startswith("/_ministack/"):
        await inner(scope, receive, send)
        return
    body = await _read(receive)
    if scope["path"].startswith(control.PREFIX):
        await control.answer(scope, body).send(send)
        return
    call = call_of(scope, body)
    if call is None:
        await inner(scope, _replayed(body, receive), send)
        return
    await _serve(call, send, lambda: answers.gathered(inner, scope, _replayed(body, receive)))


async def _serve(call, send, carry_out):
    answer = await _faulty(call, carry_out)
    if answer.effect:
        await _hang_up(send)
    else:
        await answer.send(send)


async def _faulty(call, carry_out):
    """Carries the call out, or what a fault makes of it, and logs it."""
    fault = STATE.faults.take(call)
    await asyncio.sleep((STATE.settings.of(call.account).latencyMs + (fault.delayMs if fault else 0)) / 1000)
    effect = fault.effect if fault else ""
    if effect == "drop":
        answer = Answer(effect="drop")
    elif effect == "answer" and fault.status:
        answer = answers.of_error(call.service, fault.status, fault.error, fault.message)
    else:
        answer = authorization.refusal(call)
        if answer is None:
            if call.write:
                listings.remember(call)
            answer = await rules.applied(call, carry_out)
        answer.effect = "lose" if effect == "lose" else ""
    STATE.calls.record(call, answer.status, answer.error, answer.effect, _created(call, answer))
    return answer


def _created(call, answer):
    """The name that AWS itself gave to what was made."""
    if call.operation == "CreateEventSourceMapping" and answer.succeeded:
        return json.loads(answer.body)["UUID"]
    return ""


async def _hang_up(send):
    """Closes the connection, as a network that failed would: ASGI itself only knows answers."""
    stream = send.__self__
    stream.closed = True
    await stream.send.__self__.send(Closed())


async def _read(receive):
    body, more = b"", True
    while more:
        message = await receive()
        body += message.get("body", b"")
        more = message.get("more_body", False)
    return body


def _replayed(body, receive):
    messages = [{"type": "http.request", "body": body, "more_body": False}]

    async def replay():
        return messages.pop() if messages else await receive()

    return replay
