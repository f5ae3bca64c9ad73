"""Request rates, quotas, and what SSM and Logs refuse."""

from __future__ import annotations

import unittest
from typing import TYPE_CHECKING, Any

from .rate_limits import Bucket
from .testing import REGION, StrictTest, trust

if TYPE_CHECKING:
    from .records import Record


class RateTest(StrictTest):
    def test_each_service_throttles_with_its_own_error(self) -> None:
        for service, operation, params, code, rate in (
            ("lambda", "list_functions", {}, "TooManyRequestsException", 15),
            ("lambda", "get_function", {"FunctionName": "none"}, "TooManyRequestsException", 100),
            ("iam", "list_roles", {}, "Throttling", 15),
            ("iam", "delete_role", {"RoleName": "none"}, "Throttling", 8),
            ("logs", "describe_log_groups", {}, "ThrottlingException", 10),
            ("logs", "put_retention_policy", {"logGroupName": "none", "retentionInDays": 1}, "ThrottlingException", 5),
            ("scheduler", "list_schedule_groups", {}, "ThrottlingException", 10),
            ("scheduler", "list_schedules", {}, "ThrottlingException", 250),
            ("ssm", "get_parameter", {"Name": "none"}, "ThrottlingException", 40),
            ("resourcegroupstaggingapi", "get_resources", {}, "ThrottledException", 15),
        ):
            with self.subTest(f"{service} {operation}"):
                # So slow that a second call comes too early, however busy the machine is.
                self.settings(rateLimit=0.001 / rate)
                call = getattr(self.client(service), operation)
                self.assertNotEqual(self.code(call, params), code)
                self.assertEqual(self.code(call, params), code)

    @staticmethod
    def code(call: Any, params: Record) -> str:
        try:
            call(**params)
        except call.__self__.exceptions.ClientError as error:
            return str(error.response["Error"]["Code"])
        return ""

    def test_tokens_come_back_at_the_rate(self) -> None:
        bucket = Bucket(rate=4, at=100)
        self.assertEqual([bucket.take(100) for _ in range(5)], [True] * 4 + [False])
        self.assertEqual([bucket.take(100.5) for _ in range(3)], [True, True, False])
        self.assertEqual(sum(bucket.take(200) for _ in range(9)), 4)

    def test_nothing_is_throttled_unless_asked_for(self) -> None:
        awslambda = self.client("lambda")
        for _ in range(40):
            awslambda.list_functions()


class QuotaTest(StrictTest):
    def test_quotas_are_answered_with_aws_s_codes(self) -> None:
        role, scheduler_role = self.role("r", "lambda"), self.role("s", "scheduler")
        self.function("f", role)
        scheduler, ssm = self.client("scheduler"), self.client("ssm")
        scheduler.create_schedule_group(Name="g")
        ssm.put_parameter(Name="/a", Value="v", Type="String")
        schedule = {"GroupName": "g", "ScheduleExpression": "rate(1 day)", "FlexibleTimeWindow": {"Mode": "OFF"}, "State": "DISABLED",
                    "Target": {"Arn": f"arn:aws:sqs:{REGION}:{self.account}:q", "RoleArn": scheduler_role}}
        scheduler.create_schedule(Name="s", **schedule)
        self.settings(maxRoles=2, maxCodeBytes=1, maxScheduleGroups=2, maxSchedules=1, maxParameters=1)
        message = self.refused("LimitExceeded", self.client("iam").create_role, RoleName="t",
                               AssumeRolePolicyDocument=trust("lambda.amazonaws.com"))
        self.assertEqual(message, "Cannot exceed quota for RolesPerAccount: 2")
        self.refused("CodeStorageExceededException", self.client("lambda").update_function_code, FunctionName="f", ZipFile=b"zip")
        self.refused("ServiceQuotaExceededException", scheduler.create_schedule_group, Name="h")
        self.refused("ServiceQuotaExceededException", scheduler.create_schedule, Name="t", **schedule)
        self.refused("ConflictException", scheduler.create_schedule_group, Name="g")
        self.refused("ParameterLimitExceeded", ssm.put_parameter, Name="/b", Value="v", Type="String")
        ssm.put_parameter(Name="/a", Value="w", Type="String", Overwrite=True)


class ParameterTest(StrictTest):
    def setUp(self) -> None:
        super().setUp()
        self.ssm = self.client("ssm")

    def test_what_ssm_refuses(self) -> None:
        for name, value in (("a b", "v"), ("a/b", "v"), ("/a", "v" * 4097), ("/aws/x", "v")):
            with self.subTest(name):
                code = "AccessDeniedException" if name == "/aws/x" else "ValidationException"
                self.refused(code, self.ssm.put_parameter, Name=name, Value=value, Type="String")
        self.refused("HierarchyLevelLimitExceededException", self.ssm.put_parameter, Name="/a" * 16, Value="v", Type="String")

    def test_an_advanced_parameter_stays_one(self) -> None:
        self.ssm.put_parameter(Name="/a", Value="v", Type="String", Tier="Advanced")
        message = self.refused("ValidationException", self.ssm.put_parameter, Name="/a", Value="w", Type="String", Tier="Standard",
                               Overwrite=True)
        self.assertIn("You can't downgrade a parameter", message)
        self.assertEqual(self.ssm.put_parameter(Name="/a", Value="w", Type="String", Overwrite=True)["Tier"], "Advanced")

    def test_a_deleted_name_rests(self) -> None:
        self.settings(parameterNameSeconds=30)
        self.ssm.put_parameter(Name="/a", Value="v", Type="String")
        self.ssm.delete_parameter(Name="/a")
        self.refused("ParameterAlreadyExists", self.ssm.put_parameter, Name="/a", Value="v", Type="String")
        self.settings(parameterNameSeconds=0)
        self.ssm.put_parameter(Name="/a", Value="v", Type="String")

    def test_what_logs_refuses(self) -> None:
        logs = self.client("logs")
        self.refused("InvalidParameterException", logs.create_log_group, logGroupName="a b")
        logs.create_log_group(logGroupName="/a")
        self.refused("ResourceAlreadyExistsException", logs.create_log_group, logGroupName="/a")
        self.refused("InvalidParameterException", logs.put_retention_policy, logGroupName="/a", retentionInDays=2)
        message = self.refused("InvalidParameterException", logs.create_log_group, logGroupName="/" * 513)
        self.assertEqual(message, "Invalid LogGroup or LogStream, both must have length less than or equal to 512.")
        arn = f"arn:aws:logs:{REGION}:{self.account}:log-group:/a"
        self.assertEqual(logs.list_tags_for_resource(resourceArn=arn)["tags"], {})
        message = self.refused("ValidationException", logs.list_tags_for_resource, resourceArn=f"{arn}:*")
        self.assertEqual(message, "Invalid resourceArn")

    def test_a_protected_log_group_is_not_deleted(self) -> None:
        logs = self.client("logs")
        logs.create_log_group(logGroupName="/a")
        [group] = logs.describe_log_groups()["logGroups"]
        self.assertIs(group["deletionProtectionEnabled"], False)
        logs.put_log_group_deletion_protection(logGroupIdentifier="/a", deletionProtectionEnabled=True)
        [group] = logs.describe_log_groups()["logGroups"]
        self.assertIs(group["deletionProtectionEnabled"], True)
        self.refused("ValidationException", logs.delete_log_group, logGroupName="/a")
        logs.put_log_group_deletion_protection(logGroupIdentifier="/a", deletionProtectionEnabled=False)
        logs.delete_log_group(logGroupName="/a")


if __name__ == "__main__":
    unittest.main()
