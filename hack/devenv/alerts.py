"""The chart's alerts: each has a page, and tests in which it fires and does not."""

from __future__ import annotations

import re
import shutil
import tempfile
import textwrap
from collections.abc import Iterable, Iterator
from pathlib import Path

from . import chart, paths, tools
from .console import Failure

TESTS = paths.CHART / "tests" / "alerts.promtool.yaml"
LIST = paths.ROOT / "docs" / "monitoring.md"
RUNBOOKS = paths.ROOT / "docs" / "runbooks"
SECTIONS = ("**Meaning.**", "**Impact.**", "## Diagnosis", "## Mitigation")


def check() -> None:
    """Fails when an alert is wrong, misses a page or a test, or does not fire when it should."""
    text = rules()
    names = re.findall(r"- alert: (\w+)", text)
    pages = {page.stem: page.read_text() for page in RUNBOOKS.glob("*.md")}
    problems = [*_untold(names, pages, LIST.read_text()), *_untested(names, TESTS.read_text())]
    if problems:
        raise Failure("\n".join(problems))
    with tempfile.TemporaryDirectory() as folder:
        written = Path(folder) / "rules.yaml"
        written.write_text(text)
        shutil.copy(TESTS, folder)
        chart.run(tools.promtool(), "check", "rules", "--lint=all", "--lint-fatal", written)
        chart.run(tools.promtool(), "test", "rules", Path(folder) / TESTS.name)


def rules() -> str:
    """The rules as the chart gives them to Prometheus."""
    settings = ("metrics.prometheusRule.enabled=true", "metrics.prometheusRule.runbookUrl=https://runbooks.example")
    rendered = chart.render(*settings, only="prometheusrule.yaml")
    return textwrap.dedent(rendered.split("\nspec:\n")[1])


def _untold(names: Iterable[str], pages: dict[str, str], table: str) -> Iterator[str]:
    """What is wrong with the pages, by name, of these alerts, and with the table that links to them."""
    for name in names:
        if f"](runbooks/{name}.md)" not in table:
            yield f"docs/monitoring.md does not link to runbooks/{name}.md; add a row"
    for name in sorted({*names, *pages}):
        page = pages.get(name, "")
        missing = [section for section in (f"# {name}\n", *SECTIONS) if section not in page]
        if name not in names:
            yield f"docs/runbooks/{name}.md is the page of no alert; remove it, or name it after one"
        elif missing:
            yield f"docs/runbooks/{name}.md has no {', '.join(repr(section) for section in missing)}; add it"


def _untested(names: Iterable[str], tests: str) -> Iterator[str]:
    """What the tests leave out."""
    cases = re.findall(r"alertname: (\w+),?\s+eval_time: \w+,?\s+exp_alerts: ?(\[\])?", tests)
    for name in names:
        for quiet, when in (("", "fires"), ("[]", "does not fire")):
            if (name, quiet) not in cases:
                yield f"{TESTS.relative_to(paths.ROOT)} has no case in which {name} {when}; add one"
