"""List operations: AWS's page sizes, tokens and fields, and lists that lag behind single reads where that is set."""

from __future__ import annotations

import base64
import json
import time
from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ministack.core.responses import request_scope

from . import answers
from .rules import Refused, before, violated
from .state import STATE

if TYPE_CHECKING:
    from .answers import Answer
    from .calls import Call
    from .records import Response

EVERYTHING = 10 ** 9
"""More items than there ever are: asked of the emulator, whose own pages are not AWS's."""


@dataclass(frozen=True)
class Listing:
    """One list operation."""

    service: str
    operation: str
    collect: Callable[[], Iterable[tuple[str, Any]]]
    """Everything there is, as pairs of a key to go on from and an item as it is shown."""
    matches: Callable[[Call, Any], bool]
    """Whether an item, by (call, item), is among those asked for."""
    size: int
    """The most items of a page."""
    limit: str
    """The parameter that asks for smaller pages."""
    token: str
    """The parameter that asks for the next page."""
    render: Callable[[Call, list[Any], str], Answer]
    """(call, items, next token or "") to an answer."""
    default: int = 0
    """Items of a page when no limit is given; 0: `size`."""
    too_large: str = ""
    """The error of a limit above `size`; empty where AWS just gives smaller pages."""
    filters_pages: bool = False
    """Whether pages are cut before they are filtered, so that one may be short, or empty, with more to come."""
    lag: str = "listDelaySeconds"
    """The setting that says how far it is behind."""
    every_service: bool = False
    """Whether it lists what other services hold."""

    def answer(self, call: Call) -> Answer:
        """The page that a call asks for."""
        after = _decoded(call.params.get(self.token))
        size = self._page_size(call.params.get(self.limit))
        items = [pair for pair in _seen(self, call) if pair[0] > after]
        if not self.filters_pages:
            items = [pair for pair in items if self.matches(call, pair[1])]
        page = items[:size]
        token = _encoded(page[-1][0]) if len(items) > size else ""
        return self.render(call, [item for _, item in page if self.matches(call, item)], token)

    def _page_size(self, given: int | str | None) -> int:
        asked = int(given or self.default or self.size)
        if asked > self.size and self.too_large:
            raise violated(self.limit, asked, f"have value less than or equal to {self.size}", self.too_large)
        return max(1, min(asked, self.size))


_listings: list[Listing] = []
_history: dict[tuple[str, str, str], list[tuple[float, list[tuple[str, Any]]]]] = defaultdict(list)
"""The earlier contents of each list, each with the time until which it held, oldest first."""


def listed(listing: Listing, when: Callable[[Call], bool] = lambda call: True) -> None:
    """Puts a listing in front of the emulator's own, for the calls it is meant for."""
    _listings.append(listing)
    before(listing.service, listing.operation)(lambda call: listing.answer(call) if when(call) else None)


def remember(call: Call) -> None:
    """Before a write: keeps what lists return now, for calls that come before the lag is over."""
    settings = STATE.settings.of(call.account)
    for listing in _listings:
        delay = getattr(settings, listing.lag)
        if delay and (listing.every_service or listing.service == call.service):
            history = _history[_key(listing, call)]
            with request_scope(call.account, call.region):
                history.append((time.time(), list(listing.collect())))
            while history[0][0] < time.time() - delay:
                history.pop(0)


def items_of(response: Response, items: str) -> list[Any]:
    """The items of one of the emulator's own answers."""
    found: list[Any] = json.loads(response[2])[items]
    return found


def anything(_call: Call, _item: object) -> bool:
    """Matches every item."""
    return True


def as_json(items: str, token: str) -> Callable[[Call, list[Any], str], Answer]:
    """How JSON services render a page, by the names of the members for items and token."""
    def render(_call: Call, page: list[Any], following: str) -> Answer:
        return answers.of_json(200, {items: page, **({token: following} if following else {})})

    return render


def _seen(listing: Listing, call: Call) -> list[tuple[str, Any]]:
    """What a list returns now: the content of the moment that it lags behind."""
    delay = getattr(STATE.settings.of(call.account), listing.lag)
    then = time.time() - delay
    old = next((items for until, items in _history[_key(listing, call)] if until > then), None) if delay else None
    return sorted(listing.collect() if old is None else old, key=lambda pair: pair[0])


def _key(listing: Listing, call: Call) -> tuple[str, str, str]:
    return call.account, "" if listing.service == "iam" else call.region, listing.operation


def _encoded(key: str) -> str:
    return base64.urlsafe_b64encode(key.encode()).decode()


def _decoded(token: str | None) -> str:
    try:
        return base64.urlsafe_b64decode(token).decode() if token else ""
    except ValueError:
        raise Refused(400, "ValidationException", "The token is not one of ours.") from None
