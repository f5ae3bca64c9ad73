"""MiniStack, as strict as AWS. Started with a clean environment: MiniStack's variables (GATEWAY_PORT, BIND_HOST, …) and those
of `aws/settings.py` (STRICT_ROLE_DELAY_SECONDS, …) configure it."""

import argparse
import importlib
import os

from aws.settings import Settings
from aws.state import STATE
from ministack import app

from aws import patches

MODULES = (
    "gateway", "lambda_.functions", "lambda_.grants", "lambda_.executions", "lambda_.event_source_mappings", "iam.checks", "iam.stale_reads",
    "iam.propagation", "iam.lists", "iam.simulation", "sts", "lambda_.function_checks", "ssm", "logs", "sqs.queues",
    "sqs.message_moves", "scheduler.schedules", "scheduler.groups", "lambda_.lists", "scheduler.lists", "sqs.lists", "tag_search",
    "quotas", "tagging", "s3",
)
"""The modules with rules and patches, which count once they are imported. Rules of one operation apply in this order."""


def load() -> None:
    """Imports all of them."""
    for module in MODULES:
        importlib.import_module(f"aws.{module}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--patches", action="store_true", help="list what is replaced inside MiniStack, and why, and end")
    listing = parser.parse_args().patches
    load()
    if listing:
        for patch in patches.PATCHES:
            print(patch)
        return
    STATE.settings.defaults = Settings.from_environment(os.environ)
    patches.install()
    app.main()


if __name__ == "__main__":
    main()
