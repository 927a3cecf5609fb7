"""
How long each part of a copy takes.

Promise: a part that fails is not counted; parts stand in the order in which they were done.
"""

from collections.abc import Callable
from time import monotonic


class Stages:
    """Does the parts of one copy, and times them; its clock runs from when it is made."""

    def __init__(self) -> None:
        self._begun = monotonic()
        self.seconds: dict[str, float] = {}
        """Of each part, by its name."""

    def __call__(self, name: str, work: Callable[[], None]) -> None:
        started = monotonic()
        work()
        self.seconds[name] = round(monotonic() - started, 3)

    @property
    def total_seconds(self) -> float:
        """What has passed since the beginning, between the parts too."""
        return round(monotonic() - self._begun, 3)
