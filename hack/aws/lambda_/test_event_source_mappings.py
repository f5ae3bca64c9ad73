from __future__ import annotations

import unittest
from typing import Any

from ..testing import REGION, StrictTest


class MappingTest(StrictTest):
    def setUp(self) -> None:
        super().setUp()
        self.lambda_, self.sqs = self.client("lambda"), self.client("sqs")
        self.function("f", self.role("r", "lambda", policy=("sqs:*", "*")))
        self.queue = self.sqs.create_queue(QueueName="q")["QueueUrl"]
        self.queue_arn = f"arn:aws:sqs:{REGION}:{self.account}:q"

    def create(self, **params: Any) -> Any:
        return self.lambda_.create_event_source_mapping(FunctionName="f", EventSourceArn=self.queue_arn, **params)

    def state(self, uuid: str) -> Any:
        return self.lambda_.get_event_source_mapping(UUID=uuid)["State"]

    def test_it_passes_through_states_and_refuses_changes_meanwhile(self) -> None:
        self.settings(mappingSeconds=0.5)
        made = self.create()
        uuid = made["UUID"]
        self.assertEqual((made["State"], self.state(uuid)), ("Creating", "Creating"))
        self.refused("ResourceInUseException", self.lambda_.update_event_source_mapping, UUID=uuid, BatchSize=1)
        self.refused("ResourceInUseException", self.lambda_.delete_event_source_mapping, UUID=uuid)
        self.eventually(lambda: self.state(uuid) == "Enabled", "Enabled")
        self.assertEqual(self.lambda_.update_event_source_mapping(UUID=uuid, Enabled=False)["State"], "Updating")
        self.eventually(lambda: self.state(uuid) == "Disabled", "Disabled")
        self.assertEqual(self.lambda_.delete_event_source_mapping(UUID=uuid)["State"], "Deleting")
        self.assertEqual([mapping["State"] for mapping in self.lambda_.list_event_source_mappings()["EventSourceMappings"]],
                         ["Deleting"])
        self.refused("ResourceInUseException", self.lambda_.delete_event_source_mapping, UUID=uuid)
        self.refused("ResourceConflictException", self.lambda_.create_event_source_mapping, FunctionName="f",
                     EventSourceArn=self.queue_arn)
        self.eventually(lambda: not self.lambda_.list_event_source_mappings()["EventSourceMappings"], "its end")
        self.refused("ResourceNotFoundException", self.lambda_.get_event_source_mapping, UUID=uuid)

    def test_nothing_is_polled_before_it_is_enabled_or_once_it_is_deleted(self) -> None:
        self.settings(mappingSeconds=1)
        uuid = self.create()["UUID"]
        self.sqs.send_message(QueueUrl=self.queue, MessageBody="m")
        self.assertEqual(self.state(uuid), "Creating")
        self.assertFalse(self.calls(by="service", operation="ReceiveMessage"))
        self.eventually(lambda: self.calls(by="service", operation="ReceiveMessage"), "the message")
        self.lambda_.delete_event_source_mapping(UUID=uuid)
        self.control("DELETE", "calls")
        self.sqs.send_message(QueueUrl=self.queue, MessageBody="m")
        self.eventually(lambda: not self.lambda_.list_event_source_mappings()["EventSourceMappings"], "its end")
        self.assertFalse(self.calls(by="service", operation="ReceiveMessage"))

    def test_what_does_not_fit_the_queue_is_refused(self) -> None:
        self.sqs.set_queue_attributes(QueueUrl=self.queue, Attributes={"VisibilityTimeout": "2"})
        create = self.lambda_.create_event_source_mapping
        message = self.refused("InvalidParameterValueException", create, FunctionName="f", EventSourceArn=self.queue_arn)
        self.assertEqual(message, "Queue visibility timeout: 2 seconds is less than Function timeout: 3 seconds")
        self.sqs.set_queue_attributes(QueueUrl=self.queue, Attributes={"VisibilityTimeout": "3"})
        self.refused("InvalidParameterValueException", create, FunctionName="f", EventSourceArn=self.queue_arn, BatchSize=11)
        self.refused("InvalidParameterValueException", create, FunctionName="f", EventSourceArn=f"{self.queue_arn}2")
        uuid = self.create()["UUID"]
        self.sqs.set_queue_attributes(QueueUrl=self.queue, Attributes={"VisibilityTimeout": "2"})
        self.refused("InvalidParameterValueException", self.lambda_.update_event_source_mapping, UUID=uuid, BatchSize=5)

    def test_what_is_not_there_is_a_wrong_parameter(self) -> None:
        message = self.refused("InvalidParameterValueException", self.lambda_.create_event_source_mapping, FunctionName="none",
                               EventSourceArn=self.queue_arn)
        self.assertEqual(message, "Function does not exist")
        self.settings(newQueueSeconds=0.5)
        self.sqs.create_queue(QueueName="new")
        message = self.refused("InvalidParameterValueException", self.lambda_.create_event_source_mapping, FunctionName="f",
                               EventSourceArn=f"arn:aws:sqs:{REGION}:{self.account}:new")
        self.assertIn("SQS Error Code: AWS.SimpleQueueService.NonExistentQueue.", message)

    def test_a_second_one_names_the_first(self) -> None:
        uuid = self.create()["UUID"]
        message = self.refused("ResourceConflictException", self.lambda_.create_event_source_mapping, FunctionName="f",
                               EventSourceArn=self.queue_arn)
        self.assertEqual(message, f'An event source mapping with SQS arn (" {self.queue_arn} ") and function (" f ") already '
                         f"exists. Please update or delete the existing mapping with UUID {uuid}")

    def test_a_role_without_permission_is_named_by_the_action(self) -> None:
        self.client("iam").put_role_policy(RoleName="r", PolicyName="p", PolicyDocument=self.document("sqs:ReceiveMessage", "*"))
        message = self.refused("InvalidParameterValueException", self.lambda_.create_event_source_mapping, FunctionName="f",
                               EventSourceArn=self.queue_arn)
        self.assertEqual(message, "The provided execution role does not have permissions to call DeleteMessage on SQS")


if __name__ == "__main__":
    unittest.main()
