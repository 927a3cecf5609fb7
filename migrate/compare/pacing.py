"""
Yielding to the source's own work: a comparison beside it asks for the next piece while the source is well.

Promise: any one measure over its limit, or a person, holds it back; which one is said once; then it goes on
by itself. A source that does not answer holds nothing back: whoever reads it next finds that out.

Source: gh-ost's throttle, as for the base copy; that one's is a script, which runs beside the copy and needs
nobody (`migrate.throttle`).
"""

import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from threading import Lock

from migrate.errors import ConnectionFailed
from provisioning.manifest import Throttle

LOOK_SECONDS = 1.0
_MIB = 1024**2


@dataclass(frozen=True)
class Care:
    """What a comparison beside running work yields to."""

    limits: Throttle
    why_held: Callable[[], str]
    """Why a person has it wait; empty while nobody has."""
    say: Callable[[str], None]


@dataclass(frozen=True)
class Health:
    """How a source is, as live_health.sql and mariadb_health.sql tell it."""

    latency_us: int
    behind_bytes: int
    active_sessions: int


def unwell(usual: Health, now: Health, limits: Throttle, *, sessions: int) -> str:
    """
    Return the first measure that is over its limit, and the limit; empty while all is well.

    Args:
        usual: How it was before.
        sessions: So many may be at work.
    """
    latency_us = max(usual.latency_us * limits.times_slower, limits.at_least_ms * 1000)
    if now.latency_us > latency_us:
        return f"the source answers in {now.latency_us // 1000} ms, limit {latency_us // 1000} ms"
    behind = usual.behind_bytes + limits.behind_mb * _MIB
    if now.behind_bytes > behind:
        return f"a standby of the source is {now.behind_bytes // _MIB} MiB behind, limit {behind // _MIB} MiB"
    if now.active_sessions > sessions:
        return f"{now.active_sessions} sessions are at work on the source, limit {sessions}"
    return ""


class Pace:
    """Called before each piece, by any of the readers; returns when the source may be asked again."""

    def __init__(self, health: Callable[[], Health], sessions: int, care: Care) -> None:
        """
        Args:
            health: Asks the source how it is.
            sessions: So many may be at work on it.

        Raises:
            ConnectionFailed: It does not answer, so nobody knows what is usual.
        """
        self._health, self._sessions, self._care = health, sessions, care
        self._lock, self._looked_at, self._told = Lock(), float("-inf"), ""
        self._usual = health()

    def __call__(self) -> None:
        # One looks for all.
        with self._lock:
            if time.monotonic() < self._looked_at + LOOK_SECONDS:
                return
            while why := self._why():
                if why != self._told:
                    self._care.say(f"the comparison waits: {why}")
                self._told = why
                time.sleep(LOOK_SECONDS)  # a server's health is no event that could be waited for
            if self._told:
                self._care.say("the comparison goes on")
            self._told, self._looked_at = "", time.monotonic()

    def _why(self) -> str:
        if held := self._care.why_held():
            return held
        with suppress(ConnectionFailed):
            return unwell(self._usual, self._health(), self._care.limits, sessions=self._sessions)
        return ""
