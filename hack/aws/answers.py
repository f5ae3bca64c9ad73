"""Answers: those of the emulator, gathered, and errors as each service words them."""

import json
import re
from dataclasses import dataclass, field
from xml.sax.saxutils import escape

from ministack.services import sqs

XML_SERVICES = ("iam", "s3", "sts")
QUERY_CODES = {**sqs._QUERY_COMPAT_CODES, "AccessDeniedException": "AccessDenied"}


@dataclass
class Answer:
    """An HTTP answer, whole."""

    status: int = 0
    headers: list = field(default_factory=list)
    """Pairs of bytes."""
    body: bytes = b""
    effect: str = ""
    """`drop` or `lose` where a fault keeps it from the caller."""

    @property
    def succeeded(self):
        return 0 < self.status < 400

    @property
    def error(self):
        """The error's code, as the emulator wrote it; empty for a success."""
        if self.succeeded:
            return ""
        found = re.search(rb'"__type":\s*"([^"]+)"|<Code>([^<]+)</Code>|"code":\s*"([^"]+)"', self.body)
        return next(group for group in found.groups() if group).decode().rsplit("#", 1)[-1] if found else ""

    def value(self):
        """What it says, where it is JSON."""
        return json.loads(self.body)

    def rewrite(self, value):
        """Says something else, in JSON."""
        self.body = json.dumps(value).encode()
        self.headers = [pair for pair in self.headers if pair[0].lower() != b"content-length"]
        self.headers.append((b"content-length", str(len(self.body)).encode()))

    async def send(self, send):
        """Sends it by ASGI."""
        await send({"type": "http.response.start", "status": self.status, "headers": self.headers})
        await send({"type": "http.response.body", "body": self.body})


async def gathered(app, scope, receive):
    """What an ASGI app answers."""
    answer = Answer()

    async def keep(message):
        if message["type"] == "http.response.start":
            answer.status, answer.headers = message["status"], list(message.get("headers", []))
        elif message["type"] == "http.response.body":
            answer.body += message.get("body", b"")

    await app(scope, receive, keep)
    return answer


def of_json(status, value, headers=None):
    """An answer that is JSON."""
    body = json.dumps(value).encode()
    given = {"content-type": "application/json", "content-length": str(len(body)), **(headers or {})}
    return Answer(status, [(name.encode(), text.encode()) for name, text in given.items()], body)


def of_error(service, status, code, message):
    """An error, in the service's protocol."""
    if service in XML_SERVICES:
        body = f"<Code>{escape(code)}</Code><Message>{escape(message)}</Message>"
        if service == "s3":
            body = f"<Error>{body}</Error>".encode()
        else:
            body = (f"<ErrorResponse><Error><Type>{'Sender' if status < 500 else 'Receiver'}</Type>{body}</Error>"
                    "<RequestId>00000000-0000-0000-0000-000000000000</RequestId></ErrorResponse>").encode()
        headers = [(b"content-type", b"text/xml"), (b"content-length", str(len(body)).encode())]
        return Answer(status, headers, body)
    headers = {"x-amzn-errortype": code}
    if service == "sqs":
        # The code that it had in the query protocol, which some SDKs show.
        headers["x-amzn-query-error"] = f"{QUERY_CODES.get(code, code)};{'Sender' if status < 500 else 'Receiver'}"
    return of_json(status, {"__type": code, "message": message, "Message": message}, headers)
