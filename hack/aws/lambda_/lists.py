"""Lambda's lists."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from ministack.services import lambda_svc

from .. import answers
from ..listings import EVERYTHING, Listing, anything, as_json, items_of, listed

if TYPE_CHECKING:
    from ..answers import Answer
    from ..calls import Call
    from ..records import Record

STATUS = re.compile(r"(State|LastUpdateStatus)(Reason(Code)?)?")


def _functions() -> Iterator[tuple[str, Record]]:
    for config in items_of(lambda_svc._list_functions({"MaxItems": [str(EVERYTHING)]}), "Functions"):
        # https://docs.aws.amazon.com/lambda/latest/api/API_ListFunctions.html names what it leaves out.
        yield config["FunctionName"], {key: value for key, value in config.items() if not STATUS.fullmatch(key)}


def _mappings() -> Iterator[tuple[str, Record]]:
    for mapping in items_of(lambda_svc._list_esms({"MaxItems": [str(EVERYTHING)]}), "EventSourceMappings"):
        yield mapping["UUID"], {key: value for key, value in mapping.items() if key not in ("Tags", "Qualifier")}


def _of_mapping(call: Call, mapping: Record) -> bool:
    function = call.params.get("FunctionName")
    if function:
        name, qualifier = lambda_svc._resolve_request_scoped_name_and_qualifier(function)
        if mapping["FunctionArn"] != lambda_svc._func_arn(name) + (f":{qualifier}" if qualifier else ""):
            return False
    return call.params.get("EventSourceArn") in (None, mapping["EventSourceArn"])


def _shown(version: Record) -> dict[str, Any]:
    return {key: value for key, value in version.items() if not key.startswith("_") and key not in ("Content", "LayerArn")}


def _kept(layer: Record) -> list[Record]:
    return [version for version in layer["versions"] if not version.get("_deleted")]


def _layers() -> Iterator[tuple[str, Record]]:
    for name, layer in lambda_svc._layers.items():
        if versions := _kept(layer):
            yield name, {"LayerName": name, "LayerArn": lambda_svc._layer_arn(name),
                         "LatestMatchingVersion": _shown(versions[-1])}


def _layer_versions() -> Iterator[tuple[str, tuple[str, Record]]]:
    for name, layer in lambda_svc._layers.items():
        # The newest first.
        yield from ((f"{name} {10 ** 9 - version['Version']}", (name, _shown(version))) for version in _kept(layer))


def _of_layer(call: Call, named_version: tuple[str, Record]) -> bool:
    return str(call.params["LayerName"]).rsplit(":", 1)[-1] == named_version[0]


def _versions(_call: Call, page: list[tuple[str, Record]], token: str) -> Answer:
    return answers.of_json(200, {"LayerVersions": [version for _, version in page], **({"NextMarker": token} if token else {})})


for listing in (
    Listing("lambda", "ListFunctions", _functions, anything, 50, "MaxItems", "Marker", as_json("Functions", "NextMarker")),
    Listing("lambda", "ListEventSourceMappings", _mappings, _of_mapping, 100, "MaxItems", "Marker",
            as_json("EventSourceMappings", "NextMarker")),
    Listing("lambda", "ListLayers", _layers, anything, 50, "MaxItems", "Marker", as_json("Layers", "NextMarker")),
    Listing("lambda", "ListLayerVersions", _layer_versions, _of_layer, 50, "MaxItems", "Marker", _versions),
):
    listed(listing)
