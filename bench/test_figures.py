import unittest

from figures import Figure, bursts, number, table


class FigureTest(unittest.TestCase):
    def test_the_median_is_judged_and_the_range_shown(self) -> None:
        figure = Figure("ready", (0.5, 2.0, 0.7), "s", 1.0)
        self.assertEqual((figure.value, figure.verdict), (0.7, "ok"))
        self.assertEqual(figure.ours, "0.70 s (0.50–2)")

    def test_what_must_hold_each_time_is_judged_by_its_worst(self) -> None:
        self.assertEqual(Figure("writes", (0, 0, 1), limit=0, by_worst=True).verdict, "over")
        self.assertEqual(Figure("writes", (0, 0, 1), limit=0).verdict, "ok")

    def test_exactly_the_limit_is_ok(self) -> None:
        self.assertEqual(Figure("calls", (30,), limit=30).verdict, "ok")

    def test_without_a_limit_there_is_no_verdict(self) -> None:
        self.assertEqual(Figure("reads", (5,)).cells(), ("reads", "5", "", "", ""))

    def test_numbers_keep_three_digits(self) -> None:
        self.assertEqual([number(value) for value in (0, 3.0, 0.614, 12.34, 351.8)], ["0", "3", "0.61", "12.3", "352"])

    def test_unjudged_it_keeps_its_samples_and_nothing_to_compare_them_with(self) -> None:
        figure = Figure("ready", (0.5, 2.0), "s", 1.0, "11–13 s").unjudged()
        self.assertEqual(figure.cells(), ("ready", "1.25 s (0.50–2)", "", "", ""))

    def test_json_holds_every_sample(self) -> None:
        self.assertEqual(Figure("a", (1, 2), "s", 1.0).as_json(), {
            "name": "a", "value": 1.5, "unit": "s", "limit": 1.0, "verdict": "over", "samples": [1, 2], "ack": ""})


class TableTest(unittest.TestCase):
    def test_columns_are_aligned_and_numbers_to_the_right(self) -> None:
        figures = [Figure("1 pipeline", (0.5,), "s", 1.0, "11–13 s"), Figure("calls", (24,))]
        self.assertEqual(table(figures), [
            "figure        ours  limit  verdict  ACK",
            "----------  ------  -----  -------  -------",
            "1 pipeline  0.50 s  ≤ 1 s  ok       11–13 s",
            "calls           24",
        ])

    def test_a_column_without_any_value_is_left_out(self) -> None:
        self.assertEqual(table([Figure("calls", (24,), ack="158")]), [
            "figure  ours  ACK",
            "------  ----  ---",
            "calls     24  158",
        ])


class BurstsTest(unittest.TestCase):
    def test_calls_are_split_where_time_passes_between_them(self) -> None:
        calls = [{"time": time} for time in (0, 0.1, 0.2, 2.0, 2.1, 4.3)]
        self.assertEqual([len(burst) for burst in bursts(calls, gap_seconds=1)], [3, 2, 1])

    def test_no_calls_are_no_bursts(self) -> None:
        self.assertEqual(bursts([], gap_seconds=1), [])


if __name__ == "__main__":
    unittest.main()
