"""How much is measured: all of it, or just enough to show that every scenario works."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Sizes:
    """The parameters of the scenarios."""

    runs: int
    """How often each scenario is measured."""
    many: int
    """Pipelines that are created at once."""
    idle: int
    """Pipelines of the scenarios `idle` and `paced`. With very few, pacing delays nothing."""
    troubled: int
    """Pipelines whose calls hang."""
    role_seconds: float
    """Until a role counts, in the scenario `slow`."""
    sweep_seconds: int
    sweeps: int
    """Sweeps that are measured, after two that are not."""
    busy_pipelines: int
    busy_tasks: int
    """Tasks of each busy pipeline."""
    judged: bool
    """Whether figures have limits."""


FULL = Sizes(runs=5, many=20, idle=100, troubled=20, role_seconds=8, sweep_seconds=20, sweeps=2, busy_pipelines=10,
             busy_tasks=100, judged=True)
SHORT = Sizes(runs=1, many=3, idle=3, troubled=2, role_seconds=1, sweep_seconds=4, sweeps=1, busy_pipelines=2,
              busy_tasks=10, judged=False)
