import tempfile
import unittest
from pathlib import Path

from devenv import chart, paths, tools, upgrades


class UpgradesTest(unittest.TestCase):
    def test_the_older_chart_lacks_one_column_and_nothing_else(self) -> None:
        with tempfile.TemporaryDirectory() as folder:
            older = upgrades.older_chart(Path(folder))
            rendered = chart.run(tools.helm(), "template", "task-pipelines", older, "--kube-version", "v1.30.0")
            kept = (older / "files" / "crd.yaml").read_text().splitlines()
            lost = set(paths.CRD.read_text().splitlines()) - set(kept)
        self.assertIn(f"task-pipelines:{upgrades.OLDER}", rendered)
        self.assertEqual(lost, {"    - jsonPath: .status.queue.deadLetters", f"      name: {upgrades.COLUMN}"})


if __name__ == "__main__":
    unittest.main()
