"""Tags: reserved keys, and the removal of several at once."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ministack.services import scheduler

from .rules import Refused, after, before

if TYPE_CHECKING:
    from .answers import Answer
    from .calls import Call
    from .records import Record

CODES = {
    "iam": "InvalidInput", "lambda": "InvalidParameterValueException", "logs": "InvalidParameterException",
    "scheduler": "ValidationException", "sqs": "InvalidParameterValue", "ssm": "ValidationException",
}
"""The error of each service for a key that begins with `aws:`, which AWS reserves; the text is AWS's."""


@before("iam", "TagRole", "UntagRole")
@before("lambda", "TagResource", "UntagResource")
@before("logs", "TagResource", "UntagResource")
@before("scheduler", "TagResource", "UntagResource")
@before("sqs", "TagQueue", "UntagQueue")
@before("ssm", "AddTagsToResource", "RemoveTagsFromResource")
def _refuse_reserved(call: Call) -> None:
    if stands_for_aws(call):
        return
    if any(key.lower().startswith("aws:") for key in _keys(call.params)):
        raise Refused(400, CODES[call.service], "aws: prefixed tag key names are not allowed for external use.")


@after("scheduler", "UntagResource")
def _remove_the_others(call: Call, _answer: Answer) -> None:
    """The emulator removes only the first key."""
    arn = call.params["ResourceArn"]
    left = {key: value for key, value in (scheduler._tags.get(arn) or {}).items() if key not in call.params["TagKeys"]}
    if left:
        scheduler._tags[arn] = left
    else:
        scheduler._tags.pop(arn, None)


def stands_for_aws(call: Call) -> bool:
    """Whether the caller is the account's root: tests set with it the tags that CloudFormation or Organizations would."""
    return call.caller.user is None and call.caller.role is None


def _keys(params: Record) -> list[str]:
    """The keys that a call sets or removes, however the service spells them."""
    tags = params.get("Tags") or params.get("tags") or {}
    named = list(tags) if isinstance(tags, dict) else [tag["Key"] for tag in tags]
    return [*named, *(params.get("TagKeys") or params.get("tagKeys") or [])]
