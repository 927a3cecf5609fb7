"""
The steps of a live move as a playbook orders them, for tests that carry them out one by one.

Promise: up to `BESIDE_WORK` legacy is at work all the time; `TOWARDS` ends with the way back armed.
"""

from typing import Any

from migrate.step import Result, StepContext, known_steps

Steps = tuple[tuple[str, dict[str, Any]], ...]
"""Each with its parameters."""

BESIDE_WORK: Steps = (
    ("start-replication", {}),
    ("copy-files", {"pass": "base"}),
    ("compare-live", {}),
)
TOWARDS: Steps = (
    ("catch-up", {}),
    ("copy-files", {"pass": "ready"}),
    ("compare-live", {}),
    ("freeze-legacy", {}),
    ("final-sync", {}),
    ("compare-content", {}),
    ("arm-way-back", {}),
)


def act(name: str, ctx: StepContext, **params: Any) -> Result:
    """Carry out one step."""
    return known_steps()[name].act(StepContext(ctx.case, ctx.hosts, ctx.progress, ctx.attempt, params))


def act_all(ctx: StepContext, steps: Steps) -> None:
    """Carry these out, in order."""
    for name, params in steps:
        act(name, ctx, **params)
