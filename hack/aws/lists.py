"""The list operations that see many resources at once."""

import json
import re

from ministack.services import cloudwatch_logs, lambda_svc, scheduler, sqs, ssm, tagging

import answers
from listings import Listing, as_json, listed

EVERYTHING = 10 ** 9
STATUS = re.compile(r"(State|LastUpdateStatus)(Reason(Code)?)?")


def _of(response, items):
    """The items of one of the emulator's own answers."""
    return json.loads(response[2])[items]


def _functions():
    for config in _of(lambda_svc._list_functions({"MaxItems": [str(EVERYTHING)]}), "Functions"):
        # https://docs.aws.amazon.com/lambda/latest/api/API_ListFunctions.html names what it leaves out.
        yield config["FunctionName"], {key: value for key, value in config.items() if not STATUS.fullmatch(key)}


def _mappings():
    for mapping in _of(lambda_svc._list_esms({"MaxItems": [str(EVERYTHING)]}), "EventSourceMappings"):
        yield mapping["UUID"], {key: value for key, value in mapping.items() if key not in ("Tags", "Qualifier")}


def _of_mapping(call, mapping):
    function = call.params.get("FunctionName")
    if function:
        name, qualifier = lambda_svc._resolve_request_scoped_name_and_qualifier(function)
        if mapping["FunctionArn"] != lambda_svc._func_arn(name) + (f":{qualifier}" if qualifier else ""):
            return False
    return call.params.get("EventSourceArn") in (None, mapping["EventSourceArn"])


def _shown(version):
    return {key: value for key, value in version.items() if not key.startswith("_") and key not in ("Content", "LayerArn")}


def _kept(layer):
    return [version for version in layer["versions"] if not version.get("_deleted")]


def _layers():
    for name, layer in lambda_svc._layers.items():
        if versions := _kept(layer):
            yield name, {"LayerName": name, "LayerArn": lambda_svc._layer_arn(name),
                         "LatestMatchingVersion": _shown(versions[-1])}


def _layer_versions():
    for name, layer in lambda_svc._layers.items():
        # The newest first.
        yield from ((f"{name} {10 ** 9 - version['Version']}", (name, _shown(version))) for version in _kept(layer))


def _of_layer(call, named_version):
    return call.params["LayerName"].rsplit(":", 1)[-1] == named_version[0]


def _versions(_call, page, token):
    return answers.of_json(200, {"LayerVersions": [version for _, version in page], **({"NextMarker": token} if token else {})})


def _schedules():
    for schedule in _of(scheduler._list_schedules({"MaxResults": EVERYTHING}), "Schedules"):
        yield f"{schedule['GroupName']}/{schedule['Name']}", schedule


def _of_schedule(call, schedule):
    return (call.params.get("GroupName") in (None, schedule["GroupName"])
            and call.params.get("State") in (None, schedule["State"])
            and schedule["Name"].startswith(call.params.get("NamePrefix", "")))


def _groups():
    for group in _of(scheduler._list_schedule_groups({"MaxResults": EVERYTHING}), "ScheduleGroups"):
        yield group["Name"], group


def _queues():
    for queue in sqs._queues.values():
        yield queue["name"], queue["name"]


def _queue_urls(call, names, token):
    urls = [f"http://{call.host}/{call.account}/{name}" for name in names]
    # Without MaxResults AWS never gives one.
    following = {"NextToken": token} if token and "MaxResults" in call.params else {}
    return answers.of_json(200, {"QueueUrls": urls, **following})


def _log_groups():
    token = None
    while True:
        page = json.loads(cloudwatch_logs._describe_log_groups({"nextToken": token})[2])
        yield from ((group["logGroupName"], group) for group in page["logGroups"])
        token = page.get("nextToken")
        if not token:
            return


def _of_log_group(call, group):
    name = group["logGroupName"]
    return (name.startswith(call.params.get("logGroupNamePrefix", ""))
            and call.params.get("logGroupNamePattern", "").lower() in name.lower())


def _parameters():
    for parameter in _of(ssm._describe_parameters({"MaxResults": EVERYTHING}), "Parameters"):
        # Texts that were never given are absent.
        yield parameter["Name"], {"Policies": [], **{key: value for key, value in parameter.items() if value != ""}}


def _of_parameter(call, parameter):
    return all(_passes(parameter, each) for each in call.params.get("ParameterFilters") or [])


