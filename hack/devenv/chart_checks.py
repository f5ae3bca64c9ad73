"""What `make lint` checks of the chart."""

from . import alerts, chart, paths, tools
from .console import note


def check():
    """Fails when something about the chart is not as it should be."""
    for what, holds in CHECKS.items():
        note(f"chart: {what}")
        holds()


def _lint():
    chart.run(tools.helm(), "lint", "--quiet", "--strict", paths.CHART)


CHECKS = {
    "generated files": chart.check_generated,
    "helm lint": _lint,
    "alerts": alerts.check,
}
