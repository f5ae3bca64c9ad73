"""The emulator's own controls, over HTTP at /_strict/."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs

from . import answers
from .state import STATE

if TYPE_CHECKING:
    from .answers import Answer
    from .asgi import Scope

PREFIX = "/_strict/"


def answer(scope: Scope, body: bytes) -> Answer:
    """The answer to a request to /_strict/…."""
    query = parse_qs(scope["query_string"].decode())
    account = query.get("account", [""])[0]
    control = CONTROLS.get((scope["method"], scope["path"].removeprefix(PREFIX)))
    if control is None:
        return answers.of_json(404, {"error": f"no {scope['method']} {scope['path']}"})
    try:
        result = control(account, json.loads(body) if body else {})
    except (ValueError, TypeError, AttributeError, KeyError) as error:
        return answers.of_json(400, {"error": str(error)})
    return answers.of_json(200, {} if result is None else result)


CONTROLS: dict[tuple[str, str], Callable[[str, dict[str, Any]], Any]] = {
    ("GET", "settings"): lambda account, _: STATE.settings.change(account, {}),
    ("POST", "settings"): lambda _, given: STATE.settings.change(given.pop("account", ""), given),
    ("POST", "faults"): lambda _, given: STATE.faults.add(given),
    ("DELETE", "faults"): lambda account, _: STATE.faults.clear(account),
    ("GET", "calls"): lambda account, _: STATE.calls.of(account),
    ("DELETE", "calls"): lambda account, _: STATE.calls.clear(account),
    ("GET", "used"): lambda *_: STATE.calls.used(),
}
