"""What can be set while the emulator runs, for all accounts or for one."""

from __future__ import annotations

import re
import threading
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace
from typing import Any


class BadRequest(ValueError):
    """A setting or a rule that makes no sense; the message says which."""


@dataclass(frozen=True)
class Settings:
    """How slow and how inconsistent AWS is. The defaults are mild, so that tests are fast; beside each is what AWS does."""

    roleDelaySeconds: float = 1.0
    """Until a new role can be assumed, and a changed policy counts. AWS: some seconds, at times minutes."""
    pendingSeconds: float = 0.5
    """For which a function stays Pending after its creation, or InProgress after an update. AWS: seconds."""
    functionDeletingSeconds: float = 0.0
    """For which a deleted function is Deleting. AWS: seconds."""
    mappingSeconds: float = 0.2
    """For which a mapping is Creating, Updating or Deleting. AWS: seconds, at times minutes."""
    tagRightsSeconds: float = 1.0
    """Until rights by the tags of what was just made count. AWS: at times seconds."""
    latencyMs: float = 0.0
    """Added to each answer."""
    listDelaySeconds: float = 0.0
    """How far lists are behind single reads. AWS: seconds."""
    tagIndexDelaySeconds: float = 0.0
    """How far the search by tags is behind. AWS: seconds to minutes."""
    iamReadSeconds: float = 0.0
    """How far reads of single roles are behind. AWS: seconds."""
    newQueueSeconds: float = 0.0
    """Until a new queue shows, to its owner and to what refers to it. AWS: about 1."""
    queueNameSeconds: float = 0.0
    """For which a deleted queue's name stays taken. AWS: 60."""
    queueDeletingSeconds: float = 0.0
    """For which a deleted queue still answers. AWS: up to 60."""
    queueAttributeSeconds: float = 0.0
    """Until changed attributes of a queue show. AWS: up to 60."""
    queueCountSeconds: float = 0.0
    """For which a message that came to a queue is not counted. AWS: 60 and more, at times."""
    hiddenSeconds: float = 0.0
    """The longest that a function hides a message it received; 0: as long as it asks. For tests of many tries, not AWS."""
    parameterNameSeconds: float = 0.0
    """Until a deleted parameter's name can be used again. AWS: about 30."""
    groupDeletingSeconds: float = 0.2
    """For which a schedule group is DELETING. AWS: seconds to minutes."""
    refusePastTimes: float = 0.0
    """1: a schedule is not created with a past `at()` or end either. AWS: seen to accept it, and said to refuse it."""
    scheduleConflictSeconds: float = 0.0
    """For which a schedule just written refuses the next write. AWS: at times."""
    rateLimit: float = 0.0
    """AWS's request rates are enforced, multiplied by this; 0: not."""
    maxRoles: float = 0.0
    """Roles of the account; here and below, 0 is no limit. AWS: 1,000."""
    maxCodeBytes: float = 0.0
    """Bytes of all functions' zips. AWS: 75 GB."""
    maxScheduleGroups: float = 0.0
    """Schedule groups, the default one among them. AWS: 500."""
    maxSchedules: float = 0.0
    """Schedules. AWS: 10,000,000."""
    maxParameters: float = 0.0
    """Parameters. AWS: 10,000."""
    maxInvocations: float = 0.0
    """Invocations at the same time, of all functions. AWS: 1,000; of a new account: 10."""
    noRunners: float = 0.0
    """1: functions whose names end in `-runner` find no room."""

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> Settings:
        """From the variable of each setting, such as `STRICT_ROLE_DELAY_SECONDS`."""
        names = {item.name: _variable(item.name) for item in fields(cls)}
        return cls().updated({key: environment[name] for key, name in names.items() if name in environment})

    def updated(self, changes: Mapping[str, Any]) -> Settings:
        """These settings with `changes`, each a number of at least 0."""
        known = {item.name for item in fields(self)}
        for key in changes:
            if key not in known:
                raise BadRequest(f"unknown setting {key!r}; known are {', '.join(sorted(known))}")
        return replace(self, **{key: amount(key, value) for key, value in changes.items()})


class SettingsByAccount:
    """The defaults, and the settings of single accounts; safe to use from any thread."""

    def __init__(self, defaults: Settings | None = None) -> None:
        self.defaults = defaults or Settings()
        self._own: dict[str, dict[str, Any]] = {}
        self._lock = threading.Lock()

    def of(self, account: str) -> Settings:
        """The settings of this account."""
        with self._lock:
            own = self._own.get(account)
            return self.defaults.updated(own) if own else self.defaults

    def change(self, account: str, changes: Mapping[str, Any]) -> dict[str, Any]:
        """Changes the settings of an account, or with an empty one the defaults of all; returns what now holds."""
        with self._lock:
            if not account:
                self.defaults = self.defaults.updated(changes)
                return asdict(self.defaults)
            own = {**self._own.get(account, {}), **changes}
            effective = self.defaults.updated(own)
            self._own[account] = own
            return asdict(effective)


def amount(key: str, value: Any) -> float:
    """A number of at least 0, or `BadRequest`."""
    try:
        number = float(value)
    except (TypeError, ValueError):
        number = -1.0
    if not 0 <= number < float("inf"):
        raise BadRequest(f"{key} must be a number of at least 0, not {value!r}")
    return number


def _variable(setting: str) -> str:
    return "STRICT_" + re.sub(r"([A-Z])", r"_\1", setting).upper()
