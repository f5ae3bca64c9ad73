"""Measures the operator and its functions on a private environment, and prints each figure with its limit.

A figure over its limit is no failure: how fast this machine is decides too. Only what does not work fails.
"""

import argparse
import json
import os
import platform
import sys
from datetime import datetime, timezone
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "hack"))

import busy
import scenarios
from apiserver import ApiServer
from devenv import build, environment, paths
from devenv.console import Failure, fail, note, say
from emulator import Emulator
from figures import table
from subject import Bench

OF_OPERATOR = {"one": scenarios.one, "many": scenarios.many, "slow": scenarios.slow, "paced": scenarios.paced,
               "idle": scenarios.idle, "trouble": scenarios.trouble, "busy": busy.busy}
OF_FUNCTIONS = ("cold", "zips")
NO_STRICT_DELAYS = {"STRICT_ROLE_DELAY_SECONDS": "0", "STRICT_PENDING_SECONDS": "0"}
INTERRUPTED = 130


def main():
    arguments = _arguments()
    if not Path("/proc/self/smaps").exists():
        raise Failure("memory is read from /proc, which only Linux has: run this on Linux")
    binaries = [binary.resolve() for binary in arguments.binary or _binaries()]
    if not arguments.binary:
        say("Building the functions")
        build.functions()
    sections = {}
    with environment.private(NO_STRICT_DELAYS) as (folder, variables):
        bench = Bench(folder, variables, ApiServer(Path(variables["KUBECONFIG"])), Emulator(variables["AWS_ENDPOINT_URL"]))
        scenarios.warm_up(bench, binaries[0])
        for binary in binaries:
            title = f"operator, {binary.parent.name} build"
            sections[title] = []
            for name, scenario in OF_OPERATOR.items():
                if name in arguments.only:
                    note(f"{title}: {name}")
                    sections[title] += scenario(bench, binary, arguments.runs)
        sections["functions"] = _functions(bench, arguments)
    _print(sections, arguments.runs)
    if arguments.json:
        arguments.json.write_text(json.dumps(_document(sections), indent=2) + "\n")


def _functions(bench, arguments):
    figures = []
    if "cold" in arguments.only:
        note("functions: cold")
        figures += scenarios.cold(bench, arguments.runs)
    if "zips" in arguments.only:
        figures += scenarios.zips()
    return figures


def _binaries():
    """The operator as it is shipped."""
    say("Building the operator as it is shipped (the first time takes some 10 minutes)")
    return [build.operator("release")]


def _print(sections, runs):
    for title, figures in sections.items():
        if figures:
            say(f"\n{title}")
            for line in table(figures):
                note(line)
    say(f"\nMedian (least–most) of {runs}; counts and memory are judged by the worst. No limit: for information.")
    say("ACK: the same resources through four controllers of AWS Controllers for Kubernetes, on the same two servers.")
    for name, digest in scenarios.digests().items():
        say(f"{name}: SHA-256 {digest}")


def _document(sections):
    return {
        "time": datetime.now(timezone.utc).isoformat(timespec="seconds"),
        "machine": {"system": platform.platform(), "processors": os.cpu_count(), "python": platform.python_version()},
        "sections": {title: [figure.as_json() for figure in figures] for title, figures in sections.items()},
        "sha256": scenarios.digests(),
    }


def _arguments():
    names = [*OF_OPERATOR, *OF_FUNCTIONS]
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=5, help="how often each is measured [default: 5]")
    parser.add_argument("--only", nargs="+", choices=names, default=names, help="which to measure [default: all]")
    parser.add_argument("--binary", nargs="+", type=Path, help="operators to measure as they are [default: build one]")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures there too")
    return parser.parse_args()


if __name__ == "__main__":
    try:
        main()
    except Failure as failure:
        fail(failure)
        sys.exit(1)
    except KeyboardInterrupt:
        fail("interrupted; everything that was started is stopped")
        sys.exit(INTERRUPTED)
