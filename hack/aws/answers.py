"""HTTP answers: the emulator's own, and errors in each service's protocol."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from xml.sax.saxutils import escape

from ministack.services import sqs

if TYPE_CHECKING:
    from .asgi import App, Message, Receive, Scope, Send

XML_SERVICES = ("iam", "s3", "sts")
QUERY_CODES = {
    **sqs._QUERY_COMPAT_CODES, "AccessDeniedException": "AccessDenied", "KmsAccessDenied": "KMS.AccessDeniedException",
    "KmsThrottled": "KMS.ThrottlingException", "KmsDisabled": "KMS.DisabledException", "KmsNotFound": "KMS.NotFoundException",
}


@dataclass
class Answer:
    """A complete HTTP answer."""

    status: int = 0
    headers: list[tuple[bytes, bytes]] = field(default_factory=list)
    """Pairs of bytes."""
    body: bytes = b""
    effect: str = ""
    """`drop` or `lose` where a fault hides the answer from the caller."""

    @property
    def succeeded(self) -> bool:
        return 0 < self.status < 300

    @property
    def error(self) -> str:
        """The error's code, as the emulator wrote it; empty for a success."""
        if self.succeeded:
            return ""
        found = re.search(rb'"__type":\s*"([^"]+)"|<Code>([^<]+)</Code>|"code":\s*"([^"]+)"', self.body)
        return next(group for group in found.groups() if group).decode().rsplit("#", 1)[-1] if found else ""

    def value(self) -> Any:
        """The body, parsed as JSON."""
        return json.loads(self.body)

    def rewrite(self, value: Any) -> None:
        """Replaces the body, with JSON."""
        self.body = json.dumps(value).encode()
        self.headers = [pair for pair in self.headers if pair[0].lower() != b"content-length"]
        self.headers.append((b"content-length", str(len(self.body)).encode()))

    async def send(self, send: Send) -> None:
        """Sends it by ASGI."""
        await send({"type": "http.response.start", "status": self.status, "headers": self.headers})
        await send({"type": "http.response.body", "body": self.body})


async def gathered(app: App, scope: Scope, receive: Receive) -> Answer:
    """What an ASGI app answers."""
    answer = Answer()

    async def keep(message: Message) -> None:
        if message["type"] == "http.response.start":
            answer.status, answer.headers = message["status"], list(message.get("headers", []))
        elif message["type"] == "http.response.body":
            answer.body += message.get("body", b"")

    await app(scope, receive, keep)
    return answer


def of_json(status: int, value: Any, headers: dict[str, str] | None = None) -> Answer:
    """An answer that is JSON."""
    body = json.dumps(value).encode()
    given = {"content-type": "application/json", "content-length": str(len(body)), **(headers or {})}
    return Answer(status, [(name.encode(), text.encode()) for name, text in given.items()], body)


def of_xml(status: int, text: str) -> Answer:
    """An answer that is XML."""
    body = text.encode()
    return Answer(status, [(b"content-type", b"text/xml"), (b"content-length", str(len(body)).encode())], body)


def of_error(service: str, status: int, code: str, message: str) -> Answer:
    """An error, in the service's protocol."""
    if service in XML_SERVICES:
        error = f"<Code>{escape(code)}</Code><Message>{escape(message)}</Message>"
        if service == "s3":
            return of_xml(status, f"<Error>{error}</Error>")
        return of_xml(status, f"<ErrorResponse><Error><Type>{'Sender' if status < 500 else 'Receiver'}</Type>{error}</Error>"
                      "<RequestId>00000000-0000-0000-0000-000000000000</RequestId></ErrorResponse>")
    headers = {"x-amzn-errortype": code}
    if service == "sqs":
        # The code that it had in the query protocol, which some SDKs show.
        headers["x-amzn-query-error"] = f"{QUERY_CODES.get(code, code)};{'Sender' if status < 500 else 'Receiver'}"
    return of_json(status, {"__type": code, "message": message, "Message": message}, headers)
