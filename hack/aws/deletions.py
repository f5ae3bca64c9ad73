"""What was deleted and is still there for a while, as AWS takes its time."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from ministack.core.responses import get_account_id, get_region

from .state import STATE


class Deletions:
    """Those of one kind, by account, region and name."""

    def __init__(self, setting: str, remove: Callable[[str], Any]) -> None:
        """`setting` says for how many seconds a thing stays; `remove(name)` then takes it away."""
        self._setting, self._remove = setting, remove
        self._until: dict[tuple[str, str, str], float] = {}

    def begin(self, name: str) -> bool:
        """Whether the thing stays for a while; if not, it is to be taken away at once."""
        seconds = getattr(STATE.settings.of(get_account_id()), self._setting)
        if seconds:
            self._until.setdefault(_key(name), time.time() + seconds)
        return bool(seconds)

    def pending(self, name: str) -> bool:
        """Whether the thing was deleted and is still there."""
        return _key(name) in self._until

    def finish(self) -> None:
        """Takes those of this account and region away whose time has come; to be called before anybody looks."""
        for key, until in list(self._until.items()):
            if key[:2] == _key("")[:2] and until <= time.time():
                del self._until[key]
                self._remove(key[2])


def _key(name: str) -> tuple[str, str, str]:
    return get_account_id(), get_region(), name
