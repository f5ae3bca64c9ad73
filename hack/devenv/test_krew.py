from __future__ import annotations

import hashlib
import tempfile
import unittest
from pathlib import Path

import krew
import yaml

from devenv import paths


class KrewTest(unittest.TestCase):
    def test_the_manifest_names_each_archive_with_its_hash(self) -> None:
        with tempfile.TemporaryDirectory() as folder:
            for architecture in ("x86_64", "arm64"):
                Path(folder, f"kubectl-pipelines-linux-{architecture}.tar.gz").write_text(architecture)
            text = krew.fill(krew.TEMPLATE.read_text(), "1.2.3", Path(folder))
        manifest = yaml.safe_load(text)
        self.assertNotIn("@", text)
        self.assertEqual((manifest["metadata"]["name"], manifest["spec"]["version"]), ("pipelines", "v1.2.3"))
        for platform in manifest["spec"]["platforms"]:
            architecture = platform["uri"].split("-linux-")[1].split(".")[0]
            self.assertEqual(platform["sha256"], hashlib.sha256(architecture.encode()).hexdigest())
            self.assertIn("/v1.2.3/", platform["uri"])

    def test_what_it_names_is_what_the_release_makes(self) -> None:
        workflow = (paths.ROOT / ".github/workflows/release.yml").read_text()
        self.assertIn("dist/kubectl-pipelines-linux-$ARCHITECTURE.tar.gz", workflow)


if __name__ == "__main__":
    unittest.main()
