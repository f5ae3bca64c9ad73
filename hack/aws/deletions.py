"""Deletions that take a while: the resource is still there until they are done."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from ministack.core.responses import get_account_id, get_region

from .state import STATE


class Deletions:
    """The pending deletions of one kind of resource, by account, region and name."""

    def __init__(self, setting: str, remove: Callable[[str], Any]) -> None:
        """`setting` names the setting with the seconds that a deletion takes; `remove(name)` then deletes."""
        self._setting, self._remove = setting, remove
        self._until: dict[tuple[str, str, str], float] = {}

    def begin(self, name: str) -> bool:
        """Begins a deletion; false where it takes no time, and the caller deletes at once."""
        seconds = getattr(STATE.settings.of(get_account_id()), self._setting)
        if seconds:
            self._until.setdefault(_key(name), time.time() + seconds)
        return bool(seconds)

    def pending(self, name: str) -> bool:
        """Whether a deletion has begun and is not done."""
        return _key(name) in self._until

    def finish(self) -> None:
        """Carries out the deletions of this account and region that are due; called before every read."""
        for key, until in list(self._until.items()):
            if key[:2] == _key("")[:2] and until <= time.time():
                del self._until[key]
                self._remove(key[2])


def _key(name: str) -> tuple[str, str, str]:
    return get_account_id(), get_region(), name
