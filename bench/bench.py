"""Measures the operator and its functions on a private environment, and prints each figure with its limit.

A figure over its limit is not a failure: how fast this machine is decides too. Only what does not work fails; the other
scenarios are measured all the same.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import sys
from collections.abc import Sequence
from dataclasses import asdict, replace
from datetime import datetime, timezone
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "hack"))

import busy
import scenarios
from apiserver import ApiServer
from devenv import build, environment
from devenv.console import Failure, fail, note, say
from emulator import Emulator
from figures import table
from results import Results
from sizes import FULL, SHORT
from subject import Bench

if TYPE_CHECKING:
    from sizes import Sizes

OF_OPERATOR = {"one": scenarios.one, "many": scenarios.many, "slow": scenarios.slow, "paced": scenarios.paced,
               "idle": scenarios.idle, "trouble": scenarios.trouble, "busy": busy.busy}
OF_FUNCTIONS = {"cold": scenarios.cold, "zips": scenarios.zips}
NO_STRICT_DELAYS = {"STRICT_ROLE_DELAY_SECONDS": "0", "STRICT_PENDING_SECONDS": "0"}
INTERRUPTED = 130


def main(words: Sequence[str] | None = None) -> None:
    """Measures what the words of the command line name; raises a Failure if a scenario failed."""
    arguments = _arguments(words)
    if not Path("/proc/self/smaps").exists():
        raise Failure("memory is read from /proc, which only Linux has: run this on Linux")
    sizes = SHORT if arguments.short else FULL
    sizes = replace(sizes, runs=arguments.runs or sizes.runs)
    binaries = _binaries(arguments)
    results = Results(sizes.judged)
    try:
        with environment.private(NO_STRICT_DELAYS) as (folder, variables):
            api, emulator = ApiServer(Path(variables["KUBECONFIG"])), Emulator(variables["AWS_ENDPOINT_URL"])
            _measure(results, Bench(folder, variables, api, emulator), binaries, sizes, arguments.only)
            # While the environment is still there: it keeps its logs when something fails.
            results.check()
    finally:
        _publish(results, sizes, arguments.json)


def _measure(results: Results, bench: Bench, binaries: list[Path], sizes: Sizes, only: list[str]) -> None:
    of_operator = [(name, scenario) for name, scenario in OF_OPERATOR.items() if name in only]
    if of_operator:
        results.measure("operator", "warm-up", lambda: scenarios.warm_up(bench, binaries[0]))
    for binary in binaries:
        for name, scenario in of_operator:
            results.measure(f"operator, {binary.parent.name} build", name, partial(scenario, bench, binary, sizes))
    for name, of_functions in OF_FUNCTIONS.items():
        if name in only:
            results.measure("functions", name, partial(of_functions, bench, sizes))


def _binaries(arguments: argparse.Namespace) -> list[Path]:
    """The operators to measure: those given, else one that is built here, and the functions with it."""
    if arguments.binary:
        return [_existing(binary.resolve()) for binary in arguments.binary]
    say("Building the functions")
    build.functions()
    if not set(OF_OPERATOR) & set(arguments.only):
        return []
    if arguments.short:
        say("Building the operator")
        return [build.operator()]
    say("Building the operator as it is shipped (the first time takes some 10 minutes)")
    return [build.operator("release")]


def _existing(binary: Path) -> Path:
    if not binary.is_file():
        raise Failure(f"{binary} is not a file; --binary takes the path of an operator")
    return binary


def _publish(results: Results, sizes: Sizes, file: Path | None) -> None:
    """Prints what was measured, also where that is not all, and writes it into the file."""
    if results.sections or results.failures:
        _print(results, sizes)
        if file:
            file.write_text(json.dumps(_document(results, sizes), indent=2) + "\n")


def _print(results: Results, sizes: Sizes) -> None:
    for title, figures in results.sections.items():
        if figures:
            say(f"\n{title}")
            for line in table(figures):
                note(line)
    if sizes.judged:
        say(f"\nMedian (least–most) of {sizes.runs}; counts and memory are judged by the worst. "
            "No limit: for information.")
        say("ACK: the same resources through four controllers of AWS Controllers for Kubernetes, "
            "on the same two servers.")
    else:
        say("\nThe figures of the short form are too few to be judged.")
    for name, digest in scenarios.digests().items():
        say(f"{name}: SHA-256 {digest}")
    if results.failures:
        say("\nfailed")
    for failed in results.failures:
        note(f"{failed.section}: {failed.name}")
        for line in failed.reason.splitlines():
            note(f"    {line}")


def _document(results: Results, sizes: Sizes) -> dict[str, Any]:
    return {
        "time": datetime.now(timezone.utc).isoformat(timespec="seconds"),
        "machine": {"system": platform.platform(), "processors": os.cpu_count(), "python": platform.python_version()},
        "sizes": asdict(sizes),
        **results.as_json(),
        "sha256": scenarios.digests(),
    }


def _arguments(words: Sequence[str] | None) -> argparse.Namespace:
    names = [*OF_OPERATOR, *OF_FUNCTIONS]
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--short", action="store_true",
                        help="only show that every scenario works, with few pipelines on a debug build; judges nothing")
    runs = f"how often each is measured [default: {FULL.runs}, short: {SHORT.runs}]"
    parser.add_argument("--runs", type=int, help=runs)
    parser.add_argument("--only", nargs="+", choices=names, default=names, help="which to measure [default: all]")
    parser.add_argument("--binary", nargs="+", type=Path, help="operators to measure as they are [default: build one]")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures there too")
    return parser.parse_args(words)


if __name__ == "__main__":
    try:
        main()
    except Failure as failure:
        fail(failure)
        sys.exit(1)
    except KeyboardInterrupt:
        fail("interrupted; everything that was started is stopped")
        sys.exit(INTERRUPTED)
