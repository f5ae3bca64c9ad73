"""The search by tags, for every kind of resource that pipelines are made of."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from ministack.services import cloudwatch_logs, lambda_svc, scheduler, ssm, tagging

from . import answers
from .listings import Listing, listed

if TYPE_CHECKING:
    from .calls import Call
    from .records import Record


def _tagged() -> Iterator[tuple[str, list[dict[str, str]]]]:
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


def _resources() -> Iterator[tuple[str, Record]]:
    for arn, tags in _tagged():
        if tags:
            yield arn, {"ResourceARN": arn, "Tags": tags}


def _of_resource(call: Call, resource: Record) -> bool:
    wanted = call.params.get("ResourceTypeFilters")
    return (tagging._matches_tag_filters(resource["Tags"], call.params.get("TagFilters"))
            and (not wanted or any(_is_of_type(resource["ResourceARN"], kind) for kind in wanted)))


def _is_of_type(arn: str, wanted: str) -> bool:
    service, tail = arn.split(":", 5)[2::3]
    kind = "queue" if service == "sqs" else tail.replace("/", ":").partition(":")[0]
    return wanted in (service, f"{service}:{kind}")


listed(Listing("tag", "GetResources", _resources, _of_resource, 100, "ResourcesPerPage", "PaginationToken",
               lambda _, page, token: answers.of_json(200, {"ResourceTagMappingList": page, "PaginationToken": token}),
               default=50, too_large="InvalidParameterException", filters_pages=True, lag="tagIndexDelaySeconds",
               every_service=True))
