from __future__ import annotations

import unittest
from typing import Any

from pipeline import is_ready


def pipeline(*conditions: Any) -> dict[str, Any]:
    return {"metadata": {"generation": 2}, "status": {"conditions": list(conditions)}}


def condition(kind: str = "Ready", status: str = "True", generation: int = 2) -> dict[str, Any]:
    return {"type": kind, "status": status, "observedGeneration": generation}


class ReadyTest(unittest.TestCase):
    def test_ready_counts_for_the_present_generation_alone(self) -> None:
        self.assertTrue(is_ready(pipeline(condition("Reconciling", "False"), condition())))
        self.assertFalse(is_ready(pipeline(condition(generation=1))))

    def test_anything_else_is_not_ready(self) -> None:
        self.assertFalse(is_ready(pipeline(condition(status="False"))))
        self.assertFalse(is_ready(pipeline(condition("Reconciling"))))
        self.assertFalse(is_ready({"metadata": {"generation": 1}}))


if __name__ == "__main__":
    unittest.main()
