import unittest

from devenv import alerts

PAGE = "# Slow\n\n**Meaning.** It is.\n\n**Impact.** None.\n\n## Diagnosis\n\n## Mitigation\n"
TABLE = "| [`Slow`](runbooks/Slow.md) |"
TESTS = """
      - {alertname: Slow, eval_time: 5m, exp_alerts: []}
      - alertname: Slow
        eval_time: 6m
        exp_alerts:
          - exp_labels: {severity: warning}
"""


class AlertsTest(unittest.TestCase):
    def test_an_alert_with_its_page_and_tests_is_well(self) -> None:
        self.assertEqual(list(alerts._untold(["Slow"], {"Slow": PAGE}, TABLE)), [])
        self.assertEqual(list(alerts._untested(["Slow"], TESTS)), [])

    def test_pages_are_named_after_alerts_and_whole(self) -> None:
        (orphan,) = alerts._untold([], {"Slow": PAGE}, TABLE)
        self.assertIn("Slow.md is the page of no alert", orphan)
        (short,) = alerts._untold(["Slow"], {"Slow": PAGE.replace("**Impact.**", "")}, TABLE)
        self.assertIn("Slow.md has no '**Impact.**'", short)
        (absent,) = alerts._untold(["Slow"], {}, TABLE)
        self.assertIn("'## Mitigation'", absent)
        (unlisted,) = alerts._untold(["Slow"], {"Slow": PAGE}, "")
        self.assertIn("does not link to runbooks/Slow.md", unlisted)

    def test_each_alert_fires_and_is_quiet_in_a_test(self) -> None:
        loud = TESTS.replace("[]", "[{}]")
        self.assertRegex("".join(alerts._untested(["Slow"], loud)), "no case in which Slow does not fire")
        self.assertRegex("".join(alerts._untested(["Slow"], TESTS.split("      - alertname")[0])), "Slow fires")
        self.assertEqual(len(list(alerts._untested(["Other"], TESTS))), 2)


if __name__ == "__main__":
    unittest.main()
