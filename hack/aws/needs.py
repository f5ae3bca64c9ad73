"""Which actions on which resources a call needs, after AWS's service authorization reference.

https://docs.aws.amazon.com/service-authorization/latest/reference/
"""

import re
from dataclasses import replace

from ministack.core import iam_actions
from ministack.services import cloudwatch_logs, iam, lambda_svc, scheduler, sqs, ssm

import keys
from permissions import Need, of_tags

WITHOUT_RESOURCE = {"lambda:ListFunctions", "lambda:GetAccountSettings", "lambda:ListEventSourceMappings", "lambda:ListLayers",
                    "lambda:ListLayerVersions", "lambda:CreateEventSourceMapping", "scheduler:ListSchedules",
                    "scheduler:ListScheduleGroups", "sqs:ListQueues", "ssm:DescribeParameters",
                    "iam:GetAccountAuthorizationDetails", "iam:ListUsers", "iam:ListPolicies"}
LAMBDA_ACTIONS = {"Invoke": "InvokeFunction", "GetLayerVersionByArn": "GetLayerVersion"}


def of(call):
    """Everything the call needs, the operation's own action first; nothing for what AWS never denies."""
    found = {"lambda": _lambda, "scheduler": _scheduler, "sqs": _sqs, "ssm": _ssm, "logs": _logs, "iam": _iam, "sts": _sts,
             "tag": _tag}.get(call.service, _other)(call)
    return [replace(need, resource="*") if need.action in WITHOUT_RESOURCE else need for need in found]


def _arn(call, service, resource):
    return f"arn:aws:{service}:{call.region}:{call.account}:{resource}"


def _passed(role_arn, service):
    return [Need("iam:PassRole", role_arn, {"iam:PassedToService": service})] if role_arn else []


def _pairs(tags):
    return {tag["Key"]: tag["Value"] for tag in tags or []}


def _lambda(call):
    params, operation = call.params, LAMBDA_ACTIONS.get(call.operation, call.operation)
    if "EventSourceMapping" in operation:
        return _mapping(call)
    if "LayerName" in params or operation == "GetLayerVersion":
        version = params.get("VersionNumber")
        name = f"layer:{params.get('LayerName')}" + (f":{version}" if version else "")
        needs = [Need(f"lambda:{operation}", params.get("Arn") or _arn(call, "lambda", name))]
        return needs + _fetched(params.get("Content"))
    if "Resource" in params:
        return [Need(f"lambda:{operation}", params["Resource"],
                     {**_tags_of_lambda(params["Resource"]), **of_tags("RequestTag", params.get("Tags")), **_keys(params)})]
    name, qualifier = lambda_svc._resolve_request_scoped_name_and_qualifier(params.get("FunctionName", ""))
    arn = lambda_svc._func_arn(name)
    qualifier = params.get("Qualifier") or qualifier
    layers = [layer for layer in params.get("Layers") or [] if layer]
    context = {**_tags_of_lambda(arn), **of_tags("RequestTag", params.get("Tags")), "lambda:Layer": layers or None}
    needs = [Need(f"lambda:{operation}", f"{arn}:{qualifier}" if qualifier else arn, context)]
    needs += _passed(params.get("Role"), "lambda.amazonaws.com")
    if params.get("Tags"):
        needs.append(Need("lambda:TagResource", arn, of_tags("RequestTag", params["Tags"])))
    needs += [Need("lambda:GetLayerVersion", layer) for layer in layers]
    return needs + _fetched(params.get("Code") or params)


def _fetched(code):
    """What it takes to give Lambda a zip in S3."""
    if not isinstance(code, dict) or not code.get("S3Bucket"):
        return []
    action = "s3:GetObjectVersion" if code.get("S3ObjectVersion") else "s3:GetObject"
    return [Need(action, f"arn:aws:s3:::{code['S3Bucket']}/{code.get('S3Key')}")]


