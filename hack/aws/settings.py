"""What can be set while the emulator runs, for all accounts or for one."""

import re
import threading
from dataclasses import asdict, dataclass, fields, replace


class BadRequest(ValueError):
    """A setting or a rule that makes no sense; the message says which."""


@dataclass(frozen=True)
class Settings:
    """How slow AWS is, and how far behind itself. Mild, so that tests are fast; what AWS does stands beside each."""

    roleDelaySeconds: float = 1.0
    """Until a new role can be assumed, and a changed policy counts. AWS: some seconds, at times minutes."""
    pendingSeconds: float = 0.5
    """For which a function stays Pending after its creation, or InProgress after an update. AWS: seconds."""
    latencyMs: float = 0.0
    """Added to each answer."""
    listDelaySeconds: float = 0.0
    """How far lists are behind single reads. AWS: seconds."""
    tagIndexDelaySeconds: float = 0.0
    """How far the search by tags is behind. AWS: seconds to minutes."""

    @classmethod
    def from_environment(cls, environment):
        """From the variable of each setting, such as `STRICT_ROLE_DELAY_SECONDS`."""
        names = {item.name: _variable(item.name) for item in fields(cls)}
        return cls().updated({key: environment[name] for key, name in names.items() if name in environment})

    def updated(self, changes):
        """These settings with `changes`, each a number of at least 0."""
        known = {item.name for item in fields(self)}
        for key in changes:
            if key not in known:
                raise BadRequest(f"unknown setting {key!r}; known are {', '.join(sorted(known))}")
        return replace(self, **{key: amount(key, value) for key, value in changes.items()})


class SettingsByAccount:
    """The defaults, and what an account has of its own; safe to use from any thread."""

    def __init__(self, defaults=None):
        self.defaults = defaults or Settings()
        self._own = {}
        self._lock = threading.Lock()

    def of(self, account):
        """What holds for this account."""
        with self._lock:
            return self.defaults.updated(self._own.get(account, {}))

    def change(self, account, changes):
        """Changes the settings of an account, or with an empty one the defaults of all; returns what now holds."""
        with self._lock:
            if not account:
                self.defaults = self.defaults.updated(changes)
                return asdict(self.defaults)
            own = {**self._own.get(account, {}), **changes}
            effective = self.defaults.updated(own)
            self._own[account] = own
            return asdict(effective)


def amount(key, value):
    """A number of at least 0, or `BadRequest`."""
    try:
        number = float(value)
    except (TypeError, ValueError):
        number = -1.0
    if not 0 <= number < float("inf"):
        raise BadRequest(f"{key} must be a number of at least 0, not {value!r}")
    return number


def _variable(setting):
    return "STRICT_" + re.sub(r"([A-Z])", r"_\1", setting).upper()
