from __future__ import annotations

import unittest
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ConnectionClosedError

from .calls import Call
from .faults import Faults
from .settings import BadRequest
from .testing import StrictTest

if TYPE_CHECKING:
    from .records import Record


def call(operation: str = "CreateQueue", account: str = "111111111111", **params: Any) -> Call:
    return Call(account=account, region="eu-central-1", service="sqs", operation=operation, params=params, key="", host="", by="operator")


class RuleTest(unittest.TestCase):
    def hits(self, rule: Record, calls: list[Call]) -> list[bool]:
        faults = Faults()
        faults.add(rule)
        return [bool(faults.take(each)) for each in calls]

    def test_it_hits_the_calls_it_names_and_no_more_than_it_counts(self) -> None:
        rule = {"service": "sqs", "operation": "CreateQueue", "status": 503, "error": "Busy", "count": 2}
        self.assertEqual(self.hits(rule, [call("DeleteQueue"), call(), call(), call()]), [False, True, True, False])

    def test_it_lets_the_first_through(self) -> None:
        rule = {"status": 503, "error": "Busy", "skip": 2}
        self.assertEqual(self.hits(rule, [call()] * 4), [False, False, True, False])

    def test_it_tells_writes_from_reads(self) -> None:
        calls = [call("CreateQueue"), call("GetQueueAttributes")]
        self.assertEqual(self.hits({"effect": "drop", "write": True, "count": -1}, calls), [True, False])
        self.assertEqual(self.hits({"effect": "drop", "write": False, "count": -1}, calls), [False, True])

    def test_it_names_a_resource(self) -> None:
        self.assertEqual(self.hits({"effect": "drop", "resource": "b"}, [call(QueueName="a"), call(QueueName="b")]),
                         [False, True])

    def test_the_same_seed_hits_the_same_calls(self) -> None:
        rule = {"effect": "drop", "probability": 0.3, "seed": 7, "count": -1}
        hits = self.hits(rule, [call()] * 1000)
        self.assertEqual(hits, self.hits(rule, [call()] * 1000))
        self.assertNotEqual(hits, self.hits({**rule, "seed": 8}, [call()] * 1000))
        self.assertTrue(200 < sum(hits) < 400, sum(hits))

    def test_a_call_that_one_rule_spares_may_meet_the_next(self) -> None:
        faults = Faults()
        faults.add({"effect": "drop", "probability": 0, "count": -1})
        faults.add({"effect": "lose", "count": -1})
        hit = faults.take(call())
        self.assertEqual(hit and hit.effect, "lose")

    def test_a_lasting_rule_is_cleared_for_its_account(self) -> None:
        faults = Faults()
        faults.add({"account": "111111111111", "status": 403, "error": "AccessDenied", "count": -1})
        self.assertIsNone(faults.take(call(account="222222222222")))
        self.assertEqual([bool(faults.take(call())) for _ in range(3)], [True] * 3)
        faults.clear("111111111111")
        self.assertIsNone(faults.take(call()))

    def test_nonsense_is_refused(self) -> None:
        for given in ({"status": 200, "error": "OK"}, {"status": 500}, {"operations": "x"}, {"delayMs": -1},
                      {"effect": "explode"}, {"probability": 2}, {"skip": -1}, {"effect": "drop", "status": 500, "error": "X"}):
            with self.subTest(given), self.assertRaises(BadRequest):
                Faults().add(given)


class EffectTest(StrictTest):
    def test_a_dropped_call_is_not_carried_out(self) -> None:
        self.fault(effect="drop", operation="CreateQueue")
        sqs = self.client("sqs")
        with self.assertRaises(ConnectionClosedError):
            sqs.create_queue(QueueName="work")
        self.assertEqual(sqs.list_queues().get("QueueUrls", []), [])
        [logged] = self.calls(operation="CreateQueue")
        self.assertEqual((logged["status"], logged["effect"], logged["resource"]), (0, "drop", "work"))

    def test_a_lost_answer_is_of_a_call_that_was_carried_out(self) -> None:
        self.fault(effect="lose", write=True)
        sqs = self.client("sqs")
        with self.assertRaises(ConnectionClosedError):
            sqs.create_queue(QueueName="work")
        self.assertEqual(len(sqs.list_queues()["QueueUrls"]), 1)
        [logged] = self.calls(operation="CreateQueue")
        self.assertEqual((logged["status"], logged["effect"]), (200, "lose"))

    def test_an_answer_is_in_the_service_s_protocol(self) -> None:
        for service, operation in (("iam", "list_roles"), ("sqs", "list_queues"), ("lambda", "list_functions"),
                                   ("scheduler", "list_schedules"), ("ssm", "describe_parameters"),
                                   ("logs", "describe_log_groups"), ("resourcegroupstaggingapi", "get_resources")):
            with self.subTest(service):
                self.fault(status=400, error="Throttled<&>", message="slow <down>")
                self.assertEqual(self.refused("Throttled<&>", getattr(self.client(service), operation)), "slow <down>")


if __name__ == "__main__":
    unittest.main()
