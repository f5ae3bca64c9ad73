"""The API server over HTTPS, without kubectl: its start-up would be measured too."""

from __future__ import annotations

import base64
import http.client
import json
import ssl
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any
from urllib.parse import urlencode, urlsplit

from devenv.console import Failure


class ApiServer:
    """One connection for requests, and one for each watch."""

    def __init__(self, kubeconfig: Path) -> None:
        config = json.loads(kubeconfig.read_text())
        cluster, user = config["clusters"][0]["cluster"], config["users"][0]["user"]
        authority = base64.b64decode(cluster["certificate-authority-data"]).decode()
        self._tls = ssl.create_default_context(cadata=authority)
        self._address = urlsplit(cluster["server"]).netloc
        self._headers = {"Authorization": f"Bearer {user['token']}", "Content-Type": "application/json"}
        self._connection = self._connect(timeout=30)

    def create(self, path: str, document: Any) -> dict[str, Any]:
        """Posts a document to a collection."""
        return self._request("POST", path, document)

    def get(self, path: str) -> dict[str, Any]:
        """Reads an object or a collection."""
        return self._request("GET", path)

    def delete(self, path: str) -> dict[str, Any]:
        """Asks for deletion."""
        return self._request("DELETE", path)

    def watch(self, path: str, resource_version: str, deadline: float) -> Iterator[tuple[str, dict[str, Any]]]:
        """Events of a collection, as `(type, object)`, until a time of the monotonic clock."""
        query = urlencode({"watch": 1, "resourceVersion": resource_version})
        with closing(self._connect(timeout=max(1, deadline - time.monotonic()))) as connection:
            connection.request("GET", f"{path}?{query}", headers=self._headers)
            response = connection.getresponse()
            if response.status != 200:
                raise Failure(f"the API server refuses a watch of {path}: {response.read().decode()}")
            try:
                while time.monotonic() < deadline and (line := response.readline()):
                    event = json.loads(line)
                    yield event["type"], event["object"]
            except TimeoutError:
                return

    def _request(self, method: str, path: str, document: Any = None) -> dict[str, Any]:
        body = None if document is None else json.dumps(document).encode()
        try:
            status, answer = self._ask(method, path, body)
        except OSError:
            # The server closes a connection that nothing used for a while.
            self._connection.close()
            try:
                status, answer = self._ask(method, path, body)
            except OSError as error:
                raise Failure(f"the API server does not answer {method} {path}: {error}") from error
        if status >= 300:
            raise Failure(f"the API server refuses {method} {path}: {json.loads(answer).get('message')}")
        found: dict[str, Any] = json.loads(answer)
        return found

    def _ask(self, method: str, path: str, body: bytes | None) -> tuple[int, bytes]:
        self._connection.request(method, path, body, self._headers)
        response = self._connection.getresponse()
        return response.status, response.read()

    def _connect(self, timeout: float) -> http.client.HTTPSConnection:
        return http.client.HTTPSConnection(self._address, timeout=timeout, context=self._tls)
