from __future__ import annotations

import unittest
from typing import Any

from lupa import lua51

from devenv import paths

SCRIPT = (paths.CHART / "files" / "health.lua").read_text()


def health(status: dict[str, Any] | None, generation: int = 2) -> tuple[str, str]:
    """What Argo CD shows of a pipeline with this status; its Lua is 5.1, too."""
    lua = lua51.LuaRuntime()
    pipeline: dict[str, Any] = {"metadata": {"generation": generation}}
    if status is not None:
        pipeline["status"] = status
    lua.globals().obj = lua.table_from(pipeline, recursive=True)
    shown = lua.execute(SCRIPT)
    return shown["status"], shown["message"]


def status(*conditions: Any, generation: int = 2) -> dict[str, Any]:
    fields = ("type", "status", "reason", "message")
    return {"observedGeneration": generation, "conditions": [dict(zip(fields, row, strict=True)) for row in conditions]}


IN_SYNC = ("Ready", "True", "InSync", "All is as wanted")
DENIED = status(("Ready", "False", "Denied", "iam:CreateRole"), ("Stalled", "True", "Denied", "iam:CreateRole"))


class HealthTest(unittest.TestCase):
    def test_a_pipeline_that_is_ready_is_healthy(self) -> None:
        late = ("OnTime", "False", "Missed", "late")
        for reason in ("InSync", "Completed", "Observing"):
            self.assertEqual(health(status(("Ready", "True", reason, "well"), late)), ("Healthy", "well"))

    def test_a_suspended_one_is_suspended(self) -> None:
        self.assertEqual(health(status(("Ready", "True", "Suspended", "off"))), ("Suspended", "off"))

    def test_one_that_needs_a_person_is_degraded(self) -> None:
        self.assertEqual(health(DENIED), ("Degraded", "iam:CreateRole"))

    def test_one_on_its_way_or_in_trouble_that_passes_is_progressing(self) -> None:
        for ready, reason in (("Unknown", "Reconciling"), ("False", "Throttled"), ("Unknown", "Deleting")):
            told = status(("Ready", ready, reason, "wait"), ("Reconciling", "True", reason, "wait"))
            self.assertEqual(health(told), ("Progressing", "wait"))

    def test_what_is_told_of_an_earlier_spec_does_not_count(self) -> None:
        for told in (None, {}, status(IN_SYNC, generation=1), {**DENIED, "observedGeneration": 1}):
            self.assertEqual(health(told), ("Progressing", "The operator has not reconciled this spec yet"))

    def test_conditions_that_are_no_longer_true_do_not_count(self) -> None:
        told = status(IN_SYNC, ("Stalled", "False", "Denied", "old"), ("Reconciling", "False", "Throttled", "old"))
        self.assertEqual(health(told), ("Healthy", "All is as wanted"))
        self.assertEqual(health(status())[0], "Progressing")


if __name__ == "__main__":
    unittest.main()
