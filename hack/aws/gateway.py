"""In front of the emulator: settings and faults over HTTP at /_strict/, latency, and a log of every AWS call."""

import asyncio
import json
import re
from urllib.parse import parse_qs

from ministack.core import iam_actions, responses, router

import functions
from settings import STATE, is_write

XML_SERVICES = ("iam", "sts")
MAPPING_VERBS = {"GET": "GetEventSourceMapping", "PUT": "UpdateEventSourceMapping", "DELETE": "DeleteEventSourceMapping"}
CONFIG_VERBS = {"GET": "GetFunctionEventInvokeConfig", "PUT": "PutFunctionEventInvokeConfig",
                "DELETE": "DeleteFunctionEventInvokeConfig"}
CONCURRENCY_VERBS = {"GET": "GetFunctionConcurrency", "PUT": "PutFunctionConcurrency",
                     "DELETE": "DeleteFunctionConcurrency"}


def wrap(inner):
    """The emulator's ASGI app with all of it in front."""

    async def app(scope, receive, send):
        if scope["type"] != "http" or scope["path"].startswith("/_ministack/"):
            await inner(scope, receive, send)
            return
        body = await _read(receive)
        if scope["path"].startswith("/_strict/"):
            await _respond(send, *_control(scope, body))
            return
        call = _call(scope, body)
        if call is None:
            await inner(scope, _replayed(body, receive), send)
            return
        await _pass_on(inner, scope, _replayed(body, receive), send, call)

    return app


async def _pass_on(inner, scope, receive, send, call):
    settings = STATE.settings(call["account"])
    fault = STATE.take_fault(call)
    await asyncio.sleep((settings.latencyMs + (fault.delayMs if fault else 0)) / 1000)
    if fault and fault.status:
        STATE.record({**call, "status": fault.status, "error": fault.error})
        await _respond(send, fault.status, *_error_body(call["service"], fault))
        return
    answer = {"status": 0, "error": "", "body": b""}

    async def observed(message):
        if message["type"] == "http.response.start":
            answer["status"] = message["status"]
        elif message["type"] == "http.response.body" and answer["status"] >= 400:
            answer["body"] += message.get("body", b"")
        await send(message)

    try:
        await inner(scope, receive, observed)
    finally:
        STATE.record({**call, "status": answer["status"], "error": _error_code(answer["body"])})


def _control(scope, body):
    """Answers a request to /_strict/…: status, headers, body."""
    query = parse_qs(scope["query_string"].decode())
    account = query.get("account", [""])[0]
    route = (scope["method"], scope["path"].removeprefix("/_strict/"))
    try:
        given = json.loads(body) if body else {}
        if route == ("GET", "calls"):
            result = STATE.calls(account)
        elif route == ("DELETE", "calls"):
            result = STATE.clear_calls(account)
        elif route == ("GET", "settings"):
            result = STATE.set(account, {})
        elif route == ("POST", "settings"):
            result = STATE.set(given.pop("account", ""), given)
        elif route == ("POST", "faults"):
            result = STATE.add_fault(given)
        elif route == ("DELETE", "faults"):
            result = STATE.clear_faults(account)
        else:
            return 404, *_json({"error": f"no {route[0]} {scope['path']}"})
    except (ValueError, TypeError, AttributeError) as error:
        return 400, *_json({"error": str(error)})
    return 200, *_json({} if result is None else result)


def _call(scope, body):
    """Which AWS call a request is; None for what is none, such as a function's own URL."""
    headers = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in scope["headers"]}
    key = router.extract_access_key_id(headers)
    if not key:
        return None
    query = parse_qs(scope["query_string"].decode(), keep_blank_values=True)
    if headers.get("content-type", "").startswith("application/x-www-form-urlencoded"):
        query = {**query, **parse_qs(body.decode("utf-8", "replace"), keep_blank_values=True)}
    method, path = scope["method"], scope["path"]
    service = router.detect_service(method, path, headers, query)
    operation = _operation(service, method, path, headers, body, query)
    by = "function" if key in functions.issued else "operator"
    return {"account": _account(key), "service": service, "operation": operation,
            "write": is_write(operation), "by": by}


def _account(key):
    if re.fullmatch(r"\d{12}", key):
        return key
    return responses._account_from_sts_session(key) or "000000000000"


def _operation(service, method, path, headers, body, query):
    if service == "lambda":
        if re.search(r"/event-source-mappings/[^/]+$", path):
            return MAPPING_VERBS.get(method, method)
        if path.endswith("/event-invoke-config"):
            return CONFIG_VERBS.get(method, method)
        if path.endswith("/concurrency"):
            return CONCURRENCY_VERBS.get(method, method)
        if path.endswith("/invocations"):
            return "Invoke"
    target = headers.get("x-amz-target", "")
    if target:
        return target.rsplit(".", 1)[-1]
    action = iam_actions.extract_iam_action(service, method, path, headers, body, query)
    return action.split(":", 1)[1] if action else f"{method} {path}"


def _error_body(service, fault):
    if service in XML_SERVICES:
        text = (f"<ErrorResponse><Error><Type>Sender</Type><Code>{fault.error}</Code><Message>{fault.message}</Message>"
                "</Error><RequestId>00000000-0000-0000-0000-000000000000</RequestId></ErrorResponse>")
        return {"content-type": "text/xml"}, text.encode()
    headers, body = _json({"__type": fault.error, "message": fault.message, "Message": fault.message})
    return {**headers, "x-amzn-errortype": fault.error}, body


def _error_code(body):
    found = re.search(rb'"__type":\s*"([^"]+)"|<Code>([^<]+)</Code>|"code":\s*"([^"]+)"', body)
    return next(group for group in found.groups() if group).decode().rsplit("#", 1)[-1] if found else ""


def _json(value):
    return {"content-type": "application/json"}, json.dumps(value).encode()


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


async def _respond(send, status, headers, body):
    encoded = [(name.encode(), value.encode()) for name, value in {**headers, "content-length": str(len(body))}.items()]
    await send({"type": "http.response.start", "status": status, "headers": encoded})
    await send({"type": "http.response.body", "body": body})
