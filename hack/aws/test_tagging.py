from __future__ import annotations

import json
import unittest
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from .testing import StrictTest

if TYPE_CHECKING:
    pass

TAG, KEY = {"aws:cloudformation:stack-name": "x"}, "aws:cloudformation:stack-name"


class ReservedTest(StrictTest):
    def resources(self, service: str,
                  boto: Any) -> Callable[..., tuple[Callable[[], Any], Callable[[], Any], Callable[[], Any]]]:
        """How to tag, untag and list the tags of a resource of a service, which is made."""
        if service == "sqs":
            url = boto("sqs").create_queue(QueueName="work")["QueueUrl"]
            return lambda aws: (lambda: aws.tag_queue(QueueUrl=url, Tags=TAG),
                                lambda: aws.untag_queue(QueueUrl=url, TagKeys=[KEY]),
                                lambda: aws.list_queue_tags(QueueUrl=url).get("Tags", {}))
        if service == "iam":
            self.role("r", "lambda")
            return lambda aws: (lambda: aws.tag_role(RoleName="r", Tags=pairs()),
                                lambda: aws.untag_role(RoleName="r", TagKeys=[KEY]),
                                lambda: aws.list_role_tags(RoleName="r")["Tags"])
        if service == "ssm":
            boto("ssm").put_parameter(Name="/p", Value="v", Type="String")
            named = {"ResourceType": "Parameter", "ResourceId": "/p"}
            return lambda aws: (lambda: aws.add_tags_to_resource(**named, Tags=pairs()),
                                lambda: aws.remove_tags_from_resource(**named, TagKeys=[KEY]),
                                lambda: aws.list_tags_for_resource(**named)["TagList"])
        if service == "logs":
            boto("logs").create_log_group(logGroupName="g")
            arn = boto("logs").describe_log_groups()["logGroups"][0]["arn"].removesuffix(":*")
            return lambda aws: (lambda: aws.tag_resource(resourceArn=arn, tags=TAG),
                                lambda: aws.untag_resource(resourceArn=arn, tagKeys=[KEY]),
                                lambda: aws.list_tags_for_resource(resourceArn=arn)["tags"])
        if service == "scheduler":
            arn = boto("scheduler").create_schedule_group(Name="g")["ScheduleGroupArn"]
            return lambda aws: (lambda: aws.tag_resource(ResourceArn=arn, Tags=pairs()),
                                lambda: aws.untag_resource(ResourceArn=arn, TagKeys=[KEY]),
                                lambda: aws.list_tags_for_resource(ResourceArn=arn)["Tags"])
        self.function("f", self.role("r", "lambda"))
        arn = boto("lambda").get_function(FunctionName="f")["Configuration"]["FunctionArn"]
        return lambda aws: (lambda: aws.tag_resource(Resource=arn, Tags=TAG),
                            lambda: aws.untag_resource(Resource=arn, TagKeys=[KEY]),
                            lambda: aws.list_tags(Resource=arn)["Tags"])

    def check(self, service: str, code: str) -> None:
        iam = self.client("iam")
        iam.create_user(UserName="u")
        iam.put_user_policy(UserName="u", PolicyName="p", PolicyDocument=self.document("*", "*"))
        key = iam.create_access_key(UserName="u")["AccessKey"]["AccessKeyId"]
        calls = self.resources(service, self.client)
        tag, untag, tags = calls(self.client(service, key))
        put, remove, _ = calls(self.client(service))
        message = self.refused_call(code, tag)
        self.assertIn("aws: prefixed tag key names", message)
        put()
        self.refused_call(code, untag)
        self.assertIn(KEY, json.dumps(tags()))
        remove()
        self.assertNotIn(KEY, json.dumps(tags()))

    def refused_call(self, code: str, call: Callable[[], Any]) -> str:
        with self.assertRaises(ClientError) as raised:
            call()
        error: dict[str, str] = raised.exception.response["Error"]
        self.assertEqual(error["Code"].rsplit(".", 1)[-1], code, error.get("Message"))
        return error["Message"]

    def test_queues(self) -> None:
        self.check("sqs", "InvalidParameterValue")

    def test_roles(self) -> None:
        self.check("iam", "InvalidInput")

    def test_parameters(self) -> None:
        self.check("ssm", "ValidationException")

    def test_log_groups(self) -> None:
        self.check("logs", "InvalidParameterException")

    def test_schedule_groups(self) -> None:
        self.check("scheduler", "ValidationException")

    def test_functions(self) -> None:
        self.check("lambda", "InvalidParameterValueException")


class SeveralTest(StrictTest):
    def test_several_tags_of_a_schedule_group_are_removed_at_once(self) -> None:
        scheduler = self.client("scheduler")
        arn = scheduler.create_schedule_group(Name="g", Tags=pairs({"a": "1", "b": "2", "c": "3"}))["ScheduleGroupArn"]
        scheduler.untag_resource(ResourceArn=arn, TagKeys=["a", "b"])
        self.assertEqual(scheduler.list_tags_for_resource(ResourceArn=arn)["Tags"], pairs({"c": "3"}))
        scheduler.untag_resource(ResourceArn=arn, TagKeys=["c"])
        self.assertEqual(scheduler.list_tags_for_resource(ResourceArn=arn)["Tags"], [])

    def test_several_tags_of_a_function_are_removed_at_once(self) -> None:
        self.function("f", self.role("r", "lambda"), Tags={"a": "1", "b": "2", "c": "3"})
        client = self.client("lambda")
        arn = client.get_function(FunctionName="f")["Configuration"]["FunctionArn"]
        client.untag_resource(Resource=arn, TagKeys=["a", "b"])
        self.assertEqual(client.list_tags(Resource=arn)["Tags"], {"c": "3"})


def pairs(tags: Any = TAG) -> list[dict[str, Any]]:
    return [{"Key": key, "Value": value} for key, value in tags.items()]


if __name__ == "__main__":
    unittest.main()
