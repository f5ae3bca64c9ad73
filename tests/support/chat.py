"""A receiver that stands in for Slack (/slack/…), Discord (/discord/…), Telegram (/telegram/…/bot<token>/sendMessage),
Teams (/teams/…) and any web service (/hook/…).

It checks each service's limits, remembers what it got, and answers as it is told:
GET or DELETE /_messages, POST /_behaviour, DELETE /_behaviour. It listens on the loopback address only.
"""

from __future__ import annotations

import argparse
import json
import math
import signal
import sys
import threading
import time
from dataclasses import dataclass, field, fields
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import SplitResult, parse_qs, urlsplit

sys.path.insert(0, str(Path(__file__).parent))
import limits

CHECKS = {"slack": limits.slack, "discord": limits.discord, "telegram": limits.telegram, "teams": limits.teams}
JSON = {"Content-Type": "application/json"}


@dataclass
class Behaviour:
    """How the next `count` requests to a path are answered; -1 lasts. Status 0 is the usual answer, only later, and with
    `perSecond` to so many a second, as Slack's webhooks do it."""

    path: str
    status: int = 0
    headers: dict[str, str] = field(default_factory=dict)
    count: int = 1
    delaySeconds: float = 0.0
    body: str = ""
    perSecond: float = 0.0

    @classmethod
    def parse(cls, given: dict[str, Any]) -> Behaviour:
        known = {item.name for item in fields(cls)}
        unknown = set(given) - known
        if unknown or "path" not in given:
            raise ValueError(f"a behaviour has path, and of the rest: {', '.join(sorted(known))}; not {sorted(unknown)}")
        return cls(**given)


class Chat(ThreadingHTTPServer):
    """The server and what it remembers."""

    daemon_threads = True

    def __init__(self, port: int = 0) -> None:
        super().__init__(("127.0.0.1", port), Handler)
        self.lock = threading.Lock()
        self.messages: list[dict[str, Any]] = []
        self.behaviours: list[Behaviour] = []
        self.taken: dict[str, float] = {}

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"

    def behaviour(self, path: str) -> Behaviour | None:
        """The rule for this request, counted; None if there is none."""
        with self.lock:
            for rule in self.behaviours:
                if rule.path == path and rule.count != 0:
                    rule.count -= rule.count > 0
                    return rule
            return None

    def is_too_soon(self, path: str, per_second: float) -> bool:
        """Whether the last request to a path that was taken is not long enough ago; if it is, this one is taken."""
        with self.lock:
            now = time.monotonic()
            if now - self.taken.get(path, -math.inf) < 1 / per_second:
                return True
            self.taken[path] = now
            return False


class Handler(BaseHTTPRequestHandler):
    """One request."""

    protocol_version = "HTTP/1.1"
    server: Chat

    def do_GET(self) -> None:
        self._handle()

    do_POST = do_PUT = do_PATCH = do_DELETE = do_HEAD = do_GET

    def log_message(self, *_: object) -> None:
        """Quiet: what came in is asked for at /_messages."""

    def _handle(self) -> None:
        address = urlsplit(self.path)
        raw = self.rfile.read(int(self.headers.get("Content-Length") or 0)).decode("utf-8", "replace")
        if address.path.startswith("/_"):
            self._control(address.path, raw)
            return
        service = address.path.split("/")[1]
        body = _json_or_text(raw)
        rule = self.server.behaviour(address.path)
        if rule:
            time.sleep(rule.delaySeconds)
        if rule and rule.perSecond and self.server.is_too_soon(address.path, rule.perSecond):
            status, headers, answer = 429, {"Retry-After": str(math.ceil(1 / rule.perSecond))}, "rate_limited"
        elif _lacks_length(self.command, self.headers):
            status, headers, answer = 411, {}, "Length Required"
        elif rule and rule.status:
            status, headers, answer = rule.status, rule.headers, rule.body
        else:
            status, headers, answer = _usual(service, self.command, address, body, raw)
        message = {
            "path": address.path, "service": service, "method": self.command, "headers": dict(self.headers.items()),
            "body": body, "text": limits.readable(service, body), "status": status, "time": time.time(),
        }
        with self.server.lock:
            self.server.messages.append(message)
        self._answer(status, answer, headers)

    def _control(self, path: str, raw: str) -> None:
        server = self.server
        try:
            with server.lock:
                if (self.command, path) == ("GET", "/_messages"):
                    self._answer(200, json.dumps(server.messages))
                elif (self.command, path) == ("DELETE", "/_messages"):
                    server.messages.clear()
                    self._answer(200, "{}")
                elif (self.command, path) == ("POST", "/_behaviour"):
                    server.behaviours.append(Behaviour.parse(json.loads(raw)))
                    self._answer(200, "{}")
                elif (self.command, path) == ("DELETE", "/_behaviour"):
                    server.behaviours.clear()
                    self._answer(200, "{}")
                else:
                    self._answer(404, json.dumps({"error": f"no {self.command} {path}"}))
        except (ValueError, TypeError) as error:
            self._answer(400, json.dumps({"error": str(error)}))

    def _answer(self, status: int, body: Any, headers: Any = None) -> None:
        data = b"" if status == 204 else body.encode()
        self.send_response(status)
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        if status != 204:
            self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(data)


def _lacks_length(method: str, headers: Any) -> bool:
    """Whether IIS and the front ends of Azure and Google answer 411: a body is expected, and its length is not said."""
    is_said = "Content-Length" in headers or "Transfer-Encoding" in headers
    return method in ("POST", "PUT", "PATCH") and not is_said


def _usual(service: str, method: str, address: SplitResult, body: Any, raw: str) -> tuple[int, dict[str, str], str]:
    """Status, headers and body of the service's own answer."""
    if service not in CHECKS:
        return (200, {}, "ok") if service == "hook" else (404, {}, "not found")
    if service == "telegram" and not limits.TELEGRAM_PATH.search(address.path):
        return 404, JSON, json.dumps({"ok": False, "error_code": 404, "description": "Not Found"})
    if method != "POST":
        return 405, {}, "method_not_allowed"
    try:
        CHECKS[service](body)
        if service == "teams":
            limits.teams_size(raw)
    except limits.Refused as refusal:
        return refusal.status, {}, str(refusal)
    if service == "slack":
        return 200, {}, "ok"
    if service == "teams":
        return 202, {}, ""
    if service == "telegram":
        return 200, JSON, json.dumps({"ok": True, "result": {"message_id": 1, "text": limits.readable(service, body)}})
    waits = parse_qs(address.query).get("wait") == ["true"]
    return (200, JSON, json.dumps({"id": "1", **body})) if waits else (204, {}, "")


def _json_or_text(raw: str) -> Any:
    try:
        return json.loads(raw)
    except ValueError:
        return raw


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--port", type=int, default=0, help="port to listen on; 0 takes a free one (default)")
    parser.add_argument("--port-file", type=Path, help="file that receives the port once the server listens")
    arguments = parser.parse_args()
    server = Chat(arguments.port)
    if arguments.port_file:
        temporary = arguments.port_file.with_suffix(".tmp")
        temporary.write_text(str(server.server_port))
        temporary.replace(arguments.port_file)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    print(f"listening on {server.url}", flush=True)
    server.serve_forever()


if __name__ == "__main__":
    main()
