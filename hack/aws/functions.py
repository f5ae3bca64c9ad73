"""Lambda's waiting and refusing: roles not yet assumable, Pending functions, updates in progress, mappings checked."""

import hashlib

from ministack.core import lambda_runtime
from ministack.core.arn import parse_arn
from ministack.core.responses import error_response_json, get_account_id, json_response
from ministack.services import iam, lambda_svc, sqs, sts

import roles
from state import STATE

NOT_ASSUMABLE = "The role defined for the function cannot be assumed by Lambda."
NOT_NOW = "The operation cannot be performed at this time. "
SQS_ACTIONS = ("ReceiveMessage", "DeleteMessage", "GetQueueAttributes")
issued = set()  # the access keys of functions


def install():
    """Puts the checks in front of the emulator's own handlers."""
    transition = lambda_svc._schedule_state_transition
    lambda_svc._schedule_state_transition = lambda name, _delay: transition(
        name, STATE.settings.of(get_account_id()).pendingSeconds)
    _before("_create_function", lambda data: _role_refusal(data.get("Role", "")))
    _before("_update_config", lambda name, data: _busy(name) or _role_refusal(data.get("Role")))
    _before("_update_code", lambda name, _data: _busy(name))
    for name in ("_update_config", "_update_code"):
        _stay_active(name)
    _before("_create_esm", _mapping_refusal)
    _before("_put_event_invoke_config", lambda name, _qualifier, data: _pending(name) or _destination_refusal(name, data))
    invoke = lambda_svc._invoke

    async def strict_invoke(name, *args):
        return _pending(name) or await invoke(name, *args)

    lambda_svc._invoke = strict_invoke
    lambda_svc.execution_credentials = lambda_runtime.execution_credentials = _session


def _before(name, refusal):
    original = getattr(lambda_svc, name)
    setattr(lambda_svc, name, lambda *args: refusal(*args) or original(*args))


def _stay_active(name):
    """An updated function is InProgress, yet Active: it goes on being invoked."""
    original = getattr(lambda_svc, name)

    def update(function_name, data):
        response = original(function_name, data)
        if response[0] != 200:
            return response
        config = lambda_svc._functions[function_name]["config"]
        config.update(State="Active", StateReason="", StateReasonCode="")
        return json_response(config)

    setattr(lambda_svc, name, update)


def _session(config):
    """A session of the function's own role, so that its calls can be told from the operator's."""
    account, _ = lambda_svc._account_region_from_function_config(config)
    role_name = config["Role"].rsplit("/", 1)[-1]
    role = iam._roles.get_scoped(account, "", role_name) or {}
    digest = hashlib.sha256(f"{config['FunctionArn']}:{config['Role']}".encode()).hexdigest()
    key = f"ASIA{digest[:16].upper()}"
    issued.add(key)
    session = {"SecretAccessKey": digest, "SessionToken": digest[::-1],
               "UserId": f"{role.get('RoleId', role_name)}:{config['FunctionName']}",
               "Arn": f"arn:aws:sts::{account}:assumed-role/{role_name}/{config['FunctionName']}"}
    sts.register_session(key, session)
    return {"AWS_ACCESS_KEY_ID": key, "AWS_SECRET_ACCESS_KEY": digest, "AWS_SESSION_TOKEN": digest[::-1]}


def _config(name):
    return (lambda_svc._functions.get(name) or {}).get("config")


def _role_refusal(role_arn):
    if role_arn is None or roles.assumable(role_arn, "lambda.amazonaws.com"):
        return None
    return _invalid(NOT_ASSUMABLE)


def _pending(name):
    config = _config(name)
    if config is None or config.get("State") != "Pending":
        return None
    return _conflict(NOT_NOW + "The function is currently in the following state: Pending")


def _busy(name):
    config = _config(name)
    if config is None or config.get("LastUpdateStatus") != "InProgress":
        return None
    return _pending(name) or _conflict(f"{NOT_NOW}An update is in progress for resource: {config['FunctionArn']}")


def _mapping_refusal(data):
    name, _ = lambda_svc._resolve_request_scoped_name_and_qualifier(data.get("FunctionName", ""))
    queue_arn = data.get("EventSourceArn", "")
    config = _config(name)
    if config is None or ":sqs:" not in queue_arn:
        return None
    return _pending(name) or _duplicate(name, queue_arn) or _queue_refusal(config, queue_arn, data)


def _duplicate(name, queue_arn):
    for mapping in lambda_svc._esms.values():
        if mapping["FunctionName"] == name and mapping["EventSourceArn"] == queue_arn:
            return _conflict(f'The event source arn (" {queue_arn} ") and function (" {name} ") provided mapping already '
                             f"exists. Please update or delete the existing mapping with UUID {mapping['UUID']}")
    return None


def _queue_refusal(config, queue_arn, data):
    for action in SQS_ACTIONS:
        if not roles.allows(config["Role"], f"sqs:{action}", queue_arn):
            return _invalid(f"The provided execution role does not have permissions to call {action} on SQS")
    queue = sqs._queue_by_arn(queue_arn)
    if queue is None:
        return _invalid("Error occurred while ReceiveMessage. SQS Error Code: "
                        "AWS.SimpleQueueService.NonExistentQueue. SQS Error Message: The specified queue does not exist.")
    visibility = int(queue["attributes"].get("VisibilityTimeout", "30"))
    if visibility < config["Timeout"]:
        return _invalid(f"Queue visibility timeout: {visibility} seconds is less than "
                        f"Function timeout: {config['Timeout']} seconds")
    if data.get("BatchSize", 10) > 10 and not data.get("MaximumBatchingWindowInSeconds"):
        return _invalid("Maximum batch window in seconds must be greater than 0 if maximum batch size is greater than 10")
    return None


def _destination_refusal(name, data):
    config = _config(name)
    destination = ((data.get("DestinationConfig") or {}).get("OnFailure") or {}).get("Destination")
    if config is None or not destination or parse_arn(destination).service != "sqs":
        return None
    if not roles.allows(config["Role"], "sqs:SendMessage", destination):
        return _invalid("The provided execution role does not have permissions to call SendMessage on SQS")
    if sqs._queue_by_arn(destination) is None:
        return _invalid(f"The destination ARN {destination} is invalid.")
    return None


def _invalid(message):
    return error_response_json("InvalidParameterValueException", message, 400)


def _conflict(message):
    return error_response_json("ResourceConflictException", message, 409)
