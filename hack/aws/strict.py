"""MiniStack, as strict as AWS: started with a clean environment and no arguments, configured by MiniStack's variables
(GATEWAY_PORT, BIND_HOST, …) and by those of `settings.py` (STRICT_ROLE_DELAY_SECONDS, …)."""

import importlib
import os

from settings import Settings
from state import STATE

RULES = ("identities", "stale_roles", "propagation", "sessions", "role_lists", "function_checks", "parameters", "queues", "moves", "groups",
         "lists", "quotas", "tagging")
"""The modules whose rules hold once they are imported."""


def main():
    STATE.settings.defaults = Settings.from_environment(os.environ)
    # The emulator reads its environment when it is imported.
    from ministack import app

    import access
    import acting
    import functions
    import gateway
    import mappings
    import schedules

    for module in RULES:
        importlib.import_module(module)
    for module in (access, acting, functions, mappings, schedules):
        module.install()
    app.app = gateway.wrap(app.app)
    app.main()


if __name__ == "__main__":
    main()
