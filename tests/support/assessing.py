"""
Assessing a move in small, for tests: all of it, or the findings by their ids.

Promise: measures for real; only the look at the write rate is cut short.
"""

import pytest

from migrate.assess import database as measuring
from migrate.assess import measure
from migrate.assess.facts import Assessment, Finding
from migrate.case import Case
from tests.support.moves import Move, Told


def make_quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Look at the write rate no longer than it takes."""
    monkeypatch.setattr(measuring, "RATE_SECONDS", 0.0)


def assessed(move: Move) -> Assessment:
    with move.hosts() as hosts:
        return measure(Case(hosts.workspace, move.manifest), hosts, Told())


def found(move: Move) -> dict[str, Finding]:
    """Findings by id; of several with one id the last."""
    return {finding.id: finding for finding in assessed(move).findings}
