"""MiniStack, as strict as AWS: started with a clean environment and no arguments, configured by MiniStack's variables
(GATEWAY_PORT, BIND_HOST, …) and by those of `settings.py` (STRICT_ROLE_DELAY_SECONDS, …)."""

import os

from settings import Settings
from state import STATE


def main():
    STATE.settings.defaults = Settings.from_environment(os.environ)
    # The emulator reads its environment when it is imported.
    from ministack import app

    import functions
    import gateway
    import lists  # noqa: F401 the rules of a module hold once it is imported
    import role_lists  # noqa: F401
    import roles
    import schedules

    for module in (roles, functions, schedules):
        module.install()
    app.app = gateway.wrap(app.app)
    app.main()


if __name__ == "__main__":
    main()
