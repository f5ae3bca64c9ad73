from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

from ..testing import StrictTest

SLOW = "import time\n\n\ndef handler(event, context):\n    time.sleep(2)\n    return 1\n"


class RoomTest(StrictTest):
    def test_an_account_without_room_refuses_an_invocation(self) -> None:
        self.settings(maxInvocations=1)
        self.function("slow", self.role("r", "lambda"), SLOW)
        with ThreadPoolExecutor() as pool:
            answers = list(pool.map(lambda _: self.invoked(), range(2)))
        self.assertEqual(sorted(answers), ["1", "TooManyRequestsException"])
        self.assertEqual(self.invoked(), "1", "there is room again")

    def invoked(self) -> str:
        """What the function returned, or the code that its invocation was refused with."""
        lambda_ = self.client("lambda")
        try:
            return str(lambda_.invoke(FunctionName="slow")["Payload"].read().decode())
        except lambda_.exceptions.ClientError as error:
            return str(error.response["Error"]["Code"])
