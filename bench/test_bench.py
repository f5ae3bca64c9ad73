from __future__ import annotations

import contextlib
import io
import json
import subprocess
import tempfile
import unittest
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any
from unittest import mock

import bench
from devenv.console import Failure
from figures import Figure
from sizes import FULL, SHORT


def measures(name: str, limit: float | None = None) -> Callable[..., list[Figure]]:
    """A scenario with one figure."""
    return lambda *_: [Figure(name, (1.0,), "s", limit, "2 s")]


def raises(error: BaseException) -> mock.Mock:
    """A scenario that fails."""
    return mock.Mock(side_effect=error)


class Servers:
    """Stand for the environment; they know with which error they were left."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.error: BaseException | None = None

    @contextlib.contextmanager
    def __call__(self, _settings: Any) -> Iterator[tuple[Path, dict[str, str]]]:
        try:
            yield self.folder, {"KUBECONFIG": "", "AWS_ENDPOINT_URL": ""}
        except BaseException as error:
            self.error = error
            raise


class BenchTest(unittest.TestCase):
    def setUp(self) -> None:
        with contextlib.ExitStack() as stack:
            self.folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
            self.servers = Servers(self.folder)
            for target, stand_in in {
                "devenv.environment.private": self.servers, "devenv.build.functions": mock.Mock(),
                "devenv.build.operator": lambda profile="debug": self.folder / profile / "task-pipelines",
                "bench.ApiServer": mock.Mock(), "scenarios.warm_up": lambda *_: [], "scenarios.digests": dict,
            }.items():
                stack.enter_context(mock.patch(target, stand_in))
            self.addCleanup(stack.pop_all().close)

    def run_bench(self, *words: str, only: Sequence[str] = (), **of_operator: Any) -> tuple[str, BaseException | None]:
        """Runs these scenarios; returns what is printed and, if it ends with one, the error."""
        typed = ["bench.py", *words, "--json", str(self.folder / "json"), "--only", *of_operator, *only]
        printed = io.StringIO()
        ended: BaseException | None = None
        of_test = mock.patch.dict(bench.OF_OPERATOR, of_operator)
        with of_test, mock.patch("sys.argv", typed), contextlib.redirect_stdout(printed):
            try:
                bench.main()
            except (Exception, KeyboardInterrupt) as error:
                ended = error
        return printed.getvalue(), ended

    def document(self) -> Any:
        """What is written for machines."""
        return json.loads((self.folder / "json").read_text())

    def test_a_scenario_that_fails_is_listed_with_why_and_the_others_are_printed(self) -> None:
        printed, ended = self.run_bench(one=measures("before"), slow=raises(Failure("not Ready")), busy=measures("after"))
        self.assertRegex(printed, r"\n    before +1 s")
        self.assertRegex(printed, r"\n    after +1 s")
        self.assertTrue(printed.endswith("\nfailed\n    operator, release build: slow\n        not Ready\n"), printed)
        self.assertIsInstance(ended, Failure)
        self.assertEqual(str(ended), "1 of the scenarios failed: slow (operator, release build)")

    def test_json_has_the_figures_and_the_failures(self) -> None:
        self.run_bench(one=raises(Failure("not Ready")), busy=measures("after"))
        document = self.document()
        self.assertEqual(document["failures"],
                         [{"section": "operator, release build", "name": "one", "reason": "not Ready"}])
        self.assertEqual([figure["name"] for figure in document["sections"]["operator, release build"]], ["after"])

    def test_an_error_that_nobody_foresaw_is_recorded_too_and_says_where(self) -> None:
        printed, ended = self.run_bench(one=raises(KeyError("time")), busy=measures("after"))
        self.assertRegex(printed, r"\n    after +1 s")
        self.assertRegex(printed, r"(?s)\nfailed\n.*Traceback.*KeyError: 'time'\n$")
        self.assertIsInstance(ended, Failure)

    def test_cold_starts_whose_program_fails_do_not_take_the_other_figures_with_them(self) -> None:
        ended_badly = subprocess.CompletedProcess([], 1, "", "AccessDenied: not authorized to perform: sqs:sendmessage")
        with mock.patch("subprocess.run", return_value=ended_badly), mock.patch("scenarios._zip"):
            printed, ended = self.run_bench(one=measures("before"), only=["cold"])
        self.assertRegex(printed, r"\n    before +1 s")
        self.assertRegex(printed, r"(?s)\nfailed\n    functions: cold\n.*sqs:sendmessage\n$")
        self.assertIsInstance(ended, Failure)

    def test_a_warm_up_that_fails_is_a_failure_and_the_scenarios_run_all_the_same(self) -> None:
        with mock.patch("scenarios.warm_up", raises(Failure("no watch"))):
            printed, ended = self.run_bench(one=measures("one"))
        self.assertRegex(printed, r"\n    one +1 s")
        self.assertEqual(str(ended), "1 of the scenarios failed: warm-up (operator)")

    def test_the_environment_is_told_of_a_failure_as_it_then_keeps_its_logs(self) -> None:
        self.run_bench(one=raises(Failure("not Ready")))
        self.assertIsInstance(self.servers.error, Failure)
        self.servers.error = None
        self.run_bench(one=measures("one"))
        self.assertIsNone(self.servers.error)

    def test_an_interruption_ends_all_and_prints_what_was_measured(self) -> None:
        after = mock.Mock(return_value=[])
        printed, ended = self.run_bench(one=measures("before"), slow=raises(KeyboardInterrupt()), busy=after)
        self.assertRegex(printed, r"\n    before +1 s")
        self.assertIsInstance(ended, KeyboardInterrupt)
        after.assert_not_called()

    def test_nothing_fails_where_a_figure_is_over_its_limit(self) -> None:
        printed, ended = self.run_bench(one=measures("one", limit=0.5))
        self.assertRegex(printed, r"\n    one +1 s +≤ 0.50 s +over +2 s")
        self.assertNotIn("failed", printed)
        self.assertIsNone(ended)
        self.assertEqual(self.document()["failures"], [])

    def test_the_short_form_is_small_and_judges_nothing(self) -> None:
        one = mock.Mock(side_effect=measures("one", limit=0.5))
        printed, ended = self.run_bench("--short", one=one)
        _, binary, sizes = one.call_args.args
        self.assertEqual((binary.parent.name, sizes), ("debug", SHORT))
        self.assertRegex(printed, r"\n    figure +ours\n")
        self.assertNotIn("over", printed)
        self.assertEqual(self.document()["sections"]["operator, debug build"][0]["verdict"], "")
        self.assertIsNone(ended)

    def test_the_full_form_measures_the_release_as_often_as_it_is_told(self) -> None:
        one = mock.Mock(side_effect=measures("one"))
        self.run_bench("--runs", "2", one=one)
        _, binary, sizes = one.call_args.args
        self.assertEqual((binary.parent.name, sizes.runs, sizes.idle), ("release", 2, FULL.idle))

    def test_an_environment_that_does_not_start_leaves_nothing_to_print(self) -> None:
        with mock.patch("devenv.environment.private", raises(Failure("no etcd"))):
            printed, ended = self.run_bench(one=measures("one"))
        self.assertEqual(str(ended), "no etcd")
        self.assertNotIn("Median", printed)
        self.assertFalse((self.folder / "json").exists())

    def test_an_operator_that_does_not_exist_is_refused_before_anything_starts(self) -> None:
        _, ended = self.run_bench("--binary", str(self.folder / "missing"), one=measures("one"))
        self.assertRegex(str(ended), "missing is not a file")


if __name__ == "__main__":
    unittest.main()
