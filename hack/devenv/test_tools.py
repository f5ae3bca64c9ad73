from __future__ import annotations

import hashlib
import os
import tarfile
import tempfile
import unittest
from pathlib import Path
from typing import NoReturn
from unittest import mock

from devenv import download, golang, tools
from devenv.console import Failure


class ToolsTest(unittest.TestCase):
    def setUp(self) -> None:
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)
        patch = mock.patch.dict(os.environ, {"XDG_CACHE_HOME": str(self.folder / "cache")})
        patch.start()
        self.addCleanup(patch.stop)

    def executable(self, path: Path) -> Path:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("#!/bin/sh\nexit 0\n")
        path.chmod(0o755)
        return path

    def test_a_tool_is_made_once(self) -> None:
        make = mock.Mock(side_effect=lambda folder: self.executable(folder / "saw"))
        places = {tools._cached("saw", "v1", make) for _ in range(2)}
        self.assertEqual(make.call_count, 1)
        self.assertTrue(os.access(places.pop() / "saw", os.X_OK))

    def test_one_that_fails_half_way_leaves_nothing(self) -> None:
        def make(folder: Path) -> NoReturn:
            (folder / "half").touch()
            raise KeyboardInterrupt

        with self.assertRaises(KeyboardInterrupt):
            tools._cached("saw", "v1", make)
        self.assertEqual([path.name for path in (self.folder / "cache/task-pipelines/tools").iterdir()], ["saw-v1.lock"])

    def test_assets_that_the_user_names_come_first(self) -> None:
        etcd = self.executable(self.folder / "assets" / "etcd")
        with mock.patch.dict(os.environ, {"KUBEBUILDER_ASSETS": str(etcd.parent)}):
            self.assertEqual(tools.etcd(), etcd)
            with self.assertRaisesRegex(Failure, "has no kube-apiserver"):
                tools.kube_apiserver()

    def test_a_named_binary_must_run(self) -> None:
        refused = self.assertRaisesRegex(Failure, "TASK_PIPELINES_HELM names /nowhere/helm")
        with mock.patch.dict(os.environ, {"TASK_PIPELINES_HELM": "/nowhere/helm"}), refused:
            tools.helm()

    def test_versions_are_those_of_the_tools_modules(self) -> None:
        for module in golang.MODULES:
            self.assertRegex(golang.version(module), r"^v\d+\.\d+\.\d+$")
        self.assertLess(golang._numbers("1.9.7"), golang._numbers("1.26.0"))

    def test_a_download_is_compared_with_its_checksum(self) -> None:
        source = self.folder / "archive.tar.gz"
        with tarfile.open(source, "w:gz") as archive:
            archive.add(self.executable(self.folder / "etcd"), "controller-tools/envtest/etcd")
        for given, good in ((hashlib.sha512(source.read_bytes()).hexdigest(), True), ("0" * 128, False)):
            (self.folder / "sum").write_text(f"{'1' * 128}  another.tar.gz\n{given}  archive.tar.gz\n")
            urls = source.as_uri(), (self.folder / "sum").as_uri()
            if good:
                download.fetch(urls[0], self.folder / "got", urls[1], "sha512")
            else:
                with self.assertRaisesRegex(download.Unreachable, "not the published"):
                    download.fetch(urls[0], self.folder / "got", urls[1], "sha512")
        (self.folder / "out").mkdir()
        download.unpack(self.folder / "got", ["etcd"], self.folder / "out")
        self.assertTrue(os.access(self.folder / "out" / "etcd", os.X_OK))
        with self.assertRaisesRegex(download.Unreachable, "has no helm"):
            download.unpack(self.folder / "got", ["helm"], self.folder / "out")


if __name__ == "__main__":
    unittest.main()
