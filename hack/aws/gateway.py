"""Every AWS call passes here: faults, authorization, rules, and the log of calls."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any

from hypercorn.events import Closed
from ministack import app

from . import answers, authorization, control, listings, rules
from .answers import Answer
from .parsing import call_of
from .patches import patch
from .state import STATE

if TYPE_CHECKING:
    from .asgi import App, Message, Receive, Scope, Send
    from .calls import Call
    from .rules import CarryOut


@patch(app, "app", "faults, authorization and rules apply to every call")
async def _in_front(inner: App, scope: Scope, receive: Receive, send: Send) -> None:
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


async def _serve(call: Call, send: Send, carry_out: CarryOut) -> None:
    answer = await _faulty(call, carry_out)
    if answer.effect:
        await _hang_up(send)
    else:
        await answer.send(send)


async def _faulty(call: Call, carry_out: CarryOut) -> Answer:
    """Carries the call out, or answers as a fault says, and logs it."""
    fault = STATE.faults.take(call)
    await asyncio.sleep((STATE.settings.of(call.account).latencyMs + (fault.delayMs if fault else 0)) / 1000)
    if fault is not None and fault.effect == "drop":
        answer = Answer(effect="drop")
    elif fault is not None and fault.effect == "answer" and fault.status:
        answer = answers.of_error(call.service, fault.status, fault.error, fault.message)
    else:
        answer = authorization.refusal(call) or await _allowed(call, carry_out)
        answer.effect = "lose" if fault is not None and fault.effect == "lose" else ""
    STATE.calls.record(call, answer.status, answer.error, answer.effect, _created(call, answer))
    return answer


async def _allowed(call: Call, carry_out: CarryOut) -> Answer:
    if call.write:
        listings.remember(call)
    return await rules.applied(call, carry_out)


def _created(call: Call, answer: Answer) -> str:
    """The name of a created resource that AWS itself names."""
    if call.operation == "CreateEventSourceMapping" and answer.succeeded:
        return str(json.loads(answer.body)["UUID"])
    return ""


async def _hang_up(send: Send) -> None:
    """Closes the connection, as a network that failed would: ASGI itself only knows answers."""
    stream: Any = send.__self__  # type: ignore[attr-defined]  # hypercorn sends by a bound method, which ASGI does not promise
    stream.closed = True
    await stream.send.__self__.send(Closed())


async def _read(receive: Receive) -> bytes:
    pieces, more = list[bytes](), True
    while more:
        message = await receive()
        pieces.append(message.get("body", b""))
        more = message.get("more_body", False)
    return b"".join(pieces)


def _replayed(body: bytes, receive: Receive) -> Receive:
    messages = [{"type": "http.request", "body": body, "more_body": False}]

    async def replay() -> Message:
        return messages.pop() if messages else await receive()

    return replay
