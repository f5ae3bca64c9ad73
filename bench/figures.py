"""Figures with their limits: statistics, verdicts, the table and the JSON."""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

HEADINGS = ("figure", "ours", "limit", "verdict", "ACK")
RIGHT = {"ours", "limit"}


@dataclass(frozen=True)
class Figure:
    """One measured quantity: its samples, and what it may be at most."""

    name: str
    samples: Sequence[float]
    unit: str = ""
    limit: float | None = None
    """None where the figure is for information."""
    ack: str = ""
    """The same of ACK."""
    by_worst: bool = False
    """Whether the largest sample is judged, not the median: for what must hold each time."""

    @property
    def value(self) -> float:
        """What is judged."""
        return max(self.samples) if self.by_worst else statistics.median(self.samples)

    @property
    def verdict(self) -> str:
        """`ok`, `over`, or nothing where there is no limit."""
        if self.limit is None:
            return ""
        return "ok" if self.value <= self.limit else "over"

    @property
    def ours(self) -> str:
        """The value, and the range where there is one."""
        low, high = number(min(self.samples)), number(max(self.samples))
        spread = f" ({low}–{high})" if low != high else ""
        return f"{with_unit(self.value, self.unit)}{spread}"

    def unjudged(self) -> Figure:
        """The same for information, beside nothing that it could be compared with."""
        return replace(self, limit=None, ack="")

    def cells(self) -> tuple[str, str, str, str, str]:
        """A row of the table."""
        limit = "" if self.limit is None else f"≤ {with_unit(self.limit, self.unit)}"
        return (self.name, self.ours, limit, self.verdict, self.ack)

    def as_json(self) -> dict[str, Any]:
        """All of it, for machines."""
        return {"name": self.name, "value": self.value, "unit": self.unit, "limit": self.limit, "verdict": self.verdict,
                "samples": list(self.samples), "ack": self.ack}


def number(value: float) -> str:
    """Whole numbers as they are, others with three digits that count."""
    if value == int(value):
        return str(int(value))
    return f"{value:.0f}" if value >= 100 else f"{value:.1f}" if value >= 10 else f"{value:.2f}"


def with_unit(value: float, unit: str) -> str:
    """Such as `1.52 s`; no unit, no space."""
    return f"{number(value)} {unit}".rstrip()


def table(figures: list[Figure]) -> list[str]:
    """Lines of text, columns aligned; a column without any value is left out."""
    columns = [(heading, *values) for heading, values in zip(HEADINGS, zip(*(figure.cells() for figure in figures), strict=True), strict=True)
               if any(values)]
    headings, rows = [column[0] for column in columns], zip(*columns, strict=True)
    widths = [max(map(len, column)) for column in columns]
    lines = ["  ".join(_aligned(*cell) for cell in zip(headings, row, widths, strict=True)).rstrip() for row in rows]
    return [lines[0], "  ".join("-" * width for width in widths), *lines[1:]]


def _aligned(heading: str, text: str, width: int) -> str:
    return text.rjust(width) if heading in RIGHT else text.ljust(width)


def bursts(calls: Iterable[dict[str, Any]], gap_seconds: float) -> list[list[dict[str, Any]]]:
    """Splits calls, oldest first, wherever more than `gap_seconds` lie between two."""
    groups: list[list[dict[str, Any]]] = []
    for call in calls:
        if groups and call["time"] - groups[-1][-1]["time"] <= gap_seconds:
            groups[-1].append(call)
        else:
            groups.append([call])
    return groups
