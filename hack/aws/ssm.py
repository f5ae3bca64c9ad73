"""SSM parameters: what is refused, a deleted parameter's name that stays taken for a while, lists, permissions."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING

from ministack.services import ssm

from .listings import EVERYTHING, Listing, as_json, items_of, listed
from .permissions import Permission, arn_of, by_key, removed_tags, request_tags, resource_tags
from .rules import Refused, before, violated
from .state import STATE

if TYPE_CHECKING:
    from .calls import Call
    from .records import Record

MAX_STANDARD = 4096
TOO_LONG = ("Standard tier parameters support a maximum parameter value of 4096 characters. To create a larger parameter "
            "value, upgrade the parameter to use the advanced-parameter tier.")
STAYS_ADVANCED = ("This parameter uses the advanced-parameter tier. You can't downgrade a parameter from the advanced-parameter "
                  "tier to the standard-parameter tier. If necessary, you can delete the advanced parameter and recreate it as a "
                  "standard parameter.")
ALREADY_EXISTS = "The parameter already exists. To overwrite this value, set the overwrite option in the request to true."
_deleted: dict[tuple[str, str, str], float] = {}
"""When each name (account, region, name) was deleted."""


@before("ssm", "PutParameter")
def _check(call: Call) -> None:
    name, value = call.params.get("Name", ""), call.params.get("Value", "")
    if not re.fullmatch(r"[a-zA-Z0-9_.\-/]{1,1011}", name):
        raise Refused(400, "ValidationException", "Parameter name must be formed of letters, numbers and .-_/ only.")
    if "/" in name and not name.startswith("/"):
        raise Refused(400, "ValidationException", "Parameter name must be a fully qualified name.")
    if name.count("/") > 15:
        raise Refused(400, "HierarchyLevelLimitExceededException", "A hierarchy can have a maximum of 15 levels.")
    if not value:
        raise violated("value", "", "have length greater than or equal to 1.")
    if len(value) > MAX_STANDARD and call.params.get("Tier", "Standard") == "Standard":
        raise Refused(400, "ValidationException", TOO_LONG)
    existing = ssm._parameters.get(name)
    if existing is not None and existing.get("Tier") == "Advanced" and call.params.get("Tier") == "Standard":
        raise Refused(400, "ValidationException", STAYS_ADVANCED)
    rest = STATE.settings.of(call.account).parameterNameSeconds
    if time.time() < _deleted.get((call.account, call.region, name), 0) + rest:
        # AWS asks for 30 s between deleting and making a parameter, but does not say what it answers before.
        raise Refused(400, "ParameterAlreadyExists", ALREADY_EXISTS)


@before("ssm", "DeleteParameter", "DeleteParameters")
def _note_deletion(call: Call) -> None:
    for name in call.params.get("Names") or [call.params.get("Name")]:
        if name in ssm._parameters:
            _deleted[call.account, call.region, name] = time.time()


def required(call: Call) -> list[Permission]:
    """What a call has to be allowed, the operation's own permission first."""
    params, operation = call.params, call.operation
    names = params.get("Names") or [params.get("Name") or params.get("ResourceId") or params.get("Path") or "*"]
    tags = request_tags(by_key(params.get("Tags")))
    found = []
    for name in names:
        name = name.partition(":parameter/")[2] if name.startswith("arn:") else name.partition(":")[0].lstrip("/")
        arn = arn_of(call, "ssm", f"parameter/{name}")
        context = {**resource_tags(ssm._tags.get(arn)), **tags, **removed_tags(params)}
        found.append(Permission(f"ssm:{operation}", arn, context))
        if params.get("WithDecryption"):
            found += _to_decrypt(call, arn)
        if operation == "PutParameter" and tags:
            found.append(Permission("ssm:AddTagsToResource", arn, tags))
    return found


def _to_decrypt(call: Call, arn: str) -> list[Permission]:
    """What it takes to read a secret that the key `aws/ssm` encrypts, whose policy lets all of the account use it through SSM.

    Whether a permissions boundary has to allow it too, AWS does not document: here it has to, which is the worse case.
    https://docs.aws.amazon.com/systems-manager/latest/userguide/secure-string-parameter-kms-encryption.html
    """
    record = ssm._parameters.get("/" + arn.partition(":parameter/")[2]) or {}
    if record.get("Type") != "SecureString" or record.get("KeyId") not in (None, "", "alias/aws/ssm"):
        return []
    context = {"kms:ViaService": f"ssm.{call.region}.amazonaws.com", "kms:EncryptionContext:PARAMETER_ARN": arn}
    return [Permission("kms:Decrypt", arn_of(call, "kms", "key/of-aws-ssm"), context, open_to_account=True)]


def _parameters() -> Iterator[tuple[str, Record]]:
    for parameter in items_of(ssm._describe_parameters({"MaxResults": EVERYTHING}), "Parameters"):
        # Texts that were never given are absent.
        yield parameter["Name"], {"Policies": [], **{key: value for key, value in parameter.items() if value != ""}}


def _of_parameter(call: Call, parameter: Record) -> bool:
    return all(_passes(parameter, each) for each in call.params.get("ParameterFilters") or [])


def _passes(parameter: Record, condition: Record) -> bool:
    """https://docs.aws.amazon.com/systems-manager/latest/APIReference/API_ParameterStringFilter.html"""
    key, values, name = condition["Key"], condition.get("Values") or [], parameter["Name"]
    if key == "Path":
        paths = [value.rstrip("/") + "/" for value in values]
        deep = condition.get("Option") == "Recursive"
        return any(name.startswith(path) and (deep or "/" not in name[len(path):]) for path in paths)
    if key.startswith("tag:"):
        tags = ssm._tags.get(parameter["ARN"]) or {}
        return key[4:] in tags and (not values or tags[key[4:]] in values)
    test = {"BeginsWith": str.startswith, "Contains": str.__contains__}.get(condition.get("Option", ""), str.__eq__)
    return any(test(parameter.get(key, ""), value) for value in values)


listed(Listing("ssm", "DescribeParameters", _parameters, _of_parameter, 50, "MaxResults", "NextToken",
               as_json("Parameters", "NextToken"), too_large="ValidationException"))
