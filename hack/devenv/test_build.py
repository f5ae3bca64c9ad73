from __future__ import annotations

import sys
import tempfile
import unittest
import zipfile
from pathlib import Path
from unittest import mock

from devenv import build, console
from devenv.console import Failure


class BuildTest(unittest.TestCase):
    def setUp(self) -> None:
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)

    @unittest.skipUnless(sys.platform == "linux", "elsewhere the functions are what is shipped")
    def test_functions_for_debugging_are_zips_that_lambda_takes(self) -> None:
        for name in ("sender", "runner"):
            (self.folder / name).write_text(f"code of {name}")
        with mock.patch("devenv.paths.machine", return_value=("linux", "amd64")):
            zips = build._debug_functions(self.folder)
        for name in ("sender", "runner"):
            with zipfile.ZipFile(zips / f"{name}-x86_64.zip") as archive:
                (entry,) = archive.infolist()
                self.assertEqual((entry.filename, entry.external_attr >> 16), ("bootstrap", 0o755))
                self.assertEqual(archive.read(entry), f"code of {name}".encode())

    def test_a_block_that_fails_ends_what_runs_beside_it(self) -> None:
        mark = self.folder / "mark"
        script = f"import time; time.sleep(2); open({str(mark)!r}, 'w')"
        log = self.folder / "log"
        with self.assertRaises(Failure), console.begun([sys.executable, "-c", script], "sleeping", log):
            raise Failure("the block's")
        console.run([sys.executable, "-c", "import time; time.sleep(3)"], "sleeping", log)
        self.assertFalse(mark.exists())

    def test_waiting_for_what_failed_says_so(self) -> None:
        leaving = console.begun([sys.executable, "-c", "exit(3)"], "leaving", self.folder / "log")
        with self.assertRaisesRegex(Failure, "exit 3"), leaving as finish:
            finish()


if __name__ == "__main__":
    unittest.main()
