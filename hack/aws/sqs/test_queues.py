from __future__ import annotations

import json
import unittest
from typing import Any

from ..testing import REGION, StrictTest


class QueueTest(StrictTest):
    def setUp(self) -> None:
        super().setUp()
        self.sqs = self.client("sqs")

    def attributes(self, url: str, *names: str) -> Any:
        return self.sqs.get_queue_attributes(QueueUrl=url, AttributeNames=names or ["All"]).get("Attributes", {})

    def test_names_and_attributes_are_checked(self) -> None:
        arn = f"arn:aws:sqs:{REGION}:{self.account}"
        self.sqs.create_queue(QueueName="dlq.fifo", Attributes={"FifoQueue": "true"})
        redrive = {key: json.dumps({"deadLetterTargetArn": f"{arn}:{key}", "maxReceiveCount": 3}) for key in ("none", "dlq.fifo")}
        for name, attributes, code in (
            ("a.b", {}, "InvalidParameterValue"),
            ("a" * 81, {}, "InvalidParameterValue"),
            ("a.fifo", {}, "InvalidParameterValue"),
            ("a", {"FifoQueue": "true"}, "InvalidParameterValue"),
            ("a", {"Colour": "red"}, "InvalidAttributeName"),
            ("a", {"ContentBasedDeduplication": "true"}, "InvalidAttributeName"),
            ("a", {"VisibilityTimeout": "43201"}, "InvalidAttributeValue"),
            ("a", {"SqsManagedSseEnabled": "yes"}, "InvalidAttributeValue"),
            ("a", {"SqsManagedSseEnabled": "true", "KmsMasterKeyId": "k"}, "InvalidAttributeName"),
            ("a", {"RedrivePolicy": redrive["none"]}, "InvalidParameterValue"),
            ("a", {"RedrivePolicy": redrive["dlq.fifo"]}, "InvalidParameterValue"),
        ):
            with self.subTest(name=name, attributes=attributes):
                self.refused(code, self.sqs.create_queue, QueueName=name, Attributes=attributes)
        url = self.sqs.create_queue(QueueName="a")["QueueUrl"]
        self.refused("InvalidAttributeName", self.sqs.set_queue_attributes, QueueUrl=url, Attributes={"FifoQueue": "true"})
        for name in ("DeduplicationScope", "FifoThroughputLimit"):
            message = self.refused("InvalidAttributeName", self.sqs.create_queue, QueueName="b", Attributes={name: "queue"})
            self.assertEqual(message, f"You can specify the {name} only when FifoQueue is set to true.")
        fifo = self.sqs.get_queue_url(QueueName="dlq.fifo")["QueueUrl"]
        message = self.refused("InvalidAttributeValue", self.sqs.set_queue_attributes, QueueUrl=fifo,
                               Attributes={"FifoQueue": "false"})
        self.assertEqual(message, "Invalid value for the parameter FifoQueue. Reason: Modifying queue type is not supported.")

    def test_a_new_queue_shows_after_a_while(self) -> None:
        self.settings(newQueueSeconds=0.5)
        url = self.sqs.create_queue(QueueName="dlq")["QueueUrl"]
        self.refused("NonExistentQueue", self.sqs.get_queue_attributes, QueueUrl=url)
        self.refused("NonExistentQueue", self.sqs.list_queue_tags, QueueUrl=url)
        policy = json.dumps({"deadLetterTargetArn": f"arn:aws:sqs:{REGION}:{self.account}:dlq", "maxReceiveCount": 3})
        message = self.refused("InvalidParameterValue", self.sqs.create_queue, QueueName="a", Attributes={"RedrivePolicy": policy})
        self.assertTrue(message.endswith("Reason: Dead letter target does not exist."), message)
        self.eventually(lambda: self.shows(url), "the queue")
        self.sqs.create_queue(QueueName="a", Attributes={"RedrivePolicy": policy})

    def shows(self, url: str) -> bool:
        try:
            self.sqs.get_queue_attributes(QueueUrl=url)
        except self.sqs.exceptions.QueueDoesNotExist:
            return False
        return True

    def test_what_was_not_asked_for_has_aws_s_defaults(self) -> None:
        url = self.sqs.create_queue(QueueName="a.fifo", Attributes={"FifoQueue": "true"})["QueueUrl"]
        found = self.attributes(url)
        self.assertEqual({key: found[key] for key in ("SqsManagedSseEnabled", "DeduplicationScope", "FifoThroughputLimit")},
                         {"SqsManagedSseEnabled": "true", "DeduplicationScope": "queue", "FifoThroughputLimit": "perQueue"})
        self.sqs.set_queue_attributes(QueueUrl=url, Attributes={"KmsMasterKeyId": "alias/k"})
        found = self.attributes(url)
        self.assertEqual((found["SqsManagedSseEnabled"], found["KmsDataKeyReusePeriodSeconds"]), ("false", "300"))
        self.assertEqual(self.attributes(url, "VisibilityTimeout"), {"VisibilityTimeout": "30"})
        self.assertNotIn("Attributes", self.sqs.get_queue_attributes(QueueUrl=url))

    def test_the_same_queue_may_be_made_again_and_another_of_its_name_not(self) -> None:
        self.sqs.create_queue(QueueName="a", Attributes={"VisibilityTimeout": "60"})
        self.sqs.create_queue(QueueName="a", Attributes={"VisibilityTimeout": "60"})
        self.sqs.create_queue(QueueName="a")
        for attributes in ({"VisibilityTimeout": "61"}, {"KmsMasterKeyId": "k"}):
            self.refused("QueueAlreadyExists", self.sqs.create_queue, QueueName="a", Attributes=attributes)

    def test_a_message_of_a_moment_ago_is_not_counted(self) -> None:
        url = self.sqs.create_queue(QueueName="a")["QueueUrl"]
        self.settings(queueCountSeconds=0.5)
        self.sqs.send_message(QueueUrl=url, MessageBody="a")
        self.assertEqual(self.attributes(url)["ApproximateNumberOfMessages"], "0")
        self.eventually(lambda: self.attributes(url)["ApproximateNumberOfMessages"] == "1", "its count")

    def test_a_deleted_queue_s_name_stays_taken(self) -> None:
        self.settings(queueNameSeconds=1)
        url = self.sqs.create_queue(QueueName="a")["QueueUrl"]
        self.sqs.delete_queue(QueueUrl=url)
        self.refused("QueueDeletedRecently", self.sqs.create_queue, QueueName="a")
        self.sqs.create_queue(QueueName="b")
        self.settings(queueNameSeconds=0)
        self.sqs.create_queue(QueueName="a")

    def test_a_deleted_queue_answers_for_a_while(self) -> None:
        self.settings(queueDeletingSeconds=0.5, queueNameSeconds=60)
        url = self.sqs.create_queue(QueueName="a")["QueueUrl"]
        self.sqs.delete_queue(QueueUrl=url)
        self.attributes(url)
        self.sqs.delete_queue(QueueUrl=url)
        self.refused("QueueDeletedRecently", self.sqs.create_queue, QueueName="a")
        self.eventually(lambda: not self.sqs.list_queues().get("QueueUrls"), "its end")
        self.refused("NonExistentQueue", self.sqs.get_queue_attributes, QueueUrl=url)

    def test_a_queue_is_purged_once_a_minute(self) -> None:
        url = self.sqs.create_queue(QueueName="a")["QueueUrl"]
        self.sqs.purge_queue(QueueUrl=url)
        self.refused("PurgeQueueInProgress", self.sqs.purge_queue, QueueUrl=url)

    def test_changed_attributes_show_late(self) -> None:
        self.settings(queueAttributeSeconds=1)
        url = self.sqs.create_queue(QueueName="a")["QueueUrl"]
        self.sqs.set_queue_attributes(QueueUrl=url, Attributes={"VisibilityTimeout": "60"})
        self.sqs.send_message(QueueUrl=url, MessageBody="m")
        found = self.attributes(url)
        self.assertEqual((found["VisibilityTimeout"], found["ApproximateNumberOfMessages"]), ("30", "1"))
        self.eventually(lambda: self.attributes(url)["VisibilityTimeout"] == "60", "the new attribute")

    def test_dead_letters_move_back_to_where_they_came_from(self) -> None:
        arn = f"arn:aws:sqs:{REGION}:{self.account}"
        dlq = self.sqs.create_queue(QueueName="dlq")["QueueUrl"]
        redrive = json.dumps({"deadLetterTargetArn": f"{arn}:dlq", "maxReceiveCount": 1})
        url = self.sqs.create_queue(QueueName="q", Attributes={"RedrivePolicy": redrive, "VisibilityTimeout": "0"})["QueueUrl"]
        self.assertEqual(self.sqs.list_dead_letter_source_queues(QueueUrl=dlq)["queueUrls"], [url])
        self.sqs.send_message(QueueUrl=url, MessageBody="m")
        for _ in range(2):
            self.sqs.receive_message(QueueUrl=url)
        self.assertEqual(self.attributes(dlq)["ApproximateNumberOfMessages"], "1")
        self.refused("InvalidParameterValue", self.sqs.start_message_move_task, SourceArn=f"{arn}:q")
        self.sqs.start_message_move_task(SourceArn=f"{arn}:dlq")
        [task] = self.sqs.list_message_move_tasks(SourceArn=f"{arn}:dlq")["Results"]
        self.assertEqual((task["Status"], task["ApproximateNumberOfMessagesMoved"]), ("COMPLETED", 1))
        [message] = self.sqs.receive_message(QueueUrl=url, MessageSystemAttributeNames=["All"])["Messages"]
        self.assertEqual((message["Body"], message["Attributes"]["ApproximateReceiveCount"]), ("m", "1"))


if __name__ == "__main__":
    unittest.main()
