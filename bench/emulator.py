"""The strict AWS: how long it takes, and what it was asked."""

from __future__ import annotations

import json
import urllib.request
from collections.abc import Mapping
from typing import Any

from devenv.console import Failure

NO_DELAYS = {"roleDelaySeconds": 0, "pendingSeconds": 0, "latencyMs": 0}


class Emulator:
    """The control side of hack/aws."""

    def __init__(self, url: str) -> None:
        self.url = url

    def set(self, account: str, settings: Mapping[str, Any]) -> None:
        """Sets the delays of an account."""
        self._request("POST", "/_strict/settings", {"account": account, **settings})

    def calls(self, account: str) -> list[dict[str, Any]]:
        """The operator's calls in an account since they were forgotten, oldest first."""
        calls = json.loads(self._request("GET", f"/_strict/calls?account={account}"))
        return [call for call in calls if call["by"] == "operator"]

    def hang(self, account: str, operation: str) -> None:
        """Makes each such call of an account take longer than any measuring."""
        rule = {"account": account, "operation": operation, "delayMs": 600_000, "count": -1}
        self._request("POST", "/_strict/faults", rule)

    def forget_calls(self, account: str) -> None:
        """Empties the log of calls."""
        self._request("DELETE", f"/_strict/calls?account={account}")

    def reset(self) -> None:
        """Removes everything from all accounts."""
        self._request("POST", "/_ministack/reset", {})

    def _request(self, method: str, path: str, document: Any = None) -> Any:
        body = None if document is None else json.dumps(document).encode()
        request = urllib.request.Request(f"{self.url}{path}", body, method=method)
        try:
            with urllib.request.urlopen(request, timeout=30) as answer:
                return answer.read()
        except OSError as error:
            raise Failure(f"the emulator does not do {method} {path}: {error}") from error
