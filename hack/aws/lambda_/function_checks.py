"""What Lambda refuses of a function's configuration."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from typing import TYPE_CHECKING

import botocore.session

from .. import answers
from ..rules import Refused, before, violated
from . import functions

if TYPE_CHECKING:
    from ..answers import Answer
    from ..calls import Call

RESERVED = {
    "_HANDLER", "_X_AMZN_TRACE_ID", "AWS_REGION", "AWS_DEFAULT_REGION", "AWS_EXECUTION_ENV", "AWS_LAMBDA_FUNCTION_NAME",
    "AWS_LAMBDA_FUNCTION_VERSION", "AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "AWS_LAMBDA_INITIALIZATION_TYPE",
    "AWS_LAMBDA_LOG_GROUP_NAME", "AWS_LAMBDA_LOG_STREAM_NAME", "AWS_ACCESS_KEY", "AWS_ACCESS_KEY_ID",
    "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_LAMBDA_RUNTIME_API", "LAMBDA_TASK_ROOT", "LAMBDA_RUNTIME_DIR",
}
"""https://docs.aws.amazon.com/lambda/latest/dg/configuration-envvars.html"""
MAX_ENVIRONMENT = 4 * 1024
MAX_ZIP = 50 * 1024 * 1024
CONFIGURATION = ("CreateFunction", "UpdateFunctionConfiguration")
RUNTIMES = botocore.session.get_session().get_service_model("lambda").shape_for("Runtime").enum


@before("lambda", "CreateFunction")
def _check_new(call: Call) -> None:
    params = call.params
    name = params.get("FunctionName", "")
    if not re.fullmatch(r"[a-zA-Z0-9_-]{1,64}", name.rsplit(":", 1)[-1]):
        raise violated("functionName", name, "satisfy regular expression pattern [a-zA-Z0-9-_]+ and length up to 64")
    is_zip = params.get("PackageType", "Zip") == "Zip" and "ImageUri" not in (params.get("Code") or {})
    if is_zip and not (params.get("Runtime") and params.get("Handler")):
        raise functions.invalid("Runtime and Handler are mandatory parameters for functions created with deployment "
                                "packages.")
    if not re.fullmatch(r"arn:aws[a-z-]*:iam::\d{12}:role/?[\w+=,.@/-]+", params.get("Role", "")):
        raise violated("role", params.get("Role"), r"satisfy regular expression pattern: arn:aws[a-z-]*:iam::\d{12}:role/?.+")


@before("lambda", *CONFIGURATION)
def _check_configuration(call: Call) -> None:
    params = call.params
    runtime = params.get("Runtime")
    if runtime is not None and runtime not in RUNTIMES:
        raise functions.invalid(f"Value {runtime} at 'runtime' failed to satisfy constraint: Member must satisfy enum value "
                                f"set: [{', '.join(RUNTIMES)}] or be a valid ARN")
    for key, low, high in (("MemorySize", 128, 10240), ("Timeout", 1, 900)):
        if key in params and not low <= params[key] <= high:
            bound = f"less than or equal to {high}" if params[key] > high else f"greater than or equal to {low}"
            raise functions.invalid(f"'{key}' value failed to satisfy constraint: Member must have value {bound}")
    if len(params.get("Description") or "") > 256:
        raise violated("description", params["Description"], "have length less than or equal to 256")
    if len(params.get("Layers") or []) > 5:
        raise functions.invalid("Cannot reference more than 5 layers.")


@before("lambda", *CONFIGURATION)
def _check_environment(call: Call) -> None:
    variables = (call.params.get("Environment") or {}).get("Variables") or {}
    if any(not re.fullmatch(r"[a-zA-Z][a-zA-Z0-9_]+", name) for name in variables if name not in RESERVED):
        raise violated("environment.variables", variables, "satisfy constraint: [Map keys must satisfy regular expression "
                       "pattern: [a-zA-Z]([a-zA-Z0-9_])+]")
    reserved = sorted(RESERVED & set(variables))
    if reserved:
        raise functions.invalid(
            "Lambda was unable to configure your environment variables because the environment variables you have "
            "provided contains reserved keys that are currently not supported for modification. Reserved keys used in this "
            f"request: {', '.join(reserved)}")
    if len(json.dumps(variables, separators=(",", ":"), ensure_ascii=False).encode()) > MAX_ENVIRONMENT:
        raise functions.invalid(
            "Lambda was unable to configure your environment variables because the environment variables you have "
            f"provided exceeded the 4KB limit. String measured: {json.dumps(variables)[:256]}")


@before("lambda", "PublishLayerVersion")
def _check_layer(call: Call) -> None:
    params = call.params
    name = params.get("LayerName", "")
    if not re.fullmatch(r"[a-zA-Z0-9_-]{1,140}", name.rsplit(":", 1)[-1]):
        raise violated("layerName", name, "satisfy regular expression pattern [a-zA-Z0-9-_]+ and length up to 140")
    if len(params.get("Description") or "") > 256:
        raise violated("description", params["Description"], "have length less than or equal to 256")
    for runtime in params.get("CompatibleRuntimes") or []:
        if runtime not in RUNTIMES:
            raise violated("compatibleRuntimes", params["CompatibleRuntimes"], f"satisfy enum value set: [{', '.join(RUNTIMES)}]")
    if zip_bytes(call) > MAX_ZIP:
        raise _too_large(call)


@before("lambda", "CreateFunction", "UpdateFunctionCode")
def _check_code(call: Call) -> None:
    architectures = call.params.get("Architectures")
    if architectures is not None:
        _check_architectures(architectures)
    if zip_bytes(call) > MAX_ZIP:
        raise _too_large(call)


def _check_architectures(architectures: list[str]) -> None:
    shown = f"[{', '.join(architectures)}]"
    if len(architectures) > 1:
        raise violated("architectures", shown, "have length less than or equal to 1")
    if architectures not in (["arm64"], ["x86_64"]):
        raise violated("architectures", shown, "satisfy constraint: [Member must satisfy enum value set: [x86_64, arm64], Member "
                       "must not be null]")


def _too_large(call: Call) -> Refused:
    return Refused(413, "RequestEntityTooLargeException",
                   f"Request must be smaller than 70167211 bytes for the {call.operation} operation")


@before("lambda", "UpdateFunctionCode")
def _dry_run(call: Call) -> Answer | None:
    function = functions.named(call)
    if not call.params.get("DryRun") or function is None or "ZipFile" not in call.params:
        return None
    code = base64.b64decode(call.params["ZipFile"])
    digest = base64.b64encode(hashlib.sha256(code).digest()).decode()
    return answers.of_json(200, {**function, "CodeSha256": digest, "CodeSize": len(code)})


@before("lambda", "PutFunctionEventInvokeConfig")
def _check_retries(call: Call) -> None:
    for key, low, high in (("MaximumRetryAttempts", 0, 2), ("MaximumEventAgeInSeconds", 60, 21600)):
        if key in call.params and not low <= call.params[key] <= high:
            raise violated(key[0].lower() + key[1:], call.params[key], f"have a value between {low} and {high}")


def zip_bytes(call: Call) -> int:
    """How large the zip is that a call uploads; 0 for one that names it elsewhere."""
    member = {"CreateFunction": "Code", "PublishLayerVersion": "Content"}.get(call.operation)
    code = call.params.get(member) if member else call.params
    return len((code or {}).get("ZipFile") or "") * 3 // 4

