"""SSM parameters and log groups: what is refused, and a deleted parameter's name that rests for a while."""

import re
import time

from ministack.services import ssm

from rules import Refused, before, violated
from state import STATE

MAX_STANDARD = 4096
TOO_LONG = ("Standard tier parameters support a maximum parameter value of 4096 characters. To create a larger parameter "
            "value, upgrade the parameter to use the advanced-parameter tier.")
ALREADY_EXISTS = "The parameter already exists. To overwrite this value, set the overwrite option in the request to true."
RETENTION_DAYS = (1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653)
"""https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_PutRetentionPolicy.html"""
_deleted = {}
"""When each name (account, region, name) was deleted."""


@before("ssm", "PutParameter")
def _check(call):
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
    rest = STATE.settings.of(call.account).parameterNameSeconds
    if time.time() < _deleted.get((call.account, call.region, name), 0) + rest:
        # AWS asks for 30 s between deleting and making a parameter, but does not say what it answers before.
        raise Refused(400, "ParameterAlreadyExists", ALREADY_EXISTS)


@before("ssm", "DeleteParameter", "DeleteParameters")
def _note_deletion(call):
    for name in call.params.get("Names") or [call.params.get("Name")]:
        if name in ssm._parameters:
            _deleted[call.account, call.region, name] = time.time()


@before("logs", "CreateLogGroup")
def _check_log_group(call):
    name = call.params.get("logGroupName", "")
    if not re.fullmatch(r"[.\-_/#A-Za-z0-9]{1,512}", name) or name.startswith("aws/"):
        raise violated("logGroupName", name, r"satisfy regular expression pattern: [\.\-_/#A-Za-z0-9]+",
                       "InvalidParameterException")


@before("logs", "PutRetentionPolicy")
def _check_retention(call):
    days = call.params.get("retentionInDays")
    if days not in RETENTION_DAYS:
        raise violated("retentionInDays", days, f"satisfy enum value set: {list(RETENTION_DAYS)}", "InvalidParameterException")
