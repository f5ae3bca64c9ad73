from __future__ import annotations

import unittest
from datetime import datetime, timezone
from zoneinfo import ZoneInfo

from .expressions import InvalidExpression, parse, time_zone


def firings(text: str, after: str, count: int, zone: str = "UTC", anchor: float = 0.0) -> list[str | None]:
    """The next firings as ISO times of the zone."""
    where = time_zone(zone)
    expression = parse(text, where)
    moment: float | None = datetime.fromisoformat(after).replace(tzinfo=where).timestamp()
    found: list[str | None] = []
    for _ in range(count):
        moment = None if moment is None else expression.next(moment, anchor)
        found.append(None if moment is None else datetime.fromtimestamp(moment, where).strftime("%Y-%m-%dT%H:%M%z"))
    return found


class Cron(unittest.TestCase):
    def test_weekdays_at_nine_in_their_zone(self) -> None:
        self.assertEqual(
            firings("cron(0 9 ? * MON-FRI *)", "2026-01-02T12:00", 2, "Asia/Taipei"),
            ["2026-01-05T09:00+0800", "2026-01-06T09:00+0800"],
        )

    def test_lists_ranges_and_steps(self) -> None:
        self.assertEqual(
            firings("cron(1/29 8-9,23 1 JAN ? 2027)", "2026-06-01T00:00", 3),
            ["2027-01-01T08:01+0000", "2027-01-01T08:30+0000", "2027-01-01T08:59+0000"],
        )

    def test_special_days(self) -> None:
        for days, expected in {
            "L * ?": "2026-05-31", "LW * ?": "2026-05-29", "3W * ?": "2026-05-04", "31W * ?": "2026-05-29",
            "? * 6L": "2026-05-29", "? * 3#2": "2026-05-12", "? * L": "2026-05-02", "29 2 ?": "2028-02-29",
        }.items():
            with self.subTest(days):
                self.assertEqual(firings(f"cron(0 0 {days} *)", "2026-04-30T12:00", 1), [f"{expected}T00:00+0000"])

    def test_a_time_that_spring_leaves_out_does_not_fire(self) -> None:
        self.assertEqual(
            firings("cron(30 2 * * ? *)", "2026-03-28T00:00", 2, "Europe/Berlin"),
            ["2026-03-28T02:30+0100", "2026-03-30T02:30+0200"],
        )

    def test_a_time_that_autumn_repeats_fires_once(self) -> None:
        self.assertEqual(
            firings("cron(30 2 * * ? *)", "2026-10-24T12:00", 2, "Europe/Berlin"),
            ["2026-10-25T02:30+0200", "2026-10-26T02:30+0100"],
        )

    def test_years_that_are_over_never_fire(self) -> None:
        self.assertEqual(firings("cron(0 0 1 1 ? 2020)", "2026-01-01T00:00", 1), [None])

    def test_refused(self) -> None:
        for text in (
            "cron(0 0 * * * *)", "cron(0 0 ? * ? *)", "cron(0 0 1 * MON *)", "cron(0 0 * * ?)", "cron(60 0 * * ? *)",
            "cron(0 24 * * ? *)", "cron(0 0 0 * ? *)", "cron(0 0 ? * 0 *)", "cron(0 0 ? * MON/2 *)", "cron(0 0 ? 13 2 *)",
            "cron(0 0 ? * 3#1,6#3 *)", "cron(0 0 ? * 3#6 *)", "cron(0 9-5 * * ? *)", "cron(*/0 * * * ? *)",
            "cron(0 0 1 * ? 1969)", "cron(,5 0 * * ? *)", "cron(0 0 -1 * ? *)", "0 9 * * *", "cron()",
        ):
            with self.subTest(text), self.assertRaisesRegex(InvalidExpression, "Invalid Schedule Expression"):
                parse(text)


class Rate(unittest.TestCase):
    def test_it_counts_from_its_anchor(self) -> None:
        rate = parse("rate(5 minutes)")
        self.assertEqual([rate.next(after, 1000.0) for after in (0, 999.5, 1000, 1299, 1300)],
                         [1000, 1000, 1300, 1300, 1600])

    def test_refused(self) -> None:
        for text in ("rate(0 minutes)", "rate(-1 hours)", "rate(1 week)", "rate(1.5 hours)", "rate(minute)"):
            with self.subTest(text), self.assertRaises(InvalidExpression):
                parse(text)


class At(unittest.TestCase):
    def test_it_is_read_in_its_zone_and_fires_once(self) -> None:
        moment = datetime(2026, 7, 1, 9, 0, tzinfo=ZoneInfo("America/New_York")).timestamp()
        at = parse("at(2026-07-01T09:00:00)", time_zone("America/New_York"))
        self.assertEqual([at.next(moment - 1, 0), at.next(moment, 0)], [moment, None])
        self.assertEqual(datetime.fromtimestamp(moment, timezone.utc).hour, 13)

    def test_refused(self) -> None:
        for text in ("at(2026-07-01)", "at(2026-02-30T00:00:00)", "at(2026-07-01T09:00:00Z)", "at(tomorrow)"):
            with self.subTest(text), self.assertRaises(InvalidExpression):
                parse(text)


class Zones(unittest.TestCase):
    def test_only_names_of_the_database(self) -> None:
        for name in ("Mars/Olympus", "", "+02:00", "../etc/passwd", "europe/berlin"):
            with self.subTest(name), self.assertRaises(InvalidExpression):
                time_zone(name)


if __name__ == "__main__":
    unittest.main()
