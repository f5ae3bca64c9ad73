"""Before a call is carried out: who makes it, what it needs, and whether that is allowed."""

import contextvars

from ministack import app
from ministack.core.responses import request_scope
from ministack.services import sqs

import answers
import needs
import permissions
import rates
from principals import account_of, principal_of
from rules import Refused

DENIED = {
    **dict.fromkeys(("iam", "s3", "sts"), (403, "AccessDenied")),
    **dict.fromkeys(("ssm", "logs", "tag"), (400, "AccessDeniedException")),
}
"""Status and code of a denial; other services answer 403 and AccessDeniedException."""
KEY_DENIED = (400, "KmsAccessDenied")
_caller = contextvars.ContextVar("strict_caller", default=None)


def install():
    """Lets users' keys act in their account, and messages tell who sent them."""
    account = app.set_request_account_id
    app.set_request_account_id = lambda key: account(account_of(key) or key)
    attributes = sqs._build_send_sys_attrs

    def with_sender(now, given):
        caller = _caller.get()
        return {**attributes(now, given), **({"SenderId": caller.id} if caller else {})}

    sqs._build_send_sys_attrs = with_sender


def refusal(call):
    """The answer to a call that is not allowed, or too many; None for one that may go on."""
    try:
        call.principal = principal_of(call.key, call.service)
        rates.check(call)
    except Refused as refused:
        return answers.of_error(call.service, refused.status, refused.code, str(refused))
    _caller.set(call.principal)
    with request_scope(call.account, call.region):
        call.needs = needs.of(call)
        for need in call.needs:
            why = permissions.refusal(call.principal, need, call.region)
            if why is not None:
                status, code = DENIED.get(call.service, (403, "AccessDeniedException"))
                return answers.of_error(call.service, *KEY_DENIED if need.action.startswith("kms:") else (status, code), why)
    return None
