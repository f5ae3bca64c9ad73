from __future__ import annotations

import json
import unittest
from typing import Any

from .testing import REGION, StrictTest


class RoleCallsTest(StrictTest):
    """What AWS does in a role's place needs that role's permissions."""

    POLLING = ("sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes")

    def setUp(self) -> None:
        super().setUp()
        self.sqs, self.lambda_, self.iam = self.client("sqs"), self.client("lambda"), self.client("iam")
        self.queue = self.sqs.create_queue(QueueName="q")["QueueUrl"]
        self.queue_arn = f"arn:aws:sqs:{REGION}:{self.account}:q"
        self.settings(mappingSeconds=0)

    def grant(self, actions: Any, role: str = "r") -> None:
        self.iam.put_role_policy(RoleName=role, PolicyName="p", PolicyDocument=self.document(actions, "*"))

    def left(self) -> int:
        attributes = self.sqs.get_queue_attributes(QueueUrl=self.queue, AttributeNames=["All"])["Attributes"]
        return int(attributes["ApproximateNumberOfMessages"]) + int(attributes["ApproximateNumberOfMessagesNotVisible"])

    def test_a_mapping_polls_while_its_role_may(self) -> None:
        self.function("f", self.role("r", "lambda", policy=(self.POLLING, "*")))
        uuid = self.lambda_.create_event_source_mapping(FunctionName="f", EventSourceArn=self.queue_arn)["UUID"]
        self.sqs.send_message(QueueUrl=self.queue, MessageBody="m")
        self.eventually(lambda: self.left() == 0, "the first message's end")
        used = {action for call in self.calls(by="service", status=200) for action, _ in call["actions"]}
        self.assertTrue(set(self.POLLING) <= used, used)
        self.grant("sqs:ReceiveMessage")
        self.sqs.send_message(QueueUrl=self.queue, MessageBody="m")
        self.eventually(lambda: "PROBLEM" in self.lambda_.get_event_source_mapping(UUID=uuid)["LastProcessingResult"], "the problem")
        self.assertEqual(self.left(), 1)
        self.grant(self.POLLING)
        self.eventually(lambda: self.left() == 0, "the second message's end")

    def test_logs_are_written_by_the_role_and_a_group_that_is_gone_stays_gone(self) -> None:
        logs = self.client("logs")

        def streams() -> Any:
            groups = logs.describe_log_groups()["logGroups"]
            return groups and logs.describe_log_streams(logGroupName="/aws/lambda/f")["logStreams"]

        self.function("f", self.role("r", "lambda"))
        logs.create_log_group(logGroupName="/aws/lambda/f")
        self.lambda_.invoke(FunctionName="f")
        self.assertEqual(streams(), [])
        self.grant(["logs:CreateLogStream", "logs:PutLogEvents"])
        self.lambda_.invoke(FunctionName="f")
        self.assertEqual(len(streams()), 1)
        logs.delete_log_group(logGroupName="/aws/lambda/f")
        self.lambda_.invoke(FunctionName="f")
        self.assertEqual(logs.describe_log_groups()["logGroups"], [])
        self.grant("logs:*")
        self.lambda_.invoke(FunctionName="f")
        self.assertEqual(len(logs.describe_log_groups()["logGroups"]), 1)

    def test_what_failed_is_handed_on_by_the_role(self) -> None:
        self.function("f", self.role("r", "lambda", policy=("sqs:SendMessage", "*")), code="def handler(event, context):\n    raise ValueError\n")
        self.lambda_.put_function_event_invoke_config(FunctionName="f", MaximumRetryAttempts=0,
                                                      DestinationConfig={"OnFailure": {"Destination": self.queue_arn}})
        self.lambda_.invoke(FunctionName="f", InvocationType="Event")
        self.eventually(lambda: self.left() == 1, "the failure")
        self.iam.delete_role_policy(RoleName="r", PolicyName="p")
        self.lambda_.invoke(FunctionName="f", InvocationType="Event")
        self.eventually(lambda: self.calls(by="service", operation="SendMessage", status=403), "the refusal")
        self.assertEqual(self.left(), 1)

    def test_a_schedule_invokes_and_gives_up_as_its_role(self) -> None:
        self.function("f", self.role("r", "lambda"))
        role = self.role("s", "scheduler", policy=("sqs:SendMessage", "*"))
        self.client("scheduler").create_schedule(
            Name="s", ScheduleExpression="rate(1 hour)", FlexibleTimeWindow={"Mode": "OFF"},
            Target={"Arn": f"arn:aws:lambda:{REGION}:{self.account}:function:f", "RoleArn": role,
                    "RetryPolicy": {"MaximumRetryAttempts": 0}, "DeadLetterConfig": {"Arn": self.queue_arn}})
        self.eventually(lambda: self.left() == 1, "the dead letter")
        done = [(call["operation"], call["status"], call["principal"]) for call in self.calls(by="service")]
        self.assertEqual(done, [("InvokeFunction", 403, role), ("SendMessage", 200, role)])
        [message] = self.sqs.receive_message(QueueUrl=self.queue, MessageAttributeNames=["All"])["Messages"]
        self.assertEqual(message["MessageAttributes"]["ERROR_CODE"]["StringValue"], "AccessDeniedException")
        self.assertEqual(json.loads(message["Body"])["InvocationType"], "Event")


if __name__ == "__main__":
    unittest.main()
