"""What was measured, and which scenarios failed."""

from __future__ import annotations

import traceback
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from devenv.console import Failure, note

if TYPE_CHECKING:
    from figures import Figure


@dataclass(frozen=True)
class FailedScenario:
    """A scenario that gave no figures, and why."""

    section: str
    name: str
    reason: str


class Results:
    """The figures by section, and the failures; both in the order in which they came."""

    def __init__(self, judged: bool) -> None:
        self.judged = judged
        self.sections: dict[str, list[Figure]] = {}
        self.failures: list[FailedScenario] = []

    def measure(self, section: str, name: str, scenario: Callable[[], list[Figure]]) -> None:
        """Keeps the figures that `scenario()` returns. Where it raises an error that is recorded instead, so that the
        other scenarios still run; an interruption is passed on."""
        note(f"{section}: {name}")
        try:
            figures = scenario()
        except Exception as error:
            self.failures.append(FailedScenario(section, name, _reason(error)))
            note(f"{section}: {name} failed; the other scenarios still run")
        else:
            self.sections.setdefault(section, []).extend(
                figure if self.judged else figure.unjudged() for figure in figures)

    def check(self) -> None:
        """Raises a Failure if a scenario failed."""
        if self.failures:
            names = ", ".join(f"{failed.name} ({failed.section})" for failed in self.failures)
            raise Failure(f"{len(self.failures)} of the scenarios failed: {names}")

    def as_json(self) -> dict[str, Any]:
        """All of it, for machines."""
        sections = {title: [figure.as_json() for figure in figures] for title, figures in self.sections.items()}
        return {"sections": sections, "failures": [asdict(failed) for failed in self.failures]}


def _reason(error: BaseException) -> str:
    """What a Failure says; of any other error also where it was raised, as nobody foresaw it."""
    return str(error) if isinstance(error, Failure) else "".join(traceback.format_exception(error)).strip()
