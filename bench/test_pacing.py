from __future__ import annotations

import unittest
from typing import Any

from pacing import least_seconds


def calls(count: int, service: str, operation: str, write: bool = True) -> list[dict[str, Any]]:
    return [{"service": service, "operation": operation, "write": write}] * count


class LeastSecondsTest(unittest.TestCase):
    def test_the_slowest_limit_decides(self) -> None:
        self.assertEqual(least_seconds(calls(60, "iam", "CreateRole") + calls(60, "lambda", "CreateFunction")), 9)

    def test_the_first_seconds_calls_are_free(self) -> None:
        self.assertEqual(least_seconds(calls(6, "iam", "CreateRole")), 0)
        self.assertEqual(least_seconds(calls(600, "sts", "GetCallerIdentity", write=False)), 0)

    def test_reads_and_writes_have_limits_of_their_own(self) -> None:
        self.assertEqual(least_seconds(calls(30, "iam", "GetRole", write=False)), 2)
        self.assertEqual(least_seconds(calls(30, "ssm", "PutParameter")), 9)


if __name__ == "__main__":
    unittest.main()
