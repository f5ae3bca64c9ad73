"""All that can be set and read while the emulator runs."""

from .calls import Calls
from .faults import Faults
from .settings import SettingsByAccount


class State:
    """Settings, faults and the log of calls, each by account."""

    def __init__(self) -> None:
        self.settings = SettingsByAccount()
        self.faults = Faults()
        self.calls = Calls()


STATE = State()