def _passes(parameter, condition):
    """https://docs.aws.amazon.com/systems-manager/latest/APIReference/API_ParameterStringFilter.html"""
    key, values, name = condition["Key"], condition.get("Values") or [], parameter["Name"]
    if key == "Path":
        paths = [value.rstrip("/") + "/" for value in values]
        deep = condition.get("Option") == "Recursive"
        return any(name.startswith(path) and (deep or "/" not in name[len(path):]) for path in paths)
    if key.startswith("tag:"):
        tags = ssm._tags.get(parameter["ARN"]) or {}
        return key[4:] in tags and (not values or tags[key[4:]] in values)
    test = {"BeginsWith": str.startswith, "Contains": str.__contains__}.get(condition.get("Option"), str.__eq__)
    return any(test(parameter.get(key, ""), value) for value in values)


def _tagged():
    """Resources that have tags, of the kinds that pipelines are made of."""
    yield from tagging._collect_lambda()
    yield from ((lambda_svc._esm_arn(mapping["UUID"]), tagging._normalise_flat(mapping.get("Tags")))
                for mapping in lambda_svc._esms.values())
    yield from tagging._collect_sqs()
    yield from ((group["arn"].removesuffix(":*"), tagging._normalise_flat(group.get("tags")))
                for group in cloudwatch_logs._log_groups.values())
    yield from ((group["Arn"], tagging._normalise_flat(scheduler._tags.get(group["Arn"])))
                for group in scheduler._schedule_groups.values())
    yield from ((parameter["ARN"], tagging._normalise_flat(ssm._tags.get(parameter["ARN"])))
                for parameter in ssm._parameters.values())


def _resources():
    for arn, tags in _tagged():
        if tags:
            yield arn, {"ResourceARN": arn, "Tags": tags}


def _of_resource(call, resource):
    wanted = call.params.get("ResourceTypeFilters")
    return (tagging._matches_tag_filters(resource["Tags"], call.params.get("TagFilters"))
            and (not wanted or any(_is_of_type(resource["ResourceARN"], kind) for kind in wanted)))


def _is_of_type(arn, wanted):
    service, tail = arn.split(":", 5)[2::3]
    kind = "queue" if service == "sqs" else tail.replace("/", ":").partition(":")[0]
    return wanted in (service, f"{service}:{kind}")


def _anything(_call, _item):
    return True


for listing in (
    Listing("lambda", "ListFunctions", _functions, _anything, 50, "MaxItems", "Marker", as_json("Functions", "NextMarker")),
    Listing("lambda", "ListEventSourceMappings", _mappings, _of_mapping, 100, "MaxItems", "Marker",
            as_json("EventSourceMappings", "NextMarker")),
    Listing("lambda", "ListLayers", _layers, _anything, 50, "MaxItems", "Marker", as_json("Layers", "NextMarker")),
    Listing("lambda", "ListLayerVersions", _layer_versions, _of_layer, 50, "MaxItems", "Marker", _versions),
    Listing("scheduler", "ListSchedules", _schedules, _of_schedule, 100, "MaxResults", "NextToken",
            as_json("Schedules", "NextToken"), too_large="ValidationException"),
    Listing("scheduler", "ListScheduleGroups", _groups,
            lambda call, group: group["Name"].startswith(call.params.get("NamePrefix", "")), 100, "MaxResults", "NextToken",
            as_json("ScheduleGroups", "NextToken"), too_large="ValidationException"),
    Listing("sqs", "ListQueues", _queues, lambda call, name: name.startswith(call.params.get("QueueNamePrefix", "")),
            1000, "MaxResults", "NextToken", _queue_urls, too_large="InvalidParameterValue"),
    Listing("logs", "DescribeLogGroups", _log_groups, _of_log_group, 50, "limit", "nextToken",
            as_json("logGroups", "nextToken"), too_large="InvalidParameterException"),
    Listing("ssm", "DescribeParameters", _parameters, _of_parameter, 50, "MaxResults", "NextToken",
            as_json("Parameters", "NextToken"), too_large="ValidationException"),
    Listing("tag", "GetResources", _resources, _of_resource, 100, "ResourcesPerPage", "PaginationToken",
            lambda _, page, token: answers.of_json(200, {"ResourceTagMappingList": page, "PaginationToken": token}),
            default=50, too_large="InvalidParameterException", filters_pages=True, lag="tagIndexDelaySeconds",
            every_service=True),
):
    listed(listing)
