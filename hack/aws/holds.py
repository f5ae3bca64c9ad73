"""Kill points: from an exact write on, the operator hears nothing any more, so that it can be killed right there."""

import asyncio
import contextlib

from settings import BadRequest


class Hold:
    """Counts the operator's writes in one account, one at a time, and holds everything after the last one wanted."""

    def __init__(self, after_writes):
        if not isinstance(after_writes, int) or isinstance(after_writes, bool) or after_writes < 0:
            raise BadRequest(f"afterWrites must be a whole number of at least 0, not {after_writes!r}")
        self.writes = 0
        """Writes that were carried out with success."""
        self._after = after_writes
        self._turn = asyncio.Lock()
        self._ended = asyncio.Event()

    @property
    def holding(self):
        return self.writes >= self._after and not self._ended.is_set()

    def end(self):
        """Lets later calls through; those held are to be hung up on."""
        self._ended.set()

    async def pass_on(self, write, carry_out):
        """The call's answer; None where there is to be none, carried out (the last write) or not (what follows it)."""
        # Two writes at once could both be carried out before the first was counted.
        async with self._turn if write else contextlib.nullcontext():
            if self.holding:
                return None
            answer = await carry_out()
            self.writes += write and answer.succeeded
            return None if self.holding else answer

    async def wait(self, receive):
        """Returns when the caller has gone, or the hold has ended."""
        waits = [asyncio.ensure_future(self._ended.wait()), asyncio.ensure_future(_gone(receive))]
        await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        for pending in waits:
            pending.cancel()


class Holds:
    """The hold of each account that has one."""

    def __init__(self):
        self._holds = {}

    def begin(self, account, after_writes):
        """Begins to count; a hold that was there ends."""
        hold = Hold(after_writes)
        self.end(account)
        self._holds[account] = hold

    def end(self, account):
        if account in self._holds:
            self._holds.pop(account).end()

    def of(self, account):
        return self._holds.get(account)

    def state(self, account):
        hold = self.of(account)
        return {"writes": hold.writes if hold else 0, "holding": bool(hold and hold.holding)}


async def _gone(receive):
    while (await receive())["type"] != "http.disconnect":
        pass