def _mapping(call):
    params, mapping = call.params, lambda_svc._esms.get(call.params.get("UUID", "")) or {}
    function = mapping.get("FunctionArn")
    if function is None and params.get("FunctionName"):
        function = lambda_svc._func_arn(lambda_svc._resolve_request_scoped_name_and_qualifier(params["FunctionName"])[0])
    tags = of_tags("RequestTag", params.get("Tags"))
    context = {"lambda:FunctionArn": function, **tags, **of_tags("ResourceTag", mapping.get("Tags"))}
    arn = _arn(call, "lambda", f"event-source-mapping:{params.get('UUID', '*')}")
    needs = [Need(f"lambda:{call.operation}", arn, context)]
    if tags:
        # The mapping has no name before it is made.
        needs.append(Need("lambda:TagResource", _arn(call, "lambda", "event-source-mapping:*"), tags))
    return needs


def _tags_of_lambda(arn):
    kind, name = arn.split(":")[5:7] if arn.count(":") >= 6 else ("", "")
    if kind == "event-source-mapping":
        return of_tags("ResourceTag", (lambda_svc._esms.get(name) or {}).get("Tags"))
    return of_tags("ResourceTag", (lambda_svc._functions.get(name) or {}).get("tags"))


def _keys(params):
    return {"aws:TagKeys": params["TagKeys"]} if params.get("TagKeys") else {}


def _scheduler(call):
    params, operation = call.params, call.operation
    group = params.get("Name") if operation.endswith("ScheduleGroup") else params.get("GroupName", "default")
    if "ResourceArn" in params:
        group = params["ResourceArn"].rsplit("/", 1)[-1]
    group_arn = _arn(call, "scheduler", f"schedule-group/{group}")
    # A schedule has the tags of its group.
    held = of_tags("ResourceTag", scheduler._tags.get(group_arn))
    tags = of_tags("RequestTag", _pairs(params.get("Tags")))
    action = f"scheduler:{operation}"
    if "ResourceArn" in params:
        return [Need(action, params["ResourceArn"], {**held, **tags, **_keys(params)})]
    if operation.endswith("ScheduleGroup"):
        needs = [Need(action, group_arn, {**held, **tags})]
        if tags:
            needs.append(Need("scheduler:TagResource", group_arn, tags))
        if operation == "DeleteScheduleGroup":
            needs.append(Need("scheduler:DeleteSchedule", _arn(call, "scheduler", f"schedule/{group}/*"), held))
        return needs
    arn = _arn(call, "scheduler", f"schedule/{group}/{params.get('Name')}")
    role = (params.get("Target") or {}).get("RoleArn")
    return [Need(action, arn, held), *_passed(role, "scheduler.amazonaws.com")]


def _sqs(call):
    params = call.params
    if "SourceArn" in params:
        return _move(call.operation, params["SourceArn"], params.get("DestinationArn"))
    url = re.search(r"/(\d{12})/([^/]+)$", params.get("QueueUrl", ""))
    arn = f"arn:aws:sqs:{call.region}:{url[1]}:{url[2]}" if url else _arn(call, "sqs", params.get("QueueName"))
    queue = sqs._queue_by_arn(arn) or {}
    created = params.get("tags") or {}
    tags = of_tags("RequestTag", created or params.get("Tags"))
    context = {**of_tags("ResourceTag", queue.get("tags")), **tags, **_keys(params)}
    action = f"sqs:{call.operation.removesuffix('Batch')}"
    needs = [Need(action, arn, context), *keys.needs(action, arn)]
    return [*needs, Need("sqs:TagQueue", arn, tags)] if created else needs


def _move(operation, source, destination):
    """Moving takes the messages from the one queue and sends them to the other, as the caller."""
    needs = [Need(f"sqs:{operation}", source)]
    if operation == "StartMessageMoveTask":
        needs += [Need(f"sqs:{each}", source) for each in ("ReceiveMessage", "DeleteMessage", "GetQueueAttributes")]
        needs += [Need("sqs:SendMessage", destination)] if destination else []
    return needs


