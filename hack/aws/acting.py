"""What AWS does in a role's place: polling a queue, writing logs, handing on what failed."""

from ministack.core.arn import parse_arn
from ministack.core.responses import get_account_id, get_region
from ministack.services import cloudwatch_logs, lambda_svc

import roles
from calls import Call
from permissions import Need
from principals import Principal
from state import STATE

POLLING = ("ReceiveMessage", "DeleteMessage", "GetQueueAttributes")
"""What a mapping does with its queue."""


def install():
    """Binds deliveries, logs and destinations of functions to their roles."""
    lambda_svc._run_sqs_batch = _noted(lambda_svc._run_sqs_batch)
    emit = lambda_svc._emit_lambda_logs

    def emit_as_role(function, *args, **options):
        if _may_log(function.get("config") or function):
            emit(function, *args, **options)

    lambda_svc._emit_lambda_logs = emit_as_role
    route = lambda_svc._route_async_failure

    def route_as_role(destination, name, event, result):
        role = lambda_svc._functions[name]["config"]["Role"] if name in lambda_svc._functions else ""
        action = {"sqs": "sqs:SendMessage", "lambda": "lambda:InvokeFunction"}.get(parse_arn(destination).service)
        if action is None or act(role, action, destination):
            route(destination, name, event, result)

    lambda_svc._route_async_failure = route_as_role


def act(role_arn, action, resource):
    """Whether the role may, by now; an act that it may not do is logged as refused."""
    allowed = roles.allows(role_arn, action, resource)
    service, _, operation = action.partition(":")
    role = roles.by_arn(role_arn) or {}
    call = Call(account=get_account_id(), region=get_region(), service=service, operation=operation, params={}, key="",
                host="", by="service", principal=Principal(get_account_id(), role_arn, role.get("RoleId", "")),
                needs=[Need(action, resource)])
    name = resource.rsplit("/" if service == "scheduler" else ":", 1)[-1]
    STATE.calls.record(call, 200 if allowed else 403, "" if allowed else "AccessDenied", resource=name)
    return allowed


def _noted(run):
    def run_as_role(mapping, function, *args):
        for action in POLLING:
            act(function["config"]["Role"], f"sqs:{action}", mapping["EventSourceArn"])
        run(mapping, function, *args)

    return run_as_role


def _may_log(config):
    """Only who may make log groups gets one that is not there."""
    group = (config.get("LoggingConfig") or {}).get("LogGroup") or f"/aws/lambda/{config['FunctionName']}"
    arn = f"arn:aws:logs:{get_region()}:{get_account_id()}:log-group:{group}:log-stream:"
    if group not in cloudwatch_logs._log_groups and not act(config["Role"], "logs:CreateLogGroup", arn):
        return False
    return all(act(config["Role"], f"logs:{action}", arn) for action in ("CreateLogStream", "PutLogEvents"))
