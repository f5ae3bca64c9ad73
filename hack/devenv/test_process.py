from __future__ import annotations

import os
import sys
import tempfile
import time
import unittest
import unittest.mock
from collections.abc import Sequence
from pathlib import Path

from devenv.console import Failure
from devenv.process import Process, Registry, await_ready, free_port

SLEEP = [sys.executable, "-c", "import time; time.sleep(60)"]


class ProcessTest(unittest.TestCase):
    def setUp(self) -> None:
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)
        self.log = self.folder / "log"
        self.registry = Registry(self.folder)
        self.addCleanup(self.registry.stop)

    def start(self, command: Sequence[str | Path]) -> Process:
        return self.registry.start("sleeper", command, dict(os.environ), self.log)

    def test_what_was_started_is_stopped_by_a_later_command(self) -> None:
        process = self.start(SLEEP)
        later = Registry(self.folder)
        self.assertTrue(process.alive())
        self.assertEqual(later.all(), [process])
        later.stop()
        self.assertFalse(process.alive())
        self.assertEqual(later.all(), [])

    def test_another_process_of_the_same_id_is_left_alone(self) -> None:
        process = self.start(SLEEP)
        Process("sleeper", process.pid, "long ago").stop()
        self.assertTrue(process.alive())

    def test_one_that_will_not_end_is_made_to(self) -> None:
        stubborn = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('up', flush=True); time.sleep(60)"
        process = self.start([sys.executable, "-c", stubborn])
        await_ready(process, self.log, 10, lambda: self.log.read_text())
        with unittest.mock.patch("devenv.process.STOP_SECONDS", 0.2):
            process.stop()
        self.assertFalse(process.alive())

    def test_how_it_ended_is_known(self) -> None:
        orderly = "import signal, time; signal.signal(15, lambda *_: exit(3)); print('up', flush=True); time.sleep(60)"
        process = self.start([sys.executable, "-c", orderly])
        await_ready(process, self.log, 10, lambda: self.log.read_text())
        self.assertIsNone(process.exit_code())
        process.stop()
        self.assertEqual(process.exit_code(), 3)

    def test_an_early_end_shows_the_log(self) -> None:
        process = self.start([sys.executable, "-c", "raise SystemExit('no port left')"])
        with self.assertRaisesRegex(Failure, "no port left"):
            await_ready(process, self.log, 10, lambda: False)

    def test_one_that_never_gets_ready_is_given_up(self) -> None:
        process = self.start(SLEEP)
        started = time.monotonic()
        with self.assertRaisesRegex(Failure, "not ready after 0.1 s"):
            await_ready(process, self.log, 0.1, lambda: False)
        self.assertLess(time.monotonic() - started, 10)

    def test_free_ports_are_ports(self) -> None:
        self.assertTrue(0 < free_port() < 65536)


if __name__ == "__main__":
    unittest.main()
