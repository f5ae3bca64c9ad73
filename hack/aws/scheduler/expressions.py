"""The schedule expressions of EventBridge Scheduler: what is accepted, and when it fires.

Grammar: https://docs.aws.amazon.com/scheduler/latest/UserGuide/schedule-types.html
"""

from __future__ import annotations

import re
from calendar import monthrange
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta, timezone, tzinfo
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo, available_timezones

if TYPE_CHECKING:
    pass

MONTHS = {name: n for n, name in enumerate("JAN FEB MAR APR MAY JUN JUL AUG SEP OCT NOV DEC".split(), 1)}
WEEKDAYS = {name: n for n, name in enumerate("SUN MON TUE WED THU FRI SAT".split(), 1)}
RATE_UNITS = {"minute": 60, "hour": 3600, "day": 86400}
YEARS = (1970, 2199)
SEARCH_DAYS = 8 * 366  # 29 February can be eight years away (1896 to 1904, 2096 to 2104)

DayTest = Callable[[date], bool]


class InvalidExpression(ValueError):
    """The text is not an expression that Scheduler accepts."""


def time_zone(name: str) -> ZoneInfo:
    """The zone of an IANA name; `InvalidExpression` for any other text."""
    if name not in available_timezones():
        raise InvalidExpression(f"Invalid time zone {name}.")
    return ZoneInfo(name)


def parse(text: str, zone: tzinfo = timezone.utc) -> Cron | Rate | At:
    """A `Cron`, `Rate` or `At`; `InvalidExpression` names what is wrong."""
    match = re.fullmatch(r"(cron|rate|at)\((.*)\)", text, re.DOTALL)
    if not match:
        raise InvalidExpression(f"Invalid Schedule Expression {text}.")
    kind, inner = match.groups()
    kinds: dict[str, type[Cron] | type[Rate] | type[At]] = {"cron": Cron, "rate": Rate, "at": At}
    try:
        return kinds[kind].parse(inner, zone)
    except ValueError as error:
        raise InvalidExpression(f"Invalid Schedule Expression {text}. {error}") from None


