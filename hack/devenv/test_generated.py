import tempfile
import unittest
from pathlib import Path
from unittest import mock

from devenv import chart, generated
from devenv.console import Failure


class GeneratedTest(unittest.TestCase):
    def setUp(self) -> None:
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)
        self.texts = {self.folder / "values.schema.json": "{}\n", self.folder / "README.md": "# Chart\n"}
        self.asked: list[tuple[str, ...]] = []
        for name, value in (("paths.ROOT", self.folder), ("generated._texts", lambda: self.texts),
                            ("generated._from_types", lambda *arguments: self.asked.append(arguments))):
            patch = mock.patch(f"devenv.{name}", value)
            patch.start()
            self.addCleanup(patch.stop)

    def test_what_was_written_passes_until_its_source_changes(self) -> None:
        generated.write()
        generated.check()
        self.assertEqual(self.asked, [(), ("--check",)])
        self.texts[self.folder / "README.md"] = "# Another\n"
        with self.assertRaisesRegex(Failure, "not what it is generated from: README.md; run `make generate`"):
            generated.check()

    def test_a_missing_file_is_named(self) -> None:
        with self.assertRaisesRegex(Failure, "values.schema.json, README.md"):
            generated.check()


class ToolTest(unittest.TestCase):
    def test_a_tool_that_fails_is_quoted(self) -> None:
        with self.assertRaisesRegex(Failure, "`sh` failed:\nno such chart"):
            chart.run("sh", "-c", "echo no such chart; exit 3")

    def test_a_stale_file_is_named_as_the_generator_names_it(self) -> None:
        with self.assertRaisesRegex(Failure, "what failed:\nnot what the Rust types say: a.md"):
            generated._output("what", "sh", "-c", "echo error: not what the Rust types say: a.md >&2; exit 1")


if __name__ == "__main__":
    unittest.main()
