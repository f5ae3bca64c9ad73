"""Keys of tags that AWS keeps to itself: nobody sets or removes one that begins with `aws:`."""

from rules import Refused, before

CODES = {
    "iam": "InvalidInput", "lambda": "InvalidParameterValueException", "logs": "InvalidParameterException",
    "scheduler": "ValidationException", "sqs": "InvalidParameterValue", "ssm": "ValidationException",
}
"""What each service answers; the text is AWS's."""


@before("iam", "TagRole", "UntagRole")
@before("lambda", "TagResource", "UntagResource")
@before("logs", "TagResource", "UntagResource")
@before("scheduler", "TagResource", "UntagResource")
@before("sqs", "TagQueue", "UntagQueue")
@before("ssm", "AddTagsToResource", "RemoveTagsFromResource")
def _refuse_reserved(call):
    if stands_for_aws(call):
        return
    if any(key.lower().startswith("aws:") for key in _keys(call.params)):
        raise Refused(400, CODES[call.service], "aws: prefixed tag key names are not allowed for external use.")


def stands_for_aws(call):
    """Whether the caller is the account's root: so tests can put what CloudFormation or Organizations would."""
    return call.principal is not None and call.principal.user is None and call.principal.role is None


def _keys(params):
    """The keys that a call sets or removes, however the service spells them."""
    tags = params.get("Tags") or params.get("tags") or {}
    named = list(tags) if isinstance(tags, dict) else [tag["Key"] for tag in tags]
    return [*named, *(params.get("TagKeys") or params.get("tagKeys") or [])]