@dataclass(frozen=True)
class Rate:
    """Fires every `seconds`, counted from an anchor: the start date, or the moment of creation."""

    seconds: int

    @classmethod
    def parse(cls, inner: str, _zone: tzinfo) -> Rate:
        match = re.fullmatch(r"([0-9]+) (minute|hour|day)s?", inner)
        if not match or int(match[1]) < 1:
            raise ValueError("A rate is a positive number and minutes, hours or days.")
        return cls(int(match[1]) * RATE_UNITS[match[2]])

    def next(self, after: float, anchor: float) -> float:
        """The first firing later than `after`, both in seconds since the epoch."""
        if after < anchor:
            return anchor
        return anchor + ((after - anchor) // self.seconds + 1) * self.seconds


@dataclass(frozen=True)
class At:
    """Fires once."""

    moment: float

    @classmethod
    def parse(cls, inner: str, zone: tzinfo) -> At:
        if not re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d", inner):
            raise ValueError("A single time is yyyy-mm-ddThh:mm:ss.")
        return cls(datetime.fromisoformat(inner).replace(tzinfo=zone).timestamp())

    def next(self, after: float, _anchor: float) -> float | None:
        """The moment itself while it is later than `after`, else None."""
        return self.moment if self.moment > after else None


@dataclass(frozen=True)
class Cron:
    """Fires at wall-clock times; each of `days` decides whether a date is one of its days."""

    minutes: tuple[int, ...]
    hours: tuple[int, ...]
    months: frozenset[int]
    years: frozenset[int]
    days: tuple[DayTest, ...]
    zone: tzinfo

    @classmethod
    def parse(cls, inner: str, zone: tzinfo) -> Cron:
        fields = inner.split()
        if len(fields) != 6:
            raise ValueError("cron() has six fields: minutes hours day-of-month month day-of-week year.")
        minutes, hours, of_month, month, of_week, year = (field.upper() for field in fields)
        if (of_month == "?") == (of_week == "?"):
            raise ValueError("Exactly one of day-of-month and day-of-week is ?.")
        return cls(
            minutes=tuple(sorted(_values(minutes, 0, 59))),
            hours=tuple(sorted(_values(hours, 0, 23))),
            months=frozenset(_values(month, 1, 12, MONTHS)),
            years=frozenset(_values(year, *YEARS)),
            days=_days_of_week(of_week) if of_month == "?" else _days_of_month(of_month),
            zone=zone,
        )

    def next(self, after: float, _anchor: float | None = None) -> float | None:
        """The first firing later than `after`, or None when the years are over.

        A time that the spring change leaves out does not fire; one that the autumn change repeats fires the first time.
        """
        day = datetime.fromtimestamp(after, self.zone).date()
        for _ in range(SEARCH_DAYS):
            if self._matches(day):
                for moment in self._moments(day):
                    if moment > after:
                        return moment
            if day.year >= YEARS[1] and day.month == 12 and day.day == 31:
                return None
            day += timedelta(days=1)
        return None

    def _matches(self, day: date) -> bool:
        return day.year in self.years and day.month in self.months and any(test(day) for test in self.days)

    def _moments(self, day: date) -> Iterator[float]:
        for hour in self.hours:
            for minute in self.minutes:
                wall = datetime(day.year, day.month, day.day, hour, minute)
                moment = wall.replace(tzinfo=self.zone).timestamp()
                if datetime.fromtimestamp(moment, self.zone).replace(tzinfo=None) == wall:
                    yield moment


def _number(text: str, low: int, high: int, names: dict[str, int] | None = None) -> int:
    value = (names or {}).get(text)
    if value is None:
        if not re.fullmatch(r"[0-9]+", text):
            raise ValueError(f"{text!r} is not a value of this field.")
        value = int(text)
    if not low <= value <= high:
        raise ValueError(f"{text} is not between {low} and {high}.")
    return value


def _values(field: str, low: int, high: int, names: dict[str, int] | None = None, steps: bool = True) -> set[int]:
    found: set[int] = set()
    for part in field.split(","):
        base, slash, step = part.partition("/")
        if slash and not steps:
            raise ValueError("This field takes no step.")
        width = _number(step, 1, high) if slash else 1
        first, dash, last = base.partition("-")
        if base == "*":
            start, end = low, high
        elif dash:
            start, end = _number(first, low, high, names), _number(last, low, high, names)
            if start > end:
                raise ValueError(f"The range {base} is the wrong way round.")
        else:
            start = _number(base, low, high, names)
            end = high if slash else start
        found.update(range(start, end + 1, width))
    return found


def _days_of_month(field: str) -> tuple[DayTest, ...]:
    tests: list[DayTest] = []
    plain: list[str] = []
    for part in field.split(","):
        if part == "L":
            tests.append(lambda day: day.day == _length(day))
        elif part == "LW":
            tests.append(lambda day: day.day == _nearest_weekday(day, _length(day)))
        elif part.endswith("W"):
            tests.append(_is_nearest_weekday(_number(part[:-1], 1, 31)))
        else:
            plain.append(part)
    return _with_plain(tests, plain, lambda parts: _values(parts, 1, 31), lambda day: day.day)


def _days_of_week(field: str) -> tuple[DayTest, ...]:
    tests: list[DayTest] = []
    plain: list[str] = []
    parts = field.split(",")
    for part in parts:
        if "#" in part:
            if len(parts) > 1:
                raise ValueError("With # the day-of-week field holds one entry alone.")
            name, _, nth = part.partition("#")
            tests.append(_is_nth(_number(name, 1, 7, WEEKDAYS), _number(nth, 1, 5)))
        elif part == "L":
            plain.append("7")
        elif part.endswith("L"):
            tests.append(_is_last(_number(part[:-1], 1, 7, WEEKDAYS)))
        else:
            plain.append(part)
    return _with_plain(tests, plain, lambda parts: _values(parts, 1, 7, WEEKDAYS, steps=False), _weekday)


def _with_plain(tests: list[DayTest], plain: list[str], values_of: Callable[[str], set[int]],
                of_day: Callable[[date], int]) -> tuple[DayTest, ...]:
    if plain:
        values = values_of(",".join(plain))
        tests.append(lambda day: of_day(day) in values)
    return tuple(tests)


def _is_nearest_weekday(target: int) -> DayTest:
    return lambda day: day.day == _nearest_weekday(day, target)


def _is_nth(weekday: int, week: int) -> DayTest:
    return lambda day: _weekday(day) == weekday and (day.day - 1) // 7 + 1 == week


def _is_last(weekday: int) -> DayTest:
    return lambda day: _weekday(day) == weekday and day.day + 7 > _length(day)


def _weekday(day: date) -> int:
    return day.isoweekday() % 7 + 1


def _length(day: date) -> int:
    return monthrange(day.year, day.month)[1]


def _nearest_weekday(day: date, target: int) -> int:
    target = min(target, _length(day))
    weekday = date(day.year, day.month, target).isoweekday()
    if weekday == 6:
        return target - 1 if target > 1 else target + 2
    if weekday == 7:
        return target + 1 if target < _length(day) else target - 2
    return target
