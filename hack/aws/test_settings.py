import unittest

from settings import BadRequest, Settings, State, is_write


def call(**changed):
    return {"account": "111111111111", "service": "sqs", "operation": "CreateQueue", "by": "operator", **changed}


class SettingsTest(unittest.TestCase):
    def test_an_account_has_its_own_and_follows_the_defaults_in_the_rest(self):
        state = State()
        state.set("111111111111", {"roleDelaySeconds": 8})
        state.set("", {"pendingSeconds": 3})
        self.assertEqual(state.settings("111111111111"), Settings(roleDelaySeconds=8, pendingSeconds=3))
        self.assertEqual(state.settings("222222222222"), Settings(pendingSeconds=3))

    def test_the_environment_gives_the_defaults(self):
        given = {"STRICT_ROLE_DELAY_SECONDS": "0", "STRICT_LATENCY_MS": "30", "PATH": "/bin"}
        self.assertEqual(Settings.from_environment(given), Settings(roleDelaySeconds=0, latencyMs=30))

    def test_nonsense_is_refused_and_changes_nothing(self):
        state = State()
        for changes in ({"roleDelay": 1}, {"latencyMs": -1}, {"latencyMs": "soon"}, {"latencyMs": float("nan")}):
            with self.subTest(changes), self.assertRaises(BadRequest):
                state.set("111111111111", changes)
        self.assertEqual(state.settings("111111111111"), Settings())


class FaultTest(unittest.TestCase):
    def test_a_fault_hits_the_calls_it_names_and_no_more_than_it_counts(self):
        state = State()
        state.add_fault({"service": "sqs", "operation": "CreateQueue", "status": 503, "error": "Busy", "count": 2})
        self.assertIsNone(state.take_fault(call(operation="DeleteQueue")))
        self.assertEqual([bool(state.take_fault(call())) for _ in range(3)], [True, True, False])

    def test_a_lasting_fault_is_cleared_for_its_account(self):
        state = State()
        state.add_fault({"account": "111111111111", "status": 403, "error": "AccessDenied", "count": -1})
        self.assertIsNone(state.take_fault(call(account="222222222222")))
        self.assertEqual([bool(state.take_fault(call())) for _ in range(3)], [True] * 3)
        state.clear_faults("111111111111")
        self.assertIsNone(state.take_fault(call()))

    def test_nonsense_is_refused(self):
        for given in ({"status": 200, "error": "OK"}, {"status": 500}, {"operations": "x"}, {"delayMs": -1}):
            with self.subTest(given), self.assertRaises(BadRequest):
                State().add_fault(given)


class CallTest(unittest.TestCase):
    def test_calls_are_kept_by_account(self):
        state = State()
        for account in ("111111111111", "222222222222", "111111111111"):
            state.record(call(account=account))
        self.assertEqual([len(state.calls(account)) for account in ("111111111111", "222222222222", "")], [2, 1, 3])
        state.clear_calls("111111111111")
        self.assertEqual(len(state.calls("")), 1)

    def test_reads_are_told_from_writes(self):
        self.assertEqual([is_write(name) for name in ("GetFunction", "ListQueues", "DescribeLogGroups", "ReceiveMessage")],
                         [False] * 4)
        self.assertEqual([is_write(name) for name in ("CreateRole", "PutRolePolicy", "DeleteQueue", "TagQueue")], [True] * 4)


if __name__ == "__main__":
    unittest.main()
