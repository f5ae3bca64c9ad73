import tempfile
import unittest
from pathlib import Path
from unittest import mock

from devenv import chart
from devenv.console import Failure


class GeneratedTest(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)
        self.texts = {"values.schema.json": "{}\n", "README.md": "# Chart\n"}
        for name, value in (("paths.CHART", self.folder), ("paths.ROOT", self.folder)):
            patch = mock.patch(f"devenv.{name}", value)
            patch.start()
            self.addCleanup(patch.stop)
        patch = mock.patch("devenv.chart._generated", lambda: self.texts)
        patch.start()
        self.addCleanup(patch.stop)

    def test_what_was_written_passes_until_the_values_change(self):
        chart.write()
        chart.check_generated()
        self.texts["README.md"] = "# Another\n"
        with self.assertRaisesRegex(Failure, "README.md is not what values.yaml says; run `make chart`"):
            chart.check_generated()

    def test_a_missing_file_is_named(self):
        with self.assertRaisesRegex(Failure, "values.schema.json is not what"):
            chart.check_generated()

    def test_a_tool_that_fails_is_quoted(self):
        with self.assertRaisesRegex(Failure, "`sh` failed:\nno such chart"):
            chart.run("sh", "-c", "echo no such chart; exit 3")


if __name__ == "__main__":
    unittest.main()
