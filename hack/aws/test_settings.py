import re
import unittest
from dataclasses import asdict
from pathlib import Path

from .settings import BadRequest, Settings, SettingsByAccount


class SettingsTest(unittest.TestCase):
    def test_an_account_has_its_own_and_follows_the_defaults_in_the_rest(self) -> None:
        settings = SettingsByAccount()
        settings.change("111111111111", {"roleDelaySeconds": 8})
        settings.change("", {"pendingSeconds": 3})
        self.assertEqual(settings.of("111111111111"), Settings(roleDelaySeconds=8, pendingSeconds=3))
        self.assertEqual(settings.of("222222222222"), Settings(pendingSeconds=3))

    def test_the_environment_gives_the_defaults(self) -> None:
        given = {"STRICT_ROLE_DELAY_SECONDS": "0", "STRICT_LATENCY_MS": "30", "PATH": "/bin"}
        self.assertEqual(Settings.from_environment(given), Settings(roleDelaySeconds=0, latencyMs=30))

    def test_nonsense_is_refused_and_changes_nothing(self) -> None:
        settings = SettingsByAccount()
        for changes in ({"roleDelay": 1}, {"latencyMs": -1}, {"latencyMs": "soon"}, {"latencyMs": float("nan")}):
            with self.subTest(changes), self.assertRaises(BadRequest):
                settings.change("111111111111", changes)
        self.assertEqual(settings.of("111111111111"), Settings())


class PageTest(unittest.TestCase):
    def test_the_page_has_every_setting_with_its_default_and_every_file_of_rules(self) -> None:
        page = (Path(__file__).parents[2] / "docs" / "strict-aws.md").read_text()
        rows = [[cell.strip() for cell in row.strip("|").split("|")] for row in page.splitlines() if row.startswith("| `")]
        documented = {name.strip("`"): row[1] for row in rows for name in row[0].split(", ")}
        self.assertLessEqual({(name, f"{value:g}") for name, value in asdict(Settings()).items()}, set(documented.items()))
        folder = Path(__file__).parent
        names = [str(path.relative_to(folder)) for path in folder.rglob("*.py")
                 if re.search(r"^(@before|@after|@patch|patch_value|listed)\(", path.read_text(), re.MULTILINE)]
        self.assertGreater(len(names), 15)
        self.assertEqual([name for name in names if f"`{name}`" not in page], [])


if __name__ == "__main__":
    unittest.main()
