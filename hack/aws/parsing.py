"""Which AWS call an HTTP request is, and with which parameters, read with the SDK's own models."""

from __future__ import annotations

import functools
import json
import re
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, unquote

import botocore.session
from ministack.core import iam_actions, router

from . import principals
from .calls import Call, Wire
from .lambda_ import functions

if TYPE_CHECKING:
    from .asgi import Scope
    from .records import Record

REST = ("lambda", "scheduler")
"""Services of ours whose operation is in the method and the path."""


def call_of(scope: Scope, body: bytes) -> Call | None:
    """The call; None for a request that is none, such as one to a function's own URL."""
    headers = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in scope["headers"]}
    key = router.extract_access_key_id(headers)
    if not key:
        return None
    query = parse_qs(scope["query_string"].decode(), keep_blank_values=True)
    if headers.get("content-type", "").startswith("application/x-www-form-urlencoded"):
        query = {**query, **parse_qs(body.decode("utf-8", "replace"), keep_blank_values=True)}
    method, path = scope["method"], scope["path"]
    target = headers.get("x-amz-target", "")
    service = router.detect_service(method, path, headers, query)
    if service in REST:
        operation, params = _rest(service, method, scope.get("raw_path", path.encode()).decode(), query, body)
    elif target:
        operation, params = target.rsplit(".", 1)[-1], _json(body)
    elif "Action" in query:
        operation, params = query["Action"][0], _nested(query)
    else:
        action = iam_actions.extract_iam_action(service, method, path, headers, body, query)
        operation, params = action.partition(":")[2] if action else "", {}
    return Call(
        account=principals.account_of(key), region=router.extract_region(headers, query),
        service=iam_actions.SERVICE_TO_IAM_NAMESPACE.get(service, service),
        operation=operation or f"{method} {path}", params=params, key=key,
        host=headers.get("host", ""),
        by="function" if key in functions.issued else "operator",
        wire=Wire(service, method, path, headers, body, query),
    )


def _rest(service: str, method: str, path: str, query: dict[str, list[str]], body: bytes) -> tuple[str, Record]:
    """The operation whose route is the most literal, its labels, query parameters and body put together."""
    for pattern, fixed, operation in _routes(service):
        found = re.fullmatch(pattern, f"{method} {path.rstrip('/')}")
        if found is None or any(query.get(key) != values for key, values in fixed.items()):
            continue
        params = _json(body) if operation.name != "Invoke" else {}
        for name, shape in operation.input_shape.members.items() if operation.input_shape else ():
            where, key = shape.serialization.get("location"), shape.serialization.get("name", name)
            if where == "uri":
                params[name] = unquote(found[re.sub(r"\W", "_", key)])
            elif where == "querystring" and key in query:
                params[name] = query[key] if shape.type_name == "list" else query[key][0]
        return operation.name, params
    return "", {}


@functools.cache
def _routes(service: str) -> list[tuple[str, dict[str, list[str]], Any]]:
    model = botocore.session.get_session().get_service_model(service)
    routes = []
    for name in model.operation_names:
        operation = model.operation_model(name)
        template, _, fixed = operation.http["requestUri"].partition("?")
        template = template.rstrip("/")
        pattern = re.sub(r"\{(\w+)\+?\}", lambda label: f"(?P<{label[1]}>[^/]+)", template)
        routes.append((template.count("{"), not fixed, f"{operation.http['method']} {pattern}", parse_qs(fixed), operation))
    return [route[2:] for route in sorted(routes, key=lambda route: route[:3])]


def _json(body: bytes) -> Record:
    try:
        found = json.loads(body) if body else {}
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def _nested(query: dict[str, list[str]]) -> Record:
    """`Tags.member.1.Key=k` as `{"Tags": [{"Key": "k"}]}`."""
    root: Record = {}
    for name, values in query.items():
        node: Any
        node, parts = root, [part for part in name.split(".") if part != "member"]
        for part in parts[:-1]:
            node = node.setdefault(part, {})
            if not isinstance(node, dict):
                return {}
        node[parts[-1]] = values[0]
    return {name: _lists(value) for name, value in root.items()}


def _lists(value: Any) -> Any:
    if not isinstance(value, dict):
        return value
    if value and all(key.isdigit() for key in value):
        return [_lists(value[key]) for key in sorted(value, key=int)]
    return {key: _lists(item) for key, item in value.items()}
