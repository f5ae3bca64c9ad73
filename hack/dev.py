"""The development environment's commands; `make help` lists them."""

import argparse
import signal
import sys

from devenv import workflows
from devenv.console import Failure, fail

INTERRUPTED = 130


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("command", choices=[*workflows.COMMANDS, "with-env"])
    parser.add_argument("rest", nargs=argparse.REMAINDER, help="with-env: `-- COMMAND…`, run in a private environment")
    arguments = parser.parse_args()
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    rest = arguments.rest[1:] if arguments.rest[:1] == ["--"] else arguments.rest
    if bool(rest) != (arguments.command == "with-env"):
        parser.error("with-env, and only with-env, takes a command: with-env -- COMMAND…")
    try:
        code = workflows.with_env(rest) if rest else workflows.COMMANDS[arguments.command]()
    except Failure as failure:
        fail(failure)
        return 1
    except KeyboardInterrupt:
        fail("interrupted; everything that was started is stopped")
        return INTERRUPTED
    return code or 0


if __name__ == "__main__":
    sys.exit(main())
