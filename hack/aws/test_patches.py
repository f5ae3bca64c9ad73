from __future__ import annotations

import ast
import importlib.util
import re
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path
from types import ModuleType
from typing import Any
from unittest import mock

from . import patches

FOLDER = Path(__file__).parent
SCRIPT = FOLDER.parent / "strict_aws.py"
SOURCES = [path for path in sorted(FOLDER.rglob("*.py")) if not path.name.startswith("test_")]


class PatchesTest(unittest.TestCase):
    def setUp(self) -> None:
        empty: Any = mock.patch.object(patches, "PATCHES", [])
        empty.start()
        self.addCleanup(empty.stop)
        self.module = ModuleType("ministack.example")
        vars(self.module)["_double"] = lambda number: 2 * number

    def test_a_patch_gets_the_original(self) -> None:
        patches.patch(self.module, "_double", "it is one more")(lambda original, number: original(number) + 1)
        self.assertEqual(vars(self.module)["_double"](3), 6)
        patches.install()
        self.assertEqual(vars(self.module)["_double"](3), 7)

    def test_a_part_that_is_gone_is_named_with_the_reason(self) -> None:
        with self.assertRaisesRegex(patches.MissingPart, r"no ministack\.example\._triple any more, .* so that it is three times"):
            patches.patch(self.module, "_triple", "it is three times as much")(lambda original: original)

    def test_a_second_patch_of_the_same_part_is_refused(self) -> None:
        patches.patch_value(self.module, "_double", 0, "it is nothing")
        with self.assertRaisesRegex(ValueError, r"ministack\.example\._double is patched twice"):
            patches.patch_value(self.module, "_double", 1, "it is one")

    def test_the_command_lists_every_patch_and_all_rules_are_loaded(self) -> None:
        with tempfile.TemporaryDirectory() as folder:
            # In a process of its own: the emulator takes hold of files and threads where it is imported.
            done = subprocess.run([sys.executable, "-B", SCRIPT, "--patches"], env={"STATE_DIR": folder, "HOME": folder},
                                  capture_output=True, text=True, check=True)
        listed = [line.partition(": ")[0] for line in done.stdout.splitlines()]
        marked = [mark for path in SOURCES if path.name != "patches.py"
                  for mark in re.findall(r'^@?patch(?:_value)?\((\w+), "(\w+)"', path.read_text(), re.MULTILINE)]
        self.assertEqual(sorted(name.rsplit(".", 2)[-2:] for name in listed), sorted([*mark] for mark in marked))
        self.assertGreater(len(listed), 15)


class EmulatorTest(unittest.TestCase):
    """What the sources here touch in MiniStack."""

    def test_every_part_that_is_used_is_there(self) -> None:
        missing = [f"{path.name}: {module.__name__}.{name}" for path in SOURCES
                   for module, name in self.used(ast.parse(path.read_text())) if not hasattr(module, name)]
        self.assertEqual(missing, [])

    def test_nothing_is_replaced_but_by_patches(self) -> None:
        for path in SOURCES:
            tree = ast.parse(path.read_text())
            modules = self.modules(tree)
            for node in ast.walk(tree):
                if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store) and isinstance(node.value, ast.Name):
                    self.assertNotIn(node.value.id, modules, f"{path.name}:{node.lineno} assigns {ast.unparse(node)}: use patches.patch")

    def used(self, tree: ast.Module) -> list[tuple[ModuleType, str]]:
        """The attributes of MiniStack's modules that a source reads or calls."""
        modules = self.modules(tree)
        return [(modules[node.value.id], node.attr) for node in ast.walk(tree)
                if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id in modules]

    @staticmethod
    def modules(tree: ast.Module) -> dict[str, ModuleType]:
        """MiniStack's modules by the names that a source gives them."""
        imports = (node for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("ministack"))
        return {alias.asname or alias.name: importlib.import_module(f"{node.module}.{alias.name}") for node in imports
                for alias in node.names if is_module(f"{node.module}.{alias.name}")}


def is_module(name: str) -> bool:
    package = importlib.util.find_spec(name.rpartition(".")[0])
    return bool(package and package.submodule_search_locations and importlib.util.find_spec(name))


if __name__ == "__main__":
    unittest.main()
