from __future__ import annotations

import time
import unittest
from datetime import datetime, timedelta, timezone
from typing import Any

from ..testing import REGION, StrictTest

PAST = "at(2022-12-31T23:59:59)"


class ScheduleTest(StrictTest):
    def setUp(self) -> None:
        super().setUp()
        self.scheduler = self.client("scheduler")
        self.sqs = self.client("sqs")
        self.url = self.sqs.create_queue(QueueName="q")["QueueUrl"]
        self.queue = f"arn:aws:sqs:{REGION}:{self.account}:q"
        self.made = self.role("r", "scheduler", policy=("sqs:SendMessage", self.queue))

    def schedule(self, expression: str, **changes: Any) -> dict[str, Any]:
        return {"Name": "s", "ScheduleExpression": expression, "FlexibleTimeWindow": {"Mode": "OFF"},
                "Target": {"Arn": self.queue, "RoleArn": self.made, "Input": "{}"}, **changes}

    def fired(self) -> int:
        attributes = self.sqs.get_queue_attributes(QueueUrl=self.url, AttributeNames=["ApproximateNumberOfMessages"])
        return int(attributes["Attributes"]["ApproximateNumberOfMessages"])

    def test_a_rate_begins_with_each_write_unless_that_says_when(self) -> None:
        self.scheduler.create_schedule(**self.schedule("rate(1 hour)"))
        self.eventually(lambda: self.fired() == 1, "the first firing")
        self.scheduler.update_schedule(**self.schedule("rate(1 hour)", Description="other"))
        self.eventually(lambda: self.fired() == 2, "a firing after an update without a start")
        start = datetime.now(timezone.utc) + timedelta(minutes=30)
        self.scheduler.update_schedule(**self.schedule("rate(1 hour)", StartDate=start))
        time.sleep(2.5)
        self.assertEqual(self.fired(), 2)

    def test_a_rate_begins_at_its_start(self) -> None:
        start = datetime.now(timezone.utc) + timedelta(seconds=2)
        self.scheduler.create_schedule(**self.schedule("rate(1 hour)", StartDate=start))
        self.assertEqual(self.fired(), 0)
        self.eventually(lambda: self.fired() == 1, "the first firing")

    def test_times_that_have_passed_are_refused_at_an_update(self) -> None:
        self.scheduler.create_schedule(**self.schedule(PAST))
        self.refused("ValidationException", self.scheduler.update_schedule, **self.schedule(PAST))
        ended = datetime.now(timezone.utc) - timedelta(minutes=1)
        self.refused("ValidationException", self.scheduler.update_schedule, **self.schedule("rate(1 hour)", EndDate=ended))
        self.settings(refusePastTimes=1)
        self.refused("ValidationException", self.scheduler.create_schedule, **self.schedule(PAST, Name="t"))


if __name__ == "__main__":
    unittest.main()
