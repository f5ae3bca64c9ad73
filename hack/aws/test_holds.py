import threading
import unittest
import urllib.error

from botocore.exceptions import ConnectionClosedError, ReadTimeoutError

from server import StrictTest


class HoldTest(StrictTest):
    def setUp(self):
        super().setUp()
        self.sqs = self.client("sqs")
        self.control("DELETE", "calls")

    def queues(self):
        """The queues there are, by the log: asking would be held."""
        return [call["resource"] for call in self.calls(operation="CreateQueue", status=200)]

    def create(self, name, ended):
        try:
            self.client("sqs").create_queue(QueueName=name)
            ended.append(f"{name} answered")
        except (ConnectionClosedError, ReadTimeoutError):
            ended.append(f"{name} hung up")

    def test_after_the_last_write_wanted_nothing_is_answered_or_carried_out(self):
        self.control("POST", "hold", {"afterWrites": 2})
        self.sqs.create_queue(QueueName="first")
        self.sqs.list_queues()
        self.assertEqual(self.control("GET", "hold"), {"writes": 1, "holding": False})
        ended = []
        threads = [threading.Thread(target=self.create, args=(name, ended)) for name in ("second", "third")]
        for thread in threads:
            thread.start()
        self.eventually(lambda: self.control("GET", "hold")["holding"], "the hold")
        self.assertEqual(self.control("GET", "hold"), {"writes": 2, "holding": True})
        self.control("DELETE", "hold")
        for thread in threads:
            thread.join()
        self.assertEqual(sorted(ended), ["second hung up", "third hung up"])
        self.assertEqual(len(self.queues()), 2)
        self.assertEqual(len(self.sqs.list_queues()["QueueUrls"]), 2)

    def test_a_caller_that_goes_away_takes_its_held_call_along(self):
        self.control("POST", "hold", {"afterWrites": 0})
        impatient = self.client("sqs", timeout=0.2)
        with self.assertRaises(ReadTimeoutError):
            impatient.create_queue(QueueName="never")
        self.control("DELETE", "hold")
        self.assertEqual(self.sqs.list_queues().get("QueueUrls", []), [])

    def test_a_refused_write_does_not_count(self):
        self.control("POST", "hold", {"afterWrites": 1})
        self.refused("NonExistentQueue", self.sqs.delete_queue, QueueUrl=f"http://localhost/{self.account}/none")
        self.assertEqual(self.control("GET", "hold"), {"writes": 0, "holding": False})

    def test_nonsense_is_refused(self):
        for wrong in (-1, "two", None, True):
            with self.subTest(wrong), self.assertRaises(urllib.error.HTTPError):
                self.control("POST", "hold", {"afterWrites": wrong})


if __name__ == "__main__":
    unittest.main()
