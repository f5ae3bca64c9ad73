from __future__ import annotations

import unittest
from typing import Any

from ..testing import REGION, StrictTest


class GroupTest(StrictTest):
    def setUp(self) -> None:
        super().setUp()
        self.scheduler = self.client("scheduler")
        self.scheduler.create_schedule_group(Name="g")

    def schedule(self, **changes: Any) -> dict[str, Any]:
        target = {"Arn": f"arn:aws:sqs:{REGION}:{self.account}:q", "RoleArn": self.made}
        return {"Name": "s", "GroupName": "g", "ScheduleExpression": "rate(1 day)", "State": "DISABLED",
                "FlexibleTimeWindow": {"Mode": "OFF"}, "Target": target, **changes}

    def test_one_that_is_deleted_goes_away_slowly_with_its_schedules(self) -> None:
        self.settings(groupDeletingSeconds=0.5)
        self.made = self.role("r", "scheduler")
        self.scheduler.create_schedule(**self.schedule())
        self.scheduler.delete_schedule_group(Name="g")
        self.assertEqual(self.scheduler.get_schedule_group(Name="g")["State"], "DELETING")
        self.scheduler.get_schedule(GroupName="g", Name="s")
        self.refused("ConflictException", self.scheduler.create_schedule_group, Name="g")
        self.refused("ConflictException", self.scheduler.create_schedule, **self.schedule(Name="t"))
        self.eventually(lambda: len(self.scheduler.list_schedule_groups()["ScheduleGroups"]) == 1, "its end")
        self.refused("ResourceNotFoundException", self.scheduler.get_schedule, GroupName="g", Name="s")
        self.scheduler.create_schedule_group(Name="g")

    def test_a_schedule_just_written_refuses_the_next_write(self) -> None:
        self.made = self.role("r", "scheduler")
        self.settings(scheduleConflictSeconds=0.5)
        self.scheduler.create_schedule(**self.schedule())
        self.refused("ConflictException", self.scheduler.update_schedule, **self.schedule())
        self.settings(scheduleConflictSeconds=0)
        self.scheduler.update_schedule(**self.schedule())

    def test_schedules_have_no_tags(self) -> None:
        arn = f"arn:aws:scheduler:{REGION}:{self.account}:schedule/g/s"
        self.refused("ValidationException", self.scheduler.tag_resource, ResourceArn=arn, Tags=[{"Key": "k", "Value": "v"}])

    def test_names_are_checked(self) -> None:
        self.refused("ValidationException", self.scheduler.create_schedule_group, Name="a b")


if __name__ == "__main__":
    unittest.main()
