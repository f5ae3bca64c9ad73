"""What calls of Lambda have to be allowed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ministack.services import lambda_svc

from ..permissions import Context, Permission, arn_of, removed_tags, request_tags, resource_tags, to_pass

if TYPE_CHECKING:
    from ..calls import Call

ACTIONS = {"Invoke": "InvokeFunction", "GetLayerVersionByArn": "GetLayerVersion"}
"""The operations whose action has another name."""


def required(call: Call) -> list[Permission]:
    """The permissions, the operation's own first."""
    params, operation = call.params, ACTIONS.get(call.operation, call.operation)
    if "EventSourceMapping" in operation:
        return _of_mapping(call)
    if "LayerName" in params or operation == "GetLayerVersion":
        version = params.get("VersionNumber")
        name = f"layer:{params.get('LayerName')}" + (f":{version}" if version else "")
        arn = params.get("Arn") or arn_of(call, "lambda", name)
        return [Permission(f"lambda:{operation}", arn), *_to_fetch(params.get("Content"))]
    if "Resource" in params:
        arn = params["Resource"]
        context = {**_tags_of(arn), **request_tags(params.get("Tags")), **removed_tags(params)}
        return [Permission(f"lambda:{operation}", arn, context)]
    return _of_function(call, operation)


def _of_function(call: Call, operation: str) -> list[Permission]:
    params = call.params
    name, qualifier = lambda_svc._resolve_request_scoped_name_and_qualifier(params.get("FunctionName", ""))
    arn = lambda_svc._func_arn(name)
    qualifier = params.get("Qualifier") or qualifier
    layers = [layer for layer in params.get("Layers") or [] if layer]
    context = {**_tags_of(arn), **request_tags(params.get("Tags")), "lambda:Layer": layers or None}
    found = [Permission(f"lambda:{operation}", f"{arn}:{qualifier}" if qualifier else arn, context)]
    found += to_pass(params.get("Role"), "lambda.amazonaws.com")
    if params.get("Tags"):
        found.append(Permission("lambda:TagResource", arn, request_tags(params["Tags"])))
    found += [Permission("lambda:GetLayerVersion", layer) for layer in layers]
    return found + _to_fetch(params.get("Code") or params)


def _to_fetch(code: dict[str, Any] | None) -> list[Permission]:
    """What it takes to give Lambda a zip in S3."""
    if not isinstance(code, dict) or not code.get("S3Bucket"):
        return []
    action = "s3:GetObjectVersion" if code.get("S3ObjectVersion") else "s3:GetObject"
    return [Permission(action, f"arn:aws:s3:::{code['S3Bucket']}/{code.get('S3Key')}")]


def _of_mapping(call: Call) -> list[Permission]:
    params, mapping = call.params, lambda_svc._esms.get(call.params.get("UUID", "")) or {}
    function = mapping.get("FunctionArn")
    if function is None and params.get("FunctionName"):
        function = lambda_svc._func_arn(lambda_svc._resolve_request_scoped_name_and_qualifier(params["FunctionName"])[0])
    tags = request_tags(params.get("Tags"))
    context = {"lambda:FunctionArn": function, **tags, **resource_tags(mapping.get("Tags"))}
    arn = arn_of(call, "lambda", f"event-source-mapping:{params.get('UUID', '*')}")
    found = [Permission(f"lambda:{call.operation}", arn, context)]
    if tags:
        # The mapping has no name before it is made.
        found.append(Permission("lambda:TagResource", arn_of(call, "lambda", "event-source-mapping:*"), tags))
    return found


def _tags_of(arn: str) -> Context:
    kind, name = arn.split(":")[5:7] if arn.count(":") >= 6 else ("", "")
    if kind == "event-source-mapping":
        return resource_tags((lambda_svc._esms.get(name) or {}).get("Tags"))
    return resource_tags((lambda_svc._functions.get(name) or {}).get("tags"))