def _ssm(call):
    params, operation = call.params, call.operation
    names = params.get("Names") or [params.get("Name") or params.get("ResourceId") or params.get("Path") or "*"]
    tags = of_tags("RequestTag", _pairs(params.get("Tags")))
    needs = []
    for name in names:
        name = name.partition(":parameter/")[2] if name.startswith("arn:") else name.partition(":")[0].lstrip("/")
        arn = _arn(call, "ssm", f"parameter/{name}")
        context = {**of_tags("ResourceTag", ssm._tags.get(arn)), **tags, **_keys(params)}
        needs.append(Need(f"ssm:{operation}", arn, context))
        if operation == "PutParameter" and tags:
            needs.append(Need("ssm:AddTagsToResource", arn, tags))
    return needs


def _logs(call):
    params, action = call.params, f"logs:{call.operation}"
    if "resourceArn" in params:
        name = params["resourceArn"].partition(":log-group:")[2]
        named = {"aws:TagKeys": params["tagKeys"]} if "tagKeys" in params else {}
        context = {**_tags_of_log_group(name), **of_tags("RequestTag", params.get("tags")), **named}
        return [Need(action, params["resourceArn"], context)]
    name = params.get("logGroupName", "")
    tags = of_tags("RequestTag", params.get("tags"))
    # All but the tags are asked for in this form, which `log-group:NAME:*` covers and `log-group:NAME` does not.
    arn = _arn(call, "logs", f"log-group:{name}:log-stream:{params.get('logStreamName', '')}")
    needs = [Need(action, arn, {**_tags_of_log_group(name), **tags})]
    return [*needs, Need("logs:TagResource", _arn(call, "logs", f"log-group:{name}"), tags)] if tags else needs


def _tags_of_log_group(name):
    return of_tags("ResourceTag", (cloudwatch_logs._log_groups.get(name) or {}).get("tags"))


def _iam(call):
    params, action = call.params, f"iam:{call.operation}"
    tags = of_tags("RequestTag", _pairs(params.get("Tags")))
    if action == "iam:ListRoles":
        return [Need(action, f"arn:aws:iam::{call.account}:role{params.get('PathPrefix', '/')}")]
    if "RoleName" in params:
        record, kind, name = iam._roles.get(params["RoleName"]) or {}, "role", params["RoleName"]
    elif "PolicyArn" in params and "UserName" not in params:
        record, kind, name = {"Arn": params["PolicyArn"]}, "policy", ""
    elif "UserName" in params:
        record, kind, name = iam._users.get(params["UserName"]) or {}, "user", params["UserName"]
    elif "PolicyName" in params:
        record, kind, name = {}, "policy", params["PolicyName"]
    else:
        return [Need(action, "*")]
    arn = record.get("Arn") or f"arn:aws:iam::{call.account}:{kind}{params.get('Path', '/')}{name}"
    # What is asked for where a boundary is set, else what the role has.
    boundary = params.get("PermissionsBoundary")
    if boundary is None and action != "iam:CreateRole":
        boundary = record.get("PermissionsBoundary")
    context = {**of_tags("ResourceTag", _pairs(record.get("Tags"))), **tags, **_keys(params),
               "iam:PermissionsBoundary": boundary or None, "iam:PolicyARN": params.get("PolicyArn")}
    held = of_tags("ResourceTag", _pairs(record.get("Tags")))
    context |= {key.replace("aws:", "iam:", 1): value for key, value in held.items()}
    needs = [Need(action, arn, context)]
    if tags and call.operation.startswith("Create"):
        needs.append(Need(f"iam:Tag{kind.capitalize()}", arn, tags))
    return needs


def _sts(call):
    if call.operation == "AssumeRole":
        context = {"sts:ExternalId": call.params.get("ExternalId")}
        return [Need("sts:AssumeRole", call.params.get("RoleArn", "*"), context)]
    return [] if call.operation == "GetCallerIdentity" else [Need(f"sts:{call.operation}", "*")]


def _tag(call):
    return [Need(f"tag:{call.operation}", "*")]


def _other(call):
    """Services that only users' own functions call, as the emulator reads them."""
    wire = call.wire
    action = iam_actions.extract_iam_action(wire.service, wire.method, wire.path, wire.headers, wire.body, wire.query)
    if action is None or not re.fullmatch(r"[\w-]+:\w+", action):
        return []
    return [Need(action, iam_actions.extract_resource_arn(wire.service, wire.method, wire.path, wire.headers, wire.body,
                                                          wire.query, call.region, call.account))]
