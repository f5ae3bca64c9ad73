import threading
import unittest
import urllib.error

from botocore.exceptions import ConnectionClosedError, ReadTimeoutError

from server import StrictTest


class HoldTest(StrictTest):
    def setUp(self):
        super().setUp()
        self.sqs = self.client("sqs")

    def test_after_the_last_write_wanted_nothing_is_answered_or_carried_out(self):
        self.control("POST", "hold", {"afterWrites": 2})
        self.sqs.create_queue(QueueName="first")
        self.sqs.list_queues()
        self.assertEqual(self.control("GET", "hold"), {"writes": 1, "holding": False})
        ended = []

        def create_second():
            try:
                self.client("sqs").create_queue(QueueName="second")
            except ConnectionClosedError as error:
                ended.append(error)

        second = threading.Thread(target=create_second)
        second.start()
        self.eventually(lambda: self.control("GET", "hold")["holding"], "the hold")
        with self.assertRaises(ReadTimeoutError):
            self.client("sqs", timeout=0.2).create_queue(QueueName="third")
        with self.assertRaises(ReadTimeoutError):
            self.client("sqs", timeout=0.2).list_queues()
        self.assertEqual(self.control("GET", "hold"), {"writes": 2, "holding": True})
        self.assertFalse(ended, "the last write is not answered")
        self.control("DELETE", "hold")
        second.join()
        self.assertEqual(len(ended), 1)
        names = {url.rsplit("/", 1)[-1] for url in self.sqs.list_queues()["QueueUrls"]}
        self.assertEqual(names, {"first", "second"})

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
